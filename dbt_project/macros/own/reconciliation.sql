{#-
    The rows of this table and of `compare_model` belong to each other by their keys (nulls are equal), and agree in the
    `compare_columns` (or SQL, as `cast(paid as int)` for a boolean): with `tolerance`, numbers within that, else exactly. Fails with
    each key that is not once in each of them, or whose values do not agree (a null and a value do not).

    `slice_columns`: columns of both tables by which a slice is cut. Then only those rows of the other table are compared whose
    values in them are found in this one; else all are.

        data_tests:
          - reconciles_by_keys:
              arguments: {compare_model: source('bank', 'payments'), key_columns: [payment_id], compare_columns: [amount], tolerance: 0.01}
-#}
{% test reconciles_by_keys(model, compare_model, key_columns, compare_columns=[], tolerance=0, slice_columns=[]) %}
{%- set keys = key_columns | join(", ") -%}
{%- set differing = [] %}

select *
from (
    select
        {{ keys }},
        {%- for column in compare_columns %}
        {%- set here, there = adapter.quote("here_" ~ loop.index), adapter.quote("there_" ~ loop.index) %}
        {%- do differing.append(stringx__differ(here, there, tolerance)) %}
        max(case when rows_here > 0 then value_{{ loop.index }} end) as {{ here }},
        max(case when rows_there > 0 then value_{{ loop.index }} end) as {{ there }},
        {%- endfor %}
        sum(rows_here) as rows_here,
        sum(rows_there) as rows_there
    from (
        {{ stringx__both(model, compare_model, key_columns, compare_columns, slice_columns) }}
    ) as of_both
    group by {{ keys }}
) as by_key
where {{ (["rows_here <> 1", "rows_there <> 1"] + differing) | join(" or ") }}

{% endtest %}


{#-
    The sums of these columns are those of `compare_model`, within `tolerance` plus `relative_tolerance` times the other's sum; with
    `group_by_columns`, in each group (nulls are equal) that one of them has, the other's sum being 0. Fails with each group in which
    one sum is not. `slice_columns` are those of `reconciles_by_keys`.

        data_tests:
          - reconciles_by_sums:
              arguments: {compare_model: source('bank', 'ledger'), sum_columns: [amount], group_by_columns: [booked_on], tolerance: 1}
-#}
{% test reconciles_by_sums(
    model, compare_model, sum_columns, group_by_columns=[], tolerance=0, relative_tolerance=0, slice_columns=[]
) %}
{%- set groups = group_by_columns | join(", ") %}
{%- set differing = [] %}
{%- for column in sum_columns %}
    {%- set here, there = "here_" ~ loop.index, "there_" ~ loop.index %}
    {%- set relative = " + (" ~ relative_tolerance ~ ") * abs(" ~ there ~ ")" if relative_tolerance else "" %}
    {%- do differing.append(stringx__apart(here, there, "(" ~ tolerance ~ ")" ~ relative)) %}
{%- endfor %}

select *
from (
    select
        {% for column in group_by_columns %}{{ column }}, {% endfor %}
        {%- for column in sum_columns %}
        coalesce(sum(case when rows_here > 0 then value_{{ loop.index }} end), 0) as here_{{ loop.index }},
        coalesce(sum(case when rows_there > 0 then value_{{ loop.index }} end), 0) as there_{{ loop.index }}{{ "," if not loop.last }}
        {%- endfor %}
    from (
        {{ stringx__both(model, compare_model, group_by_columns, sum_columns, slice_columns) }}
    ) as of_both
    {% if groups %}group by {{ groups }}{% endif %}
) as summed
where {{ differing | join(" or ") }}

{% endtest %}


{#- Each key, or group, that one of the tables has. -#}
{% macro stringx__each_key(model, compare_model, key_columns=none, group_by_columns=none, slice_columns=[]) %}
{%- do kwargs -%}
{%- set keys = key_columns or group_by_columns %}

select {{ keys | join(", ") }}
from (
    {{ stringx__both(model, compare_model, keys, [], slice_columns) }}
) as of_both
group by {{ keys | join(", ") }}

{% endmacro %}


{#- The rows of both tables: `keys` as they are called, these columns as `value_1`…, and which table a row is of. -#}
{% macro stringx__both(model, compare_model, keys, columns, slice_columns) %}
{%- set listed %}
    {%- for key in keys %}{{ key }}, {% endfor %}
    {%- for column in columns %}{{ column }} as value_{{ loop.index }}, {% endfor %}
{%- endset %}
        select {{ listed }}1 as rows_here, 0 as rows_there from {{ model }}
        union all
        select {{ listed }}0 as rows_here, 1 as rows_there from {{ compare_model }}
        {%- if slice_columns %}
        -- named `here`, so that no column of the other table can stand in for one that this table does not have
        {%- set of_here, filled, without, alike = [], [], [], [] %}
        {%- for column in slice_columns %}
            {%- do of_here.append("here." ~ column) %}
            {%- do filled.append(column ~ " is not null") %}
            {%- do without.append(column ~ " is null") %}
            {%- do alike.append("here." ~ column ~ " is not distinct from there." ~ column) %}
        {%- endfor %}
        where {{ filled | join(" and ") }}
        and ({{ slice_columns | join(", ") }}) in (select {{ of_here | join(", ") }} from (select * from {{ model }}) as here)
        -- apart, since only what is compared by `=` is found without going through all of `here` for each row
        union all
        select {{ listed }}0 as rows_here, 1 as rows_there from {{ compare_model }} as there
        where ({{ without | join(" or ") }})
        and exists (
            select 1
            from (select distinct {{ of_here | join(", ") }} from (select * from {{ model }}) as here) as here
            where {{ alike | join(" and ") }}
        )
        {%- endif %}
{%- endmacro %}


{#- The condition that two values do not agree. -#}
{% macro stringx__differ(here, there, tolerance) -%}
    {%- if tolerance -%}
        {{ return("(" ~ here ~ " is null) <> (" ~ there ~ " is null) or " ~ stringx__apart(here, there, "(" ~ tolerance ~ ")")) }}
    {%- endif -%}
    {{ return(here ~ " is distinct from " ~ there) }}
{%- endmacro %}


{#- The condition that two numbers are not within a tolerance. Equal infinities are; of their difference nothing could be told. -#}
{% macro stringx__apart(here, there, tolerance) -%}
    {{ return("(" ~ here ~ " <> " ~ there ~ " and not abs(" ~ here ~ " - " ~ there ~ ") <= " ~ tolerance ~ ")") }}
{%- endmacro %}
