{# Tests whose SQL, or whose statements, may be others in the next run; each reads its table as it should. #}

{% test moment(model) %}
select '{{ run_started_at }}' as moment from {{ model }} where false
{% endtest %}

{% macro innermost_moment() %}{{ return(run_started_at) }}{% endmacro %}
{% macro inner_moment() %}{{ return(innermost_moment()) }}{% endmacro %}
{% test moment_nested(model) %}
select '{{ inner_moment() }}' as moment from {{ model }} where false
{% endtest %}

{% macro told_moment() %}{{ return(adapter.dispatch('told_moment', 'lab')()) }}{% endmacro %}
{% macro default__told_moment() %}nothing{% endmacro %}
{% macro postgres__told_moment() %}{{ run_started_at }}{% endmacro %}
{% test moment_dispatched(model) %}
select '{{ told_moment() }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_as_condition(model) %}
select 1 from {{ model }} where {% if run_started_at.hour < 24 %} false {% else %} true {% endif %}
{% endtest %}

{% test moment_looked_up(model) %}
select '{{ context['run_started_at'] }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_got(model) %}
select '{{ context.get('run_started_at') }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_of_builtins(model) %}
select '{{ builtins['run_started_at'] }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_called_by_name(model) %}
select '{{ context['inner_' ~ 'moment']() }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_in_a_variable(model) %}
select '{{ var('moment') }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_rendered(model) %}
select '{{ render('{' ~ '{ run_started_at }' ~ '}') }}' as moment from {{ model }} where false
{% endtest %}

{% test moment_when_called_back(model) %}
{% call(given) called_back() %}'{{ run_started_at }}'{% endcall %} from {{ model }} where false
{% endtest %}
{% macro called_back() %}select {{ caller(1) }}{% endmacro %}

{% test all_names(model) %}
select {{ context.keys() | list | length }} as names from {{ model }} where false
{% endtest %}

{% test invocation(model) %}
select '{{ invocation_id }}' as invocation from {{ model }} where false
{% endtest %}

{% test invocation_logged(model) %}
select 1 from {{ model }} where false {{ log(invocation_id) }}
{% endtest %}

{% test environment(model) %}
select '{{ env_var('HOME', '') }}' as home from {{ model }} where false
{% endtest %}

{% test graph_size(model) %}
select {{ graph.nodes | length }} as nodes from {{ model }} where false
{% endtest %}

{% test clock(model) %}
select '{{ modules.datetime.datetime.now() }}' as moment from {{ model }} where false
{% endtest %}

{% test clock_looked_up(model) %}
select '{{ modules['datetime'].date.today() }}' as moment from {{ model }} where false
{% endtest %}

{% test clock_among_others(model) %}
select 1 as a{% for name in modules %}, '{{ name }}' as m{{ loop.index }}{% endfor %} from {{ model }} where false
{% endtest %}

{% test thread(model) %}
select '{{ thread_id }}' as thread from {{ model }} where false
{% endtest %}

{% test selected(model) %}
select {{ selected_resources | length }} as selected from {{ model }} where false
{% endtest %}

{% test started_with(model) %}
select '{{ invocation_args_dict.which }}' as which from {{ model }} where false
{% endtest %}

{% test flag(model) %}
select '{{ flags.LOG_PATH }}' as path from {{ model }} where false
{% endtest %}

{% test parsed_at(model) %}
select {{ context.model.created_at }} as moment from {{ model }} where false
{% endtest %}

{% test whole_node(model) %}
select $node$ {{ context.model }} $node$ as node from {{ model }} where false
{% endtest %}

{% test chance(model) %}
select {{ [1, 2, 3] | random }} as chosen from {{ model }} where false
{% endtest %}

{% test chance_mapped(model) %}
select {{ [[1, 2], [3, 4]] | map('random') | join(' + ') }} as chosen from {{ model }} where false
{% endtest %}

{% test placeholder_text(model) %}
select $t$ {{ lipsum(n=1, html=false, min=2, max=3) }} $t$ as text from {{ model }} where false
{% endtest %}

{% test asks_first(model) %}
{% set answer = run_query('select 1 as a') if execute %}
select 1 from {{ model }} where {{ answer.rows | length if answer else 0 }} = 2
{% endtest %}

{% test asks_the_catalog(model) %}
{% set columns = adapter.get_columns_in_relation(source('raw', 'groups')) %}
select 1 from {{ model }} where {{ columns | length }} = 0
{% endtest %}

{% test asks_the_cache(model) %}
select 1 from {{ model }} where {{ load_relation(source('raw', 'groups')) is none }}
{% endtest %}

{% test asks_by_another_way(model) %}
select 1 from {{ model }} where {{ source.db_wrapper.get_columns_in_relation(source('raw', 'groups')) | length }} = 0
{% endtest %}

{% test address(model) %}
select $a$ {{ adapter }} $a$ as a from {{ model }} where false
{% endtest %}

{# The slice's text, and not its values alone. #}

{% test slice_as_text(model) %}
select 1 from {{ model }} where $slice${{ model }}$slice$ = ''
{% endtest %}

{% test slice_in_doubled_quotes(model) %}
select 1 from {{ model }} where '{{ model | string | replace("'", "''") }}' = ''
{% endtest %}

{% test slice_in_a_comment(model) %}
select 1 from {{ model }} where false /* {{ model }} */
{% endtest %}

{% test slice_by_its_length(model) %}
select {{ model | string | length }} as length from {{ model }} where false
{% endtest %}

{% test slice_by_its_value(model) %}
select 1 from {{ model }} where {{ 'true' if "'a'" in model | string else 'false' }}
{% endtest %}

{% test slice_that_must_be_known(model) %}
{% if 'another' in model | string %}{{ exceptions.raise_compiler_error('unknown') }}{% endif %}
select 1 from {{ model }} where false
{% endtest %}

{# Ends dbt's own query and begins another. #}
{% test two_statements(model) %}
select 1 from {{ model }} where false) as first; select count(*) as failures, false as should_warn, false as should_error from (select 1 from {{ model }}
{% endtest %}

{# Reads its table by itself, and mentions the slice. #}
{% test slice_in_a_comment_alone(model) %}
select id from {{ source('raw', 'things') }} where id is null -- was: {{ model }}
{% endtest %}
