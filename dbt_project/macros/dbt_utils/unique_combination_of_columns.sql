{#-
    No two rows have the same values in all of these columns; nulls are equal here. Fails with one row for each combination
    that occurs more than once. Name, arguments and meaning are those of dbt_utils; `n_records` is ours, for the sample.

    With `whole`, which a gate gives where `model` is a slice of it: the combinations of the slice that occur more than once in
    the whole table.

        data_tests:
          - unique_combination_of_columns:
              arguments: {combination_of_columns: [flight_date, carrier, flight, origin]}
-#}
{% test unique_combination_of_columns(model, combination_of_columns, quote_columns=false, whole=none) %}

{%- if combination_of_columns is string or combination_of_columns is not sequence or not combination_of_columns -%}
    {{ exceptions.raise_compiler_error("`combination_of_columns` must be a list of columns, got " ~ combination_of_columns) }}
{%- endif -%}
{{ stringx__repeated_combinations(model, stringx__quoted(combination_of_columns, quote_columns), whole=whole) }}

{% endtest %}
