{#- Texts of well-known forms: each fails with the rows whose value, as text, has another one; nulls pass. The patterns are read alike
    by Postgres and by RE2, which DuckDB and most warehouses have. -#}

{#-
    An e-mail address as a form of a web page takes it (WHATWG HTML, "valid e-mail address"); whether somebody reads it, no pattern knows.

        data_tests:
          - match_email
-#}
{% test match_email(model, column_name, context_columns=none) %}
{%- set label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?" -%}
{{ stringx__failing_form(model, column_name, "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@" ~ label ~ "(?:[.]" ~ label ~ ")*$", context_columns) }}
{% endtest %}


{#-
    A UUID of any version, in either case: 32 hexadecimal digits, with hyphens after the 8th, 12th, 16th and 20th (RFC 9562).

        data_tests:
          - match_uuid
-#}
{% test match_uuid(model, column_name, context_columns=none) %}
{{ stringx__failing_form(model, column_name, "^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", context_columns) }}
{% endtest %}


{#-
    An IPv4 address: four numbers from 0 to 255 with dots between, without leading zeros (RFC 6943, "strict").

        data_tests:
          - match_ipv4
-#}
{% test match_ipv4(model, column_name, context_columns=none) %}
{%- set number = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -%}
{{ stringx__failing_form(model, column_name, "^" ~ number ~ "(?:[.]" ~ number ~ "){3}$", context_columns) }}
{% endtest %}


{#-
    The URL of a page: `http` or `https` in either case, a host (a name or an address), perhaps a port, then the rest without blanks and
    without `<`, `>` and `"` (after RFC 3986).

        data_tests:
          - match_url
-#}
{% test match_url(model, column_name, context_columns=none) %}
{%- set host = "(?:[^][:space:]/?#@:<>\"[]+|[[][0-9A-Fa-f:.]+[]])" -%}
{%- set user = "(?:[^][:space:]/?#@<>\"[]+@)?" -%}
{{ stringx__failing_form(
    model, column_name, "^[Hh][Tt][Tt][Pp][Ss]?://" ~ user ~ host ~ "(?::[0-9]{1,5})?(?:[/?#][^[:space:]<>\"]*)?$", context_columns
) }}
{% endtest %}


{#-
    An international number of a telephone: `+`, then 7 to 15 digits of which the first is not 0 (ITU-T E.164); between them there may be
    single blanks, dots or hyphens, and brackets.

        data_tests:
          - match_phone
-#}
{% test match_phone(model, column_name, context_columns=none) %}
{{ stringx__failing_form(model, column_name, "^[+][1-9](?:[ .-]?[(]?[0-9][)]?){6,14}$", context_columns) }}
{% endtest %}


{#- The rows whose value, as text, has another form. -#}
{% macro stringx__failing_form(model, column_name, regex, context_columns) %}
{%- set text = "cast(" ~ column_name ~ " as " ~ dbt.type_string() ~ ")" -%}
{%- set fits = column_name ~ " is null or " ~ stringx__matches_regex(text, regex) -%}
{{ stringx__failing_rows(model, fits, [column_name], context_columns=context_columns) }}
{% endmacro %}
