{#-
    The length of each text, in characters, lies between `min_value` and `max_value` (either may be left out; with `strictly`, it is
    neither of them), or is `value`. Nulls pass. Fails with the rows for which it is not so.

        columns:
          - name: tailnum
            data_tests:
              - expect_column_value_lengths_to_be_between:
                  arguments: {min_value: 5, max_value: 6}
-#}
{% test expect_column_value_lengths_to_be_between(model, column_name, min_value=none, max_value=none, row_condition=none, strictly=false,
                                                  context_columns=none) %}
{%- set holds = stringx__between(dbt.length(column_name), min_value, max_value, strictly) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_value_lengths_to_equal(model, column_name, value, row_condition=none, context_columns=none) %}
{{ stringx__failing_rows(model, stringx__compared(dbt.length(column_name), "=", value), [column_name], row_condition, context_columns) }}
{% endtest %}

{#-
    Each text matches a pattern of SQL's `like`, or does not; or one of several, or with `match_on: all` each of them. Nulls pass.
    Fails with the rows for which it is not so.

        columns:
          - name: tailnum
            data_tests:
              - expect_column_values_to_match_like_pattern_list:
                  arguments: {like_pattern_list: ["N%", "D%"], match_on: any}
-#}
{% test expect_column_values_to_match_like_pattern(model, column_name, like_pattern, row_condition=none, context_columns=none) %}
{%- set holds = stringx__like(column_name, [like_pattern], "like") -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_match_like_pattern_list(model, column_name, like_pattern_list, match_on="any", row_condition=none,
                                                        context_columns=none) %}
{%- set holds = stringx__like(column_name, like_pattern_list, "like", match_on) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_not_match_like_pattern(model, column_name, like_pattern, row_condition=none, context_columns=none) %}
{%- set holds = stringx__like(column_name, [like_pattern], "not like") -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{#- `match_on: any` asks that one of the patterns does not match, `all` that none does. -#}
{% test expect_column_values_to_not_match_like_pattern_list(model, column_name, like_pattern_list, match_on="any", row_condition=none,
                                                            context_columns=none) %}
{%- set holds = stringx__like(column_name, like_pattern_list, "not like", match_on) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{#-
    Each text matches a regular expression of the database's own kind, or does not; or one of several, or with `match_on: all` each of
    them. It may match anywhere: `^` and `$` hold it to the ends. `flags` are the database's: `i` for any case. `is_raw` changes
    nothing on Postgres and DuckDB. Fails with the rows for which it is not so. On Postgres a null does not match, and fails where a
    match is asked for.

        columns:
          - name: tailnum
            data_tests:
              - expect_column_values_to_match_regex:
                  arguments: {regex: "^N[0-9]+[a-z]*$", flags: i}
-#}
{% test expect_column_values_to_match_regex(model, column_name, regex, row_condition=none, is_raw=false, flags="", context_columns=none) %}
{%- set holds = stringx__regex(column_name, [regex], "", flags) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_match_regex_list(model, column_name, regex_list, match_on="any", row_condition=none, is_raw=false, flags="",
                                                 context_columns=none) %}
{%- set holds = stringx__regex(column_name, regex_list, "", flags, match_on) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_values_to_not_match_regex(model, column_name, regex, row_condition=none, is_raw=false, flags="", context_columns=none) %}
{%- set holds = stringx__regex(column_name, [regex], "not ", flags) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{#- `match_on: any` asks that one of the expressions does not match, `all` that none does. -#}
{% test expect_column_values_to_not_match_regex_list(model, column_name, regex_list, match_on="any", row_condition=none, is_raw=false, flags="",
                                                     context_columns=none) %}
{%- set holds = stringx__regex(column_name, regex_list, "not ", flags, match_on) -%}
{{ stringx__failing_rows(model, holds, [column_name], row_condition, context_columns) }}
{% endtest %}

{#- The condition that a text matches one of these patterns, or all; or, by `operator`, does not. -#}
{% macro stringx__like(value, patterns, operator, match_on="any") -%}
    {%- set conditions = [] -%}
    {%- for pattern in patterns -%}{%- do conditions.append(value ~ " " ~ operator ~ " " ~ stringx__text(pattern)) -%}{%- endfor -%}
    {{ return(conditions | join(" and " if match_on == "all" else " or ")) }}
{%- endmacro %}

{#- The same of regular expressions, by `negation`. -#}
{% macro stringx__regex(value, expressions, negation, flags, match_on="any") -%}
    {%- set conditions = [] -%}
    {%- for regex in expressions -%}{%- do conditions.append(negation ~ "(" ~ stringx__matches_regex(value, regex, flags) ~ ")") -%}{%- endfor -%}
    {{ return(conditions | join(" and " if match_on == "all" else " or ")) }}
{%- endmacro %}
