{% test holds(model, expression) %}
select * from {{ model }} where not ({{ expression }})
{% endtest %}

{# Asks the catalog first: two statements. #}
{% test looks_at_columns(model, column_name) %}
{% set columns = adapter.get_columns_in_relation(source('raw', 'orders')) %}
select * from {{ model }} where {{ column_name }} is null and {{ columns | length }} > 0
{% endtest %}

{# It takes for ever where a row has the status `slow`. #}
{% test slow(model) %}
select slow.status from (select * from {{ model }} where status = 'slow') as slow, range(100000000000) as many(number)
where many.number % 7 = 9
{% endtest %}
