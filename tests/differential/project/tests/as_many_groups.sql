{{ config(severity='warn', warn_if='> 1', error_if='> 3') }}
with odd as (
    select t.* from {{ source('raw', 'things') }} as t left join {{ source('raw', 'groups') }} as g on g.id = t.grp where g.id is null
)
select * from odd where (select count(*) from {{ ref('kept') }}) > 0
