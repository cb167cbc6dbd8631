{% test holds(model, expression) %}
select * from {{ model }} where not ({{ expression }})
{% endtest %}

{# Names its table itself, and so never sees the slice. #}
{% test deaf(model, column_name) %}
select * from {{ source('raw', 'orders') }} where {{ column_name }} is null
{% endtest %}

{# Asks the catalog first: two statements, of which only the second reads the table. #}
{% test looks_at_columns(model, column_name) %}
{% set columns = adapter.get_columns_in_relation(source('raw', 'orders')) %}
select * from {{ model }} where {{ column_name }} is null and {{ columns | length }} > 0
{% endtest %}

{% test slow(model, seconds) %}
select pg_sleep({{ seconds }}) from {{ model }}
{% endtest %}

{% test writes(model) %}
select raw.leave_a_trace() from {{ model }}
{% endtest %}

{% test row_as_text(model) %}
select cast(t as text) as whole_row, lower(email) as mail, email as contact, id as number, count(*) over () as n
from {{ model }} as t
{% endtest %}

{% test largest(model, column_name) %}
{{ config(fail_calc="max(" ~ column_name ~ ")") }}
select * from {{ model }}
{% endtest %}
