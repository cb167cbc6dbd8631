{{ config(materialized='ephemeral') }}
select * from {{ source('raw', 'things') }} where day >= date '2013-01-02'
