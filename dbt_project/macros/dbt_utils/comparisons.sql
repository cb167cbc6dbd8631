{#-
    Each value that is not null is a `field` of the table `to`, as in dbt's `relationships`; of this table, only rows for which
    `from_condition` is true are looked at, of that one only those with `to_condition` (SQL). Fails with the rows without one.

        data_tests:
          - relationships_where:
              arguments: {to: source('raw', 'planes'), field: tailnum, from_condition: carrier not in ('AA', 'MQ')}
-#}
{% test relationships_where(model, column_name, to, field, from_condition="1=1", to_condition="1=1", context_columns=none) %}

-- each condition sees the columns of its own table alone
select {{ stringx__shown([column_name], context_columns) }}
from (
    select *, {{ column_name }} as stringx_value
    from {{ model }}
    where {{ stringx__only(from_condition) }}
) as child
left join (
    select {{ field }} as stringx_parent
    from {{ to }}
    where {{ stringx__only(to_condition) }}
) as parent on stringx_parent = stringx_value
where stringx_value is not null and stringx_parent is null

{% endtest %}


{#-
    Each value occurs as often as in `field` of the table `to`; nulls are equal. Fails with each value and count that only one of them
    has.

        data_tests:
          - cardinality_equality:
              arguments: {to: source('raw', 'airports'), field: faa}
-#}
{% test cardinality_equality(model, column_name, to, field) %}

{{ stringx__cardinalities(model, column_name, to, field) }}

{{ stringx__in_one_alone("here", "there") }}

{% endtest %}


{#- `here` and `there`: the values of two columns, with how often each occurs. -#}
{% macro stringx__cardinalities(model, column_name, to, field) -%}
with here as (
    select {{ column_name }} as value_field, count(*) as n_records from {{ model }} group by {{ column_name }}
),

there as (
    select {{ field }} as value_field, count(*) as n_records from {{ to }} group by {{ field }}
)
{%- endmacro %}


{#- Each value that one of them has; twice where it occurs more often in one: that may fail twice. -#}
{% macro stringx__each_cardinality(model, column_name, to, field) %}

{{ stringx__cardinalities(model, column_name, to, field) }}

select * from here
union
select * from there

{% endmacro %}


{#-
    As many rows as `compare_model` has; with `group_by_columns`, in each group that one of them has. Counts as failures the rows by
    which they differ, and shows the groups that do.

        data_tests:
          - equal_rowcount:
              arguments: {compare_model: ref('flights_cleaned'), group_by_columns: [flight_date]}
-#}
{% test equal_rowcount(model, compare_model, group_by_columns=[]) %}
{{ config(fail_calc="cast(coalesce(sum(abs(rows_here - rows_there)), 0) as " ~ dbt.type_bigint() ~ ")") }}

select *
from (
    {{ stringx__rows_of_both(model, compare_model, group_by_columns) }}
) as counted
where rows_here <> rows_there

{% endtest %}


{#-
    Fewer rows than `compare_model` has; with `group_by_columns`, in each group that this table has. Counts as failures the rows that
    are too many, one where both have as many, and shows the groups that have them.

        data_tests:
          - fewer_rows_than:
              arguments: {compare_model: source('raw', 'flights')}
-#}
{% test fewer_rows_than(model, compare_model, group_by_columns=[]) %}
{%- set too_many = "case when rows_here > rows_there then rows_here - rows_there else 1 end" %}
{{ config(fail_calc="cast(coalesce(sum(" ~ too_many ~ "), 0) as " ~ dbt.type_bigint() ~ ")") }}

select *
from (
    {{ stringx__rows_of_both(model, compare_model, group_by_columns) }}
) as counted
where rows_here >= rows_there

{% endtest %}


{#-
    The same rows as in `compare_model`, whatever their order and however often each of them occurs; nulls are equal. Compares all
    columns, which must have the same names, or `compare_columns`, or all but `exclude_columns`; numbers rounded to `precision` digits
    behind the point. Fails with the rows that only one of them has, and once more for each that one of them has more of those than
    the other.

        data_tests:
          - equality:
              arguments: {compare_model: ref('flights_before'), exclude_columns: [loaded_at], precision: 2}
-#}
{% test equality(model, compare_model, compare_columns=none, exclude_columns=none, precision=none, whole=none) %}
{{ config(fail_calc="count(*) + coalesce(abs(sum(case only_in when 'model' then 1 else -1 end)), 0)") }}
{%- if compare_columns and exclude_columns -%}
    {{ exceptions.raise_compiler_error("say `compare_columns` or `exclude_columns`, not both") }}
{%- endif -%}
{%- set columns = compare_columns -%}
{%- if precision or not compare_columns -%}
    {%- set columns = stringx__comparable(whole or model, compare_model, compare_columns, exclude_columns, precision) -%}
{%- endif %}

with here as (
    select {{ columns | join(", ") }} from {{ model }}
),

there as (
    select {{ columns | join(", ") }} from {{ compare_model }}
)

{{ stringx__in_one_alone("here", "there") }}

{% endtest %}


{#- The different rows that only one of these two queries has, with the name of the table that has them. -#}
{% macro stringx__in_one_alone(here, there) %}
select 'model' as only_in, here_alone.* from (
    select * from {{ here }} {{ dbt.except() }} select * from {{ there }}
) as here_alone
union all
select 'compare_model' as only_in, there_alone.* from (
    select * from {{ there }} {{ dbt.except() }} select * from {{ here }}
) as there_alone
{% endmacro %}


{#- One row with `rows_here` and `rows_there`, or one for each group that one of the tables has; nulls are a group. -#}
{% macro stringx__rows_of_both(model, compare_model, group_by_columns) %}
{%- set groups %}{% for column in group_by_columns %}{{ column }}, {% endfor %}{% endset -%}
select {{ groups }}coalesce(sum(of_model), 0) as rows_here, coalesce(sum(of_compare_model), 0) as rows_there
from (
    select {{ groups }}1 as of_model, 0 as of_compare_model from {{ model }}
    union all
    select {{ groups }}0 as of_model, 1 as of_compare_model from {{ compare_model }}
) as of_both
{% if group_by_columns %}group by {{ group_by_columns | join(", ") }}{% endif %}
{% endmacro %}


{#- The columns to compare, as SQL; asks the database for them. -#}
{% macro stringx__comparable(model, compare_model, compare_columns, exclude_columns, precision) -%}
    {%- set excluded = (exclude_columns or []) | map("lower") | list -%}
    {%- set wanted = (compare_columns or []) | map("lower") | list -%}
    {%- set comparable, here, there = [], [], [] -%}
    {%- for column in stringx__columns(model) if column.name | lower not in excluded -%}
        {%- do here.append(column.name | lower) -%}
        {%- if not wanted or column.name | lower in wanted -%}
            {%- set rounded = "round(cast(" ~ column.quoted ~ " as " ~ dbt.type_numeric() ~ "), " ~ precision ~ ") as " ~ column.quoted -%}
            {%- do comparable.append(rounded if precision and stringx__is_fractional(column) else column.quoted) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for column in stringx__columns(compare_model) if column.name | lower not in excluded -%}
        {%- do there.append(column.name | lower) -%}
    {%- endfor -%}
    {%- if not wanted and here | sort != there | sort -%}
        {{ exceptions.raise_compiler_error(
            "the tables have different columns (" ~ here | sort | join(", ") ~ "; " ~ there | sort | join(", ")
            ~ "): say which to compare with `compare_columns` or `exclude_columns`"
        ) }}
    {%- endif -%}
    {{ return(comparable) }}
{%- endmacro %}


{#- Whether a column's numbers may have digits behind the point. -#}
{% macro stringx__is_fractional(column) -%}
    {{ return(modules.re.match("numeric|decimal|real|double|float", column.dtype | lower) is not none) }}
{%- endmacro %}
