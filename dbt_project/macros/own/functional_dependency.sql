{#-
    The determinant columns decide the dependent ones: rows with the same values in the former have the same in the latter (nulls are
    equal). Rows that have a null in a determinant column are not looked at: nothing is known to be the same. Fails with each
    combination of the determinant columns that has more than one of the dependent ones.

        data_tests:
          - functional_dependency:
              arguments: {determinant_columns: [origin, dest], dependent_columns: [distance]}
-#}
{% test functional_dependency(model, determinant_columns, dependent_columns) %}
{%- set determinants = determinant_columns | join(", ") -%}
{%- set combined = (determinant_columns + dependent_columns) | unique | join(", ") %}

select {{ determinants }}, count(*) as n_dependents, sum(n_records) as n_records
from (
    select {{ combined }}, count(*) as n_records
    from {{ model }}
    where {% for column in determinant_columns %}{{ column }} is not null{{ " and " if not loop.last }}{% endfor %}
    group by {{ combined }}
) as combinations
group by {{ determinants }}
having count(*) > 1

{% endtest %}
