{{ config(materialized='ephemeral') }}
select * from {{ ref('today') }}
