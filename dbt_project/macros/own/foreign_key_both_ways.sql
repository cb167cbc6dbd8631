{#-
    A foreign key that leaves nobody out: each value is a `field` of the table `to`, and each `field` of that table is a value here.
    Nulls are no values. Fails with each value that only one of them has, once.

        data_tests:
          - foreign_key_both_ways:
              arguments: {to: source('raw', 'airlines'), field: carrier}
-#}
{% test foreign_key_both_ways(model, column_name, to, field) %}

select
    coalesce(cast(value_here as {{ dbt.type_string() }}), cast(value_there as {{ dbt.type_string() }})) as value_field,
    case when value_there is null then 'model' else 'to' end as only_in
from {{ stringx__values_of_both(model, column_name, to, field) }}
where value_here is null or value_there is null

{% endtest %}


{#- The values of two columns, once each, side by side; null where the other has it alone. -#}
{% macro stringx__values_of_both(model, column_name, to, field) -%}
(
    select distinct {{ column_name }} as value_here from {{ model }} where {{ column_name }} is not null
) as here
full join (
    select distinct {{ field }} as value_there from {{ to }} where {{ field }} is not null
) as there on value_there = value_here
{%- endmacro %}


{#- Each value that one of the columns has. -#}
{% macro stringx__each_value_of_both(model, column_name, to, field) %}

select value_here, value_there
from {{ stringx__values_of_both(model, column_name, to, field) }}

{% endmacro %}
