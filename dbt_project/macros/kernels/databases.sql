{#- What databases write differently. A project can add `<adapter>__stringx__…` for one that is not here. -#}

{#- The condition that a text matches a regular expression of the database's own kind. -#}
{% macro stringx__matches_regex(value, regex, flags="") -%}
    {{ return(adapter.dispatch("stringx__matches_regex")(value, regex, flags)) }}
{%- endmacro %}

{% macro default__stringx__matches_regex(value, regex, flags) -%}
    {%- if flags -%}
        {{ exceptions.raise_compiler_error("`flags` of a regular expression are not known for " ~ target.type ~ ": leave them out") }}
    {%- endif -%}
    {{ return("regexp_instr(" ~ value ~ ", " ~ stringx__text(regex) ~ ") > 0") }}
{%- endmacro %}

{#- On Postgres a null does not match. `g` asks for all matches, where one is enough. -#}
{% macro postgres__stringx__matches_regex(value, regex, flags) -%}
    {{ return("regexp_match(" ~ value ~ ", " ~ stringx__text(regex) ~ ", " ~ stringx__text(flags | replace("g", "")) ~ ") is not null") }}
{%- endmacro %}

{% macro duckdb__stringx__matches_regex(value, regex, flags) -%}
    {{ return("regexp_matches(" ~ value ~ ", " ~ stringx__text(regex) ~ ", " ~ stringx__text(flags) ~ ")") }}
{%- endmacro %}

{#- This moment as a timestamp without zone, in the time zone of `stringx__time_zone`. -#}
{% macro stringx__now() -%}
    {{ return(stringx__at_time_zone(dbt.current_timestamp(), stringx__time_zone())) }}
{%- endmacro %}

{#- The time zone that the variable `stringx:time_zone` names (or `dbt_date:time_zone`, as dbt_expectations has it); none where that of
    the database's session counts. -#}
{% macro stringx__time_zone() -%}
    {{ return(var("stringx:time_zone", var("dbt_date:time_zone", none))) }}
{%- endmacro %}

{#- A point in time as a timestamp without zone: as the clocks of `time_zone` show it, or those of the database's session. -#}
{% macro stringx__at_time_zone(moment, time_zone=none) -%}
    {{ return(adapter.dispatch("stringx__at_time_zone")(moment, time_zone)) }}
{%- endmacro %}

{% macro default__stringx__at_time_zone(moment, time_zone) -%}
    {%- if time_zone -%}
        {{ return("convert_timezone(" ~ stringx__text(time_zone) ~ ", " ~ moment ~ ")") }}
    {%- endif -%}
    {{ return(stringx__timestamp(moment)) }}
{%- endmacro %}

{% macro postgres__stringx__at_time_zone(moment, time_zone) -%}
    {{ return(stringx__timestamp(moment ~ " at time zone " ~ stringx__text(time_zone) if time_zone else moment)) }}
{%- endmacro %}

{% macro duckdb__stringx__at_time_zone(moment, time_zone) -%}
    {{ return(postgres__stringx__at_time_zone(moment, time_zone)) }}
{%- endmacro %}

{#- SQL as a timestamp without zone. -#}
{% macro stringx__timestamp(value) -%}
    {{ return("cast(" ~ value ~ " as " ~ dbt.type_timestamp() ~ ")") }}
{%- endmacro %}

{#- The condition that a timestamp is one of the calendar: not `infinity`, and not null. -#}
{% macro stringx__is_finite(moment) -%}
    {{ return(adapter.dispatch("stringx__is_finite")(moment)) }}
{%- endmacro %}

{% macro default__stringx__is_finite(moment) -%}
    {{ return(moment ~ " is not null") }}
{%- endmacro %}

{% macro postgres__stringx__is_finite(moment) -%}
    {{ return("isfinite(" ~ moment ~ ")") }}
{%- endmacro %}

{% macro duckdb__stringx__is_finite(moment) -%}
    {{ return(postgres__stringx__is_finite(moment)) }}
{%- endmacro %}

{#- The value below which this share of an aggregate's values lies, between two of them where it must be. -#}
{% macro stringx__percentile(value, share) -%}
    {{ return(adapter.dispatch("stringx__percentile")(value, share)) }}
{%- endmacro %}

{% macro default__stringx__percentile(value, share) -%}
    {{ return("percentile_cont(" ~ share ~ ") within group (order by " ~ value ~ ")") }}
{%- endmacro %}
