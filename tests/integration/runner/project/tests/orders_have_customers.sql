{{ config(tags=['nightly']) }}
select o.* from {{ source('raw', 'orders') }} o left join {{ source('raw', 'customers') }} c on c.id = o.customer where c.id is null
