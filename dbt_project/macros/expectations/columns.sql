{#-
    The table has this column; with `column_index`, as its so-manieth, counted from 1. Names are compared as `transform` (a filter of
    Jinja: upper, lower) leaves them. Fails with one row.

        columns:
          - name: dep_time
            data_tests:
              - expect_column_to_exist:
                  arguments: {column_index: 4}
-#}
{% test expect_column_to_exist(model, column_name, column_index=none, transform="upper") %}
{%- set wanted = stringx__names([stringx__unquoted(column_name)], transform)[0] -%}
{%- set names = stringx__names_of(model, transform) -%}
{%- set faults = [] -%}
{%- if wanted not in names -%}
    {%- do faults.append((wanted, "missing")) -%}
{%- elif column_index and names.index(wanted) != [column_index - 1, 0] | max -%}
    {%- do faults.append((wanted, "column " ~ (names.index(wanted) + 1))) -%}
{%- endif -%}
{{ stringx__faults_of_columns(faults) }}
{% endtest %}

{#-
    The table's columns hold each of `column_list`; or are just these; or are these in this order; or hold none of these. Names are
    compared as `transform` (a filter of Jinja: upper, lower) leaves them. Fails with one row for each column at fault; out of
    order are two: the one that is there, and the one that should be.

        data_tests:
          - expect_table_columns_to_contain_set:
              arguments: {column_list: [flight_date, carrier, origin, dest]}
-#}
{% test expect_table_columns_to_contain_set(model, column_list, transform="upper") %}
{{ stringx__faults_of_columns(stringx__not_among(stringx__names(column_list, transform), stringx__names_of(model, transform), "missing")) }}
{% endtest %}

{% test expect_table_columns_to_match_set(model, column_list, transform="upper") %}
{%- set wanted = stringx__names(column_list, transform) -%}
{%- set names = stringx__names_of(model, transform) -%}
{{ stringx__faults_of_columns(stringx__not_among(wanted, names, "missing") + stringx__not_among(names, wanted, "not in the list")) }}
{% endtest %}

{% test expect_table_columns_to_match_ordered_list(model, column_list, transform="upper") %}
{%- set wanted = stringx__numbered(stringx__names(column_list, transform)) -%}
{%- set names = stringx__numbered(stringx__names_of(model, transform)) -%}
{{ stringx__faults_of_columns(stringx__not_among(wanted, names, "missing") + stringx__not_among(names, wanted, "not in the list")) }}
{% endtest %}

{% test expect_table_columns_to_not_contain_set(model, column_list, transform="upper") %}
{%- set names = stringx__names_of(model, transform) -%}
{%- set faults = [] -%}
{%- for unwanted in stringx__names(column_list, transform) -%}
    {%- for name in names if name == unwanted -%}{%- do faults.append((name, "unwanted")) -%}{%- endfor -%}
{%- endfor -%}
{{ stringx__faults_of_columns(faults) }}
{% endtest %}

{#- Each column of the list. -#}
{% macro stringx__each_listed_column(model, column_list, transform="upper") %}
{{ stringx__faults_of_columns(stringx__not_among(stringx__names(column_list, transform), [], "in the list")) }}
{% endmacro %}

{#- The same for names that the table may have twice, but for capital letters. -#}
{% macro stringx__each_unwanted_column(model, column_list, transform="upper") %}
{%- set names = stringx__names_of(model, transform) -%}
{%- set each = [] -%}
{%- for unwanted in stringx__names(column_list, transform) -%}
    {%- do each.extend([(unwanted, "in the list")] * ([names | select("equalto", unwanted) | list | length, 1] | max)) -%}
{%- endfor -%}
{{ stringx__faults_of_columns(each) }}
{% endmacro %}

{#- Each column that the list or the table has. -#}
{% macro stringx__each_listed_or_found_column(model, column_list, transform="upper") %}
{{ stringx__of_list_or_table(stringx__names(column_list, transform), stringx__names_of(model, transform)) }}
{% endmacro %}

{#- The same where a column at another place is another one. -#}
{% macro stringx__each_column_at_its_place(model, column_list, transform="upper") %}
{{ stringx__of_list_or_table(stringx__numbered(stringx__names(column_list, transform)), stringx__numbered(stringx__names_of(model, transform))) }}
{% endmacro %}

{#- Names of a list, and those of a table that are not among them. -#}
{% macro stringx__of_list_or_table(wanted, names) %}
{{ stringx__faults_of_columns(stringx__not_among(wanted, [], "in the list") + stringx__not_among(names, wanted, "not in the list")) }}
{% endmacro %}

{#-
    The table has so many columns; or as many as another. Fails with one row.

        data_tests:
          - expect_table_column_count_to_be_between:
              arguments: {min_value: 10, max_value: 20}
-#}
{% test expect_table_column_count_to_equal(model, value) %}
{{ stringx__numbers_that_differ(stringx__columns(model) | length, value) }}
{% endtest %}

{% test expect_table_column_count_to_equal_other_table(model, compare_model) %}
{{ stringx__numbers_that_differ(stringx__columns(model) | length, stringx__columns(compare_model) | length) }}
{% endtest %}

{% test expect_table_column_count_to_be_between(model, min_value=none, max_value=none) %}
select *
from (select {{ stringx__columns(model) | length }} as stringx_value) as counted
where not ({{ stringx__between("stringx_value", min_value, max_value) }})
{% endtest %}

{#-
    The column's type, as dbt names it, is this one; or one of these. Capital letters do not count. Fails with one row.

        columns:
          - name: flight_date
            data_tests:
              - expect_column_values_to_be_of_type:
                  arguments: {column_type: date}
-#}
{% test expect_column_values_to_be_of_type(model, column_name, column_type) %}
{{ stringx__faults_of_type(model, column_name, [column_type]) }}
{% endtest %}

{% test expect_column_values_to_be_in_type_list(model, column_name, column_type_list) %}
{{ stringx__faults_of_type(model, column_name, column_type_list) }}
{% endtest %}

{#- What is wrong with a column that is not there, or is of none of these types. -#}
{% macro stringx__faults_of_type(model, column_name, types) %}
{%- set wanted = stringx__unquoted(column_name) | upper -%}
{%- set types = stringx__names(types, "upper") -%}
{%- set there = [] -%}
{%- set faults = [] -%}
{%- for column in stringx__columns(model) if column.name | upper == wanted -%}
    {%- do there.append(column.name) -%}
    {%- if column.dtype | upper not in types -%}{%- do faults.append((column.name, column.dtype)) -%}{%- endif -%}
{%- endfor -%}
{{ stringx__faults_of_columns(faults if there else [(wanted, "missing")]) }}
{% endmacro %}

{#- Names as they are compared. -#}
{% macro stringx__names(names, transform) -%}
    {{ return(names | map(transform) | list) }}
{%- endmacro %}

{#- Those of a relation's columns. -#}
{% macro stringx__names_of(relation, transform) -%}
    {{ return(stringx__names(stringx__columns(relation) | map(attribute="name"), transform)) }}
{%- endmacro %}

{#- `id` as the first becomes `1: id`. -#}
{% macro stringx__numbered(names) -%}
    {%- set numbered = [] -%}
    {%- for name in names -%}{%- do numbered.append(loop.index ~ ": " ~ name) -%}{%- endfor -%}
    {{ return(numbered) }}
{%- endmacro %}

{#- Those of `names` that are not among `others`, each with this fault. -#}
{% macro stringx__not_among(names, others, fault) -%}
    {%- set faults = [] -%}
    {%- for name in names if name not in others -%}{%- do faults.append((name, fault)) -%}{%- endfor -%}
    {{ return(faults) }}
{%- endmacro %}

{#- One row with both where they are not the same. -#}
{% macro stringx__numbers_that_differ(found, wanted) %}
select *
from (select {{ found }} as found, {{ wanted }} as wanted) as counted
where found <> wanted
{% endmacro %}
