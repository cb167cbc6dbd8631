{{ config(materialized='ephemeral') }}
select id, '{{ run_started_at }}' as moment from {{ source('raw', 'things') }}
