{#-
    No two rows have the same values in all of these columns; nulls are equal here. Fails with one row for each combination
    that occurs more than once. Name, arguments and meaning are those of dbt_utils; `n_records` is ours, for the sample.

    With `whole`, which a gate gives where `model` is a slice of it: the combinations of the slice that occur more than once in
    the whole table.

        data_tests:
          - unique_combination_of_columns:
              arguments: {combination_of_columns: [flight_date, carrier, flight, origin]}
-#}
{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false, whole=none) %}

{%- if combination_of_columns is string or combination_of_columns is not sequence or not combination_of_columns -%}
    {{ exceptions.raise_compiler_error("`combination_of_columns` must be a list of columns, got " ~ combination_of_columns) }}
{%- endif -%}
{%- set columns = [] -%}
{%- for column in combination_of_columns -%}
    {%- do columns.append(adapter.quote(column) if quote_columns else column) -%}
{%- endfor -%}
{%- set columns_csv = columns | join(", ") %}

{% if whole is none %}
select {{ columns_csv }}, count(*) as n_records
from {{ model }}
group by {{ columns_csv }}
having count(*) > 1
{% else %}
-- `group by` has nulls be equal, as a join would not
select {{ columns_csv }}, sum(of_the_whole) as n_records
from (
    select *, 1 as of_the_whole, 0 as of_the_slice from {{ whole }}
    union all
    select *, 0 as of_the_whole, 1 as of_the_slice from {{ model }}
) as counted
group by {{ columns_csv }}
having sum(of_the_whole) > 1 and sum(of_the_slice) > 0
{% endif %}

{% endtest %}
