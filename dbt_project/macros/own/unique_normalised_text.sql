{#-
    No two texts are the same but for the way they are written: case, blanks at the ends and more than one between words, punctuation,
    and, with `ignore_accents`, accents. Nulls are not the same. Fails with each text that stands more than once, in its plain form,
    with two of the ways it is written.

    With `whole`, which a gate gives where `model` is a slice of it: the texts of the slice that stand more than once in the whole.

        data_tests:
          - unique_normalised_text:
              arguments: {ignore_punctuation: false}
-#}
{% test unique_normalised_text(
    model, column_name, ignore_case=true, ignore_blanks=true, ignore_punctuation=true, ignore_accents=false, whole=none
) %}
{%- set ns = namespace(plain="cast(" ~ column_name ~ " as " ~ dbt.type_string() ~ ")") -%}
{%- if ignore_accents -%}{%- set ns.plain = stringx__without_accents(ns.plain) -%}{%- endif -%}
{%- if ignore_case -%}{%- set ns.plain = "lower(" ~ ns.plain ~ ")" -%}{%- endif -%}
{%- if ignore_punctuation -%}{%- set ns.plain = stringx__replaced(ns.plain, "[[:punct:]]+", "") -%}{%- endif -%}
{%- if ignore_blanks -%}{%- set ns.plain = "trim(" ~ stringx__replaced(ns.plain, "[[:space:]]+", " ") ~ ")" -%}{%- endif %}

select plain_text, min(written) as written, max(written) as also_written, sum(of_the_whole) as n_records
    {{- ", sum(of_the_slice) as n_records_of_slice" if whole }}
from (
    select {{ ns.plain }} as plain_text, {{ column_name }} as written, 1 as of_the_whole, {{ 0 if whole else 1 }} as of_the_slice
    from {{ whole or model }}
    {%- if whole %}
    union all
    select {{ ns.plain }} as plain_text, {{ column_name }} as written, 0 as of_the_whole, 1 as of_the_slice
    from {{ model }}
    {%- endif %}
) as texts
where plain_text is not null
group by plain_text
having sum(of_the_whole) > 1 and sum(of_the_slice) > 0

{% endtest %}


{#- A text in which each match of a regular expression is replaced. -#}
{% macro stringx__replaced(text, regex, by) -%}
    {{ return(adapter.dispatch("stringx__replaced")(text, regex, by)) }}
{%- endmacro %}

{% macro default__stringx__replaced(text, regex, by) -%}
    {{ return("regexp_replace(" ~ text ~ ", " ~ stringx__text(regex) ~ ", " ~ stringx__text(by) ~ ")") }}
{%- endmacro %}

{#- Without the flag, the first match alone. -#}
{% macro postgres__stringx__replaced(text, regex, by) -%}
    {{ return("regexp_replace(" ~ text ~ ", " ~ stringx__text(regex) ~ ", " ~ stringx__text(by) ~ ", 'g')") }}
{%- endmacro %}

{% macro duckdb__stringx__replaced(text, regex, by) -%}
    {{ return(postgres__stringx__replaced(text, regex, by)) }}
{%- endmacro %}


{#- A text with the letters that its accented ones are made of. -#}
{% macro stringx__without_accents(text) -%}
    {{ return(adapter.dispatch("stringx__without_accents")(text)) }}
{%- endmacro %}

{% macro default__stringx__without_accents(text) -%}
    {{ exceptions.raise_compiler_error("`ignore_accents` is not known for " ~ target.type ~ ": leave it out") }}
{%- endmacro %}

{#- Taken apart, and without the marks that combine with a letter. -#}
{% macro postgres__stringx__without_accents(text) -%}
    {{ return(stringx__replaced("normalize(" ~ text ~ ", nfkd)", "[\u0300-\u036f]", "")) }}
{%- endmacro %}

{% macro duckdb__stringx__without_accents(text) -%}
    {{ return("strip_accents(" ~ text ~ ")") }}
{%- endmacro %}
