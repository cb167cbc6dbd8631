{#-
    Few rows may be so: fails with every row for which `condition` (SQL) is true, once their share of all rows is not below
    `below` (0 to 1). An empty table passes: there is nothing that could be a share. Rows for which the condition is null are
    not counted as offending, and are counted as rows.

        data_tests:
          - share_of_rows:
              arguments: {condition: dep_time is null, below: 0.25}
-#}
{% test share_of_rows(model, condition, below, context_columns=none) %}

select {{ stringx__shown([], context_columns) }}
from {{ model }}
where (
    {{ condition }}
)
and (
    select sum(case when (
        {{ condition }}
    ) then 1 else 0 end) >= {{ below }} * count(*)
    from {{ model }}
)

{% endtest %}
