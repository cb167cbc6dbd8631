{{ config(alias='Kept Things') }}
select * from {{ source('raw', 'things') }}
