select t.id from {{ source('raw', 'things') }} as t join {{ ref('since') }} as s on s.id = t.id and s.moment = ''
