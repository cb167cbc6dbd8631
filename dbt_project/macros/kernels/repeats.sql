{#- The combinations of values in these columns (a list of SQL) that occur more than once among the rows that `row_condition` keeps; nulls
    are equal here. With `whole`, which a gate gives where `model` is a slice of it: the combinations of the slice that occur more than
    once in the whole table. `n_records` is how often one occurs, `n_records_of_slice` how often within it. -#}
{% macro stringx__repeated_combinations(model, columns, row_condition=none, whole=none) %}
{%- set columns_csv = columns | join(", ") %}

{% if whole is none %}
select {{ columns_csv }}, count(*) as n_records
from {{ model }}
where {{ stringx__only(row_condition) }}
group by {{ columns_csv }}
having count(*) > 1
{% else %}
-- `group by` has nulls be equal, as a join would not
select {{ columns_csv }}, sum(of_the_whole) as n_records, sum(of_the_slice) as n_records_of_slice
from (
    select *, 1 as of_the_whole, 0 as of_the_slice from {{ whole }} where {{ stringx__only(row_condition) }}
    union all
    select *, 0 as of_the_whole, 1 as of_the_slice from {{ model }} where {{ stringx__only(row_condition) }}
) as counted
group by {{ columns_csv }}
having sum(of_the_whole) > 1 and sum(of_the_slice) > 0
{% endif %}

{% endmacro %}
