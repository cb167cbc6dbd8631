{#-
    In each row, one column is larger than another (or, with `or_equal`, as large); or equal to it. Nulls pass. Fails with the rows
    for which it is not so.

        data_tests:
          - expect_column_pair_values_A_to_be_greater_than_B:
              arguments: {column_A: arr_time, column_B: dep_time, or_equal: true}
-#}
{% test expect_column_pair_values_A_to_be_greater_than_B(model, column_A, column_B, or_equal=false, row_condition=none, context_columns=none) %}
{%- set holds = column_A ~ (" >= " if or_equal else " > ") ~ column_B -%}
{{ stringx__failing_rows(model, holds, [column_A, column_B], row_condition, context_columns) }}
{% endtest %}

{% test expect_column_pair_values_to_be_equal(model, column_A, column_B, row_condition=none, context_columns=none) %}
{{ stringx__failing_rows(model, column_A ~ " = " ~ column_B, [column_A, column_B], row_condition, context_columns) }}
{% endtest %}

{#-
    In each row, the two columns have one of these pairs of values, which are SQL. Nulls pass where the other column does not decide.
    Fails with the rows that have another pair.

        data_tests:
          - expect_column_pair_values_to_be_in_set:
              arguments: {column_A: origin, column_B: carrier, value_pairs_set: [["'EWR'", "'UA'"], ["'JFK'", "'B6'"]]}
-#}
{% test expect_column_pair_values_to_be_in_set(model, column_A, column_B, value_pairs_set, row_condition=none, context_columns=none) %}
{%- set pairs = [] -%}
{%- for pair in value_pairs_set -%}
    {%- if pair | length != 2 -%}
        {{ exceptions.raise_compiler_error("`value_pairs_set` must be a list of pairs of values, got " ~ pair) }}
    {%- endif -%}
    {%- do pairs.append("(" ~ column_A ~ " = " ~ pair[0] ~ " and " ~ column_B ~ " = " ~ pair[1] ~ ")") -%}
{%- endfor -%}
{{ stringx__failing_rows(model, pairs | join(" or "), [column_A, column_B], row_condition, context_columns) }}
{% endtest %}

{#-
    No two rows have the same values in all of these columns; a row that lacks all of them is left out, or, with `ignore_row_if:
    any_value_is_missing`, a row that lacks one. Fails with one row for each combination that occurs more than once; of a slice, also
    with those that occur once more outside it, in `whole`, which a gate gives.

        data_tests:
          - expect_compound_columns_to_be_unique:
              arguments: {column_list: [flight_date, carrier, flight, origin]}
-#}
{% test expect_compound_columns_to_be_unique(model, column_list, quote_columns=false, ignore_row_if="all_values_are_missing", row_condition=none,
                                            whole=none) %}
{{ stringx__repeated_in_some(model, stringx__quoted(column_list, quote_columns), ignore_row_if, row_condition, whole) }}
{% endtest %}

{#- The repeated combinations of the rows that `ignore_row_if` does not leave out. -#}
{% macro stringx__repeated_in_some(model, columns, ignore_row_if, row_condition, whole) %}
{%- set looked_at = stringx__only(row_condition) ~ " and " ~ stringx__has_values(columns, ignore_row_if) -%}
{{ stringx__repeated_combinations(model, columns, looked_at, whole) }}
{% endmacro %}

{#- The condition that a row has a value in one of these columns, or in all: as `ignore_row_if` says. -#}
{% macro stringx__has_values(columns, ignore_row_if) -%}
    {%- if ignore_row_if == "all_values_are_missing" -%}
        {{ return("(" ~ columns | join(" is not null or ") ~ " is not null)") }}
    {%- elif ignore_row_if == "any_value_is_missing" -%}
        {{ return("(" ~ columns | join(" is not null and ") ~ " is not null)") }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error("`ignore_row_if` must be all_values_are_missing or any_value_is_missing, got " ~ ignore_row_if) }}
{%- endmacro %}

{#-
    In each row, all of these columns have values, and they differ, as texts. A row that lacks all of them passes, or, with
    `ignore_row_if: any_value_is_missing`, a row that lacks one. Fails with the rows for which it is not so.

        data_tests:
          - expect_select_column_values_to_be_unique_within_record:
              arguments: {column_list: [origin, dest]}
-#}
{% test expect_select_column_values_to_be_unique_within_record(model, column_list, quote_columns=false, ignore_row_if="all_values_are_missing",
                                                               row_condition=none, context_columns=none) %}
{%- set columns = stringx__quoted(column_list, quote_columns) -%}
{%- set holds = ["not " ~ stringx__has_values(columns, ignore_row_if)] -%}
{%- set differ = [stringx__has_values(columns, "any_value_is_missing")] -%}
{%- for column in columns -%}
    {%- for other in columns[loop.index :] -%}
        {%- do differ.append("cast(" ~ column ~ " as " ~ dbt.type_string() ~ ") <> cast(" ~ other ~ " as " ~ dbt.type_string() ~ ")") -%}
    {%- endfor -%}
{%- endfor -%}
{%- do holds.append("(" ~ differ | join(" and ") ~ ")") -%}
{{ stringx__failing_rows(model, holds | join(" or "), columns, row_condition, context_columns) }}
{% endtest %}

{#-
    The sums of these columns (or numbers), added up, are `sum_total`: a number, or the sum of a column; over all rows, or over each
    group. Fails with one row for each group for which it is not so.

        data_tests:
          - expect_multicolumn_sum_to_equal:
              arguments: {column_list: [air_time, taxi_time], sum_total: elapsed_time, group_by: [carrier]}
-#}
{% test expect_multicolumn_sum_to_equal(model, column_list, sum_total, group_by=none, row_condition=none) %}
{%- set total = sum_total if sum_total is number else "sum(" ~ sum_total ~ ")" -%}
{%- set holds = "sum(" ~ column_list | join(") + sum(") ~ ") = " ~ total -%}
{{ stringx__failing_groups(model, holds, "stringx_value", group_by, row_condition) }}
{% endtest %}
