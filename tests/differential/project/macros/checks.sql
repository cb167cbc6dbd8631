{# Tests as people write them: nothing in them changes from run to run. #}

{% test holds(model, expression) %}
select * from {{ model }} where not ({{ expression }})
{% endtest %}

{% test at_most(model, column_name, share=0.5) %}
{%- set unused = namespace(n=0) -%}
with rows as (select {{ column_name }} as value from {{ model }}),
     counted as (select count(*) as n, count(value) as known from rows)
select * from counted where known < n * {{ share }}
{% endtest %}


{# Reads the table twice, so each value of a slice stands in it twice. #}
{% test not_above_average(model, column_name) %}
select {{ column_name }} from {{ model }} where {{ column_name }} > 2 * (select avg({{ column_name }}) from {{ model }})
{% endtest %}

{# All that Postgres' lexer knows, and Jinja that stays the same. #}
{% test odd_text(model, column_name) %}
{%- set listed = var('listed') -%}
select {{ column_name }} as "od;d ""name", '%s $1 ;' as a, $$ '; $$ as b, $x$ $$ ; $x$ as c, E'\';' as d -- it's ; a comment
from {{ model }} /* another ; /* nested ' */ */
where {{ column_name }} like '%a%' or {{ column_name }} in (
  {%- for one in listed %}'{{ one | replace("'", "''") }}'{% if not loop.last %}, {% endif %}{% endfor -%}
) or {{ column_name }} = '{{ local_md5(model | string | length and 'constant') }}'
  or '{"a": 1}'::jsonb ? {{ dbt.string_literal('b') }}
  or {{ var('rendered') }} > {{ var('plain') }}
  or {{ tojson({'k': [1, none]}) | length }} < 0
{% endtest %}

{% macro shared_condition(column) %}{{ return(adapter.dispatch('shared_condition', 'lab')(column)) }}{% endmacro %}
{% macro default__shared_condition(column) %}{{ column }} is distinct from 'never'{% endmacro %}
{% macro postgres__shared_condition(column) %}{{ column }} is not distinct from 'x'{% endmacro %}

{% test dispatched(model, column_name) %}
select 1 from {{ model }} where {{ shared_condition(column_name) }} {{ log(target.name ~ target.schema ~ project_name) }}
{% endtest %}

{% test sums(model, column_name) %}
select {{ column_name }} as n from {{ model }} where {{ column_name }} is not null
{% endtest %}

{% test now_and_then(model, column_name) %}
select {{ column_name }} from {{ model }} where {{ column_name }} > now() + interval '100 years' or current_date < date '2000-01-01'
{% endtest %}
