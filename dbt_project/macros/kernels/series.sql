{#- A series with gaps: the periods, each of `step` dateparts, in which `rows_at` has no `moment`; with `each`, all periods. The first
    begins at `first_moment` of `bounds` (one row), the last before its `end_moment`. All three are timestamps at a datepart's begin, none
    of them `infinity`, the moments no twice. One row, `period`, for the begin of each; none where a bound is null. -#}
{% macro stringx__periods(rows_at, bounds, datepart, step=1, each=false) %}

select min(series.moment) as period
from (
    select moment, end_moment, floor((row_number() over (order by moment) - 1) / {{ step }}) as place
    from (
        {{ stringx__series(bounds, datepart, step - 1) }}
    ) as dateparts
) as series
left join {{ rows_at }} as rows_at on rows_at.moment = series.moment
group by series.place
having {% if not each %}count(rows_at.moment) = 0 and {% endif %}min(series.moment) < min(series.end_moment)

{% endmacro %}

{#- Each datepart's `moment` from `first_moment` of `bounds` on, up to and without its `end_moment` and so many more. -#}
{% macro stringx__series(bounds, datepart, more=0) -%}
    {{ return(adapter.dispatch("stringx__series")(bounds, datepart, more)) }}
{%- endmacro %}

{% macro default__stringx__series(bounds, datepart, more) %}
with recursive counted as (
    select first_moment as moment, end_moment
    from {{ bounds }}
    where first_moment < end_moment
    union all
    select {{ stringx__timestamp(stringx__later("moment", 1, datepart)) }}, end_moment
    from counted
    where {{ stringx__later("moment", 1, datepart) }} < {{ stringx__later("end_moment", more, datepart) }}
)
select moment, end_moment
from counted
{% endmacro %}

{#- A moment so many dateparts later. -#}
{% macro stringx__later(moment, count, datepart) -%}
    {{ return(adapter.dispatch("stringx__later")(moment, count, datepart)) }}
{%- endmacro %}

{% macro default__stringx__later(moment, count, datepart) -%}
    {{ return(dbt.dateadd(datepart, count, moment)) }}
{%- endmacro %}

{#- Postgres has no interval of a quarter. -#}
{% macro postgres__stringx__later(moment, count, datepart) -%}
    {{ return(dbt.dateadd("month", count * 3, moment) if datepart == "quarter" else dbt.dateadd(datepart, count, moment)) }}
{%- endmacro %}
