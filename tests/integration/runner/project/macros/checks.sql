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

{# Asks the table itself while it is rendered. #}
{% test counted_first(model, column_name) %}
{% set counted = run_query("select count(*) from " ~ model) %}
select * from {{ model }} where {{ column_name }} is null and {{ counted.columns[0][0] if execute else 0 }} > 0
{% endtest %}

{% test slow(model, seconds) %}
select pg_sleep({{ seconds }}) from {{ model }}
{% endtest %}

{# Stops at the first row. #}
{% test any_at_all(model) %}
select 1 as one from (select * from {{ model }} limit 1) as first
{% endtest %}

{% test writes(model) %}
select raw.leave_a_trace() from {{ model }}
{% endtest %}

{% test row_as_text(model) %}
select cast(t as text) as whole_row, lower(email) as mail, email as contact, id as number, count(*) over () as n
from (select * from {{ model }}) as t
{% endtest %}

{% test numbers(model) %}
select 7 as whole, 0.25 as exact, 12345678901234567890123 as long, 0.1234567890123456789 as fine,
       9223372036854775807 as big, 1 as twice, 2 as twice, repeat('x', 600) as text
where exists (select 1 from {{ model }})
{% endtest %}

{% test any_row(model, column_name) %}
select {{ column_name }} from {{ model }}
{% endtest %}

{% test peeks(model, variable) %}
select 1 as seen where '{{ env_var(variable, "nothing") }}' <> 'nothing'
{# so that a slice would be seen #} and exists (select 1 from {{ model }})
{% endtest %}

{% test tells(model, variable) %}
{{ exceptions.raise_compiler_error("the password is " ~ env_var(variable)) }}
{% endtest %}

{% test slow_once(model, seconds) %}
select pg_sleep({{ seconds }}) where exists (select 1 from {{ model }})
{% endtest %}

{% test unique_combination_of_columns(model, combination_of_columns, whole=none) %}
select {{ combination_of_columns | join(", ") }} from {{ model }} group by {{ combination_of_columns | join(", ") }} having count(*) > 1
{% endtest %}
