{#- A series with gaps. -#}

{#- Rows of `moment` (a timestamp): from `first` on, in steps of so many of the date part, up to and without `end`; both SQL of
    timestamps. No rows where one of them is null. -#}
{% macro stringx__series(first, end, datepart, step=1) -%}
    {{ return(adapter.dispatch("stringx__series")(first, end, datepart, step)) }}
{%- endmacro %}

{#- By counting up in SQL alone: without asking the database for the bounds first. -#}
{% macro default__stringx__series(first, end, datepart, step) %}
    with recursive series as (
        select {{ first }} as moment where {{ first }} < {{ end }}
        union all
        select {{ stringx__timestamp(dbt.dateadd(datepart, step, "moment")) }} from series
        where {{ stringx__timestamp(dbt.dateadd(datepart, step, "moment")) }} < {{ end }}
    )
    select moment from series
{% endmacro %}
