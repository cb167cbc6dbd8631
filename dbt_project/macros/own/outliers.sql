{#-
    No value lies more than `threshold` standard deviations (of the sample) from the mean; with `group_by_columns`, from the mean of
    its group. Nulls pass. Fails with the rows whose value does. Of n values none has a z-score above (n - 1) / √n: in ten rows,
    nothing is beyond 3. An outlier widens what it is measured by; `no_outliers_by_modified_z_score` does not let it.

        data_tests:
          - no_outliers_by_z_score:
              arguments: {threshold: 4, group_by_columns: [carrier]}
-#}
{% test no_outliers_by_z_score(model, column_name, threshold=3, group_by_columns=[], context_columns=none) %}

with {{ stringx__measured(model, column_name, group_by_columns) }},

statistics as (
    select stringx_group, avg(stringx_value) as stringx_mean, stddev_samp(stringx_value) as stringx_deviation
    from measured
    group by stringx_group
    -- the mean of equal floats need not be what they are, and their deviation is 0
    having min(stringx_value) <> max(stringx_value)
)

select {{ stringx__shown([column_name] + group_by_columns, context_columns) }}
from measured
join statistics using (stringx_group)
where abs(stringx_value - stringx_mean) > ({{ threshold }}) * stringx_deviation

{% endtest %}


{#-
    No value has a modified z-score above `threshold`: 0.6745 * |value - median| / MAD, where MAD is the median of the distances from
    the median; with `group_by_columns`, of its group. Nulls pass. Where MAD is 0, since more than half of the values are equal, the
    mean of the distances stands in: |value - median| / (1.253314 * mean). Fails with the rows whose value has. After B. Iglewicz and
    D. C. Hoaglin, How to Detect and Handle Outliers (ASQC, 1993), who recommend 3.5; the mean as in IBM SPSS.

        data_tests:
          - no_outliers_by_modified_z_score:
              arguments: {group_by_columns: [origin, dest]}
-#}
{% test no_outliers_by_modified_z_score(model, column_name, threshold=3.5, group_by_columns=[], context_columns=none) %}

with {{ stringx__measured(model, column_name, group_by_columns) }},

medians as (
    select stringx_group, {{ stringx__percentile("stringx_value", 0.5) }} as stringx_median
    from measured
    group by stringx_group
),

distances as (
    select *, abs(stringx_value - stringx_median) as stringx_distance
    from measured
    join medians using (stringx_group)
),

spreads as (
    select
        stringx_group,
        {{ stringx__percentile("stringx_distance", 0.5) }} as stringx_mad,
        avg(stringx_distance) as stringx_mean_distance
    from distances
    group by stringx_group
)

select {{ stringx__shown([column_name] + group_by_columns, context_columns) }}
from distances
join spreads using (stringx_group)
where case
    when stringx_mad > 0 then 0.6745 * stringx_distance > ({{ threshold }}) * stringx_mad
    else stringx_distance > ({{ threshold }}) * 1.253314 * stringx_mean_distance
end

{% endtest %}


{#-
    No value lies more than `factor` interquartile ranges below the first quartile or above the third; with `group_by_columns`, those
    of its group. Nulls pass. Fails with the rows whose value does. The fences are those of J. W. Tukey, Exploratory Data Analysis
    (1977): 1.5 for the inner ones, 3 for the outer ones. Quartiles are interpolated.

        data_tests:
          - no_outliers_by_iqr:
              arguments: {factor: 3, group_by_columns: [carrier]}
-#}
{% test no_outliers_by_iqr(model, column_name, factor=1.5, group_by_columns=[], context_columns=none) %}

with {{ stringx__measured(model, column_name, group_by_columns) }},

quartiles as (
    select
        stringx_group,
        {{ stringx__percentile("stringx_value", 0.25) }} as stringx_q1,
        {{ stringx__percentile("stringx_value", 0.75) }} as stringx_q3
    from measured
    group by stringx_group
)

select {{ stringx__shown([column_name] + group_by_columns, context_columns) }}
from measured
join quartiles using (stringx_group)
where stringx_value < stringx_q1 - ({{ factor }}) * (stringx_q3 - stringx_q1)
or stringx_value > stringx_q3 + ({{ factor }}) * (stringx_q3 - stringx_q1)

{% endtest %}


{#- The rows with their value and the number of their group: a number, for groups of nulls are found by it too. -#}
{% macro stringx__measured(model, column_name, group_by_columns) %}
measured as (
    select
        *,
        {{ column_name }} as stringx_value,
        {{ "dense_rank() over (order by " ~ group_by_columns | join(", ") ~ ")" if group_by_columns else 1 }} as stringx_group
    from {{ model }}
)
{%- endmacro %}
