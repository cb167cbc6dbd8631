{{ config(materialized='ephemeral') }}
with named as (select * from {{ ref('recent') }} where name is not null)
select * from named
