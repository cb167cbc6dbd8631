select t.id from {{ source('raw', 'things') }} as t join {{ ref('recent') }} as r on r.id = t.id
where t.id not in (select id from {{ ref('recent_named') }} where id is not null)
{% if execute %} and r.id < {{ 10 ** 6 }} {% endif %}
