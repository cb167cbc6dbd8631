create schema lab;
create table lab.empty (a int, b text, c int, d date, e double precision, t timestamp, "Odd name" text, "select" int);
create table lab.parent (id int, "Odd id" int, b text);
insert into lab.parent values (1, 1, 'x'), (2, 2, 'y');
-- two of eight rows without a; b stands twice, and null twice
create table lab.orders (a int, b text, c int, "Odd name" text, "select" int);
insert into lab.orders values
    (1, 'x', 1, 'u', 1), (1, 'x', 2, 'u', 2), (2, 'y', 3, 'v', 3), (3, null, 4, 'w', 4),
    (3, null, 5, 'w', 5), (4, 'z', 6, null, 6), (null, 'z', 7, 'q', 7), (null, 'w', null, 'r', 8);
create table lab.words (b text, "Odd name" text, c int);
insert into lab.words values ('Apple', 'a', 1), ('apple', 'A', 2), ('pear', null, 3), (null, 'B', 4), ('PEAR', 'b', 5), ('fig', 'c', 6);
create table lab.recent (moment timestamp, grp text, "Odd moment" date, n int);
insert into lab.recent values
    (cast(now() as timestamp) - interval '1 hour', 'a', current_date, 1),
    (cast(now() as timestamp) - interval '3 days', 'b', current_date - 3, 2),
    (cast(now() as timestamp) + interval '2 days', 'c', current_date + 2, 3),
    (null, 'd', null, 4),
    (cast(now() as timestamp) - interval '10 days', null, current_date - 10, 5);
create table lab.days (d date, t timestamp, "Odd day" date, n int);
insert into lab.days values
    ('2024-01-01', '2024-01-01 00:30', '2024-01-01', 1), ('2024-01-02', '2024-01-01 02:15', '2024-01-03', 2),
    ('2024-01-04', '2024-01-02 01:00', null, 3), ('2024-01-08', null, '2024-01-05', 4), (null, null, null, 5);
-- eleven groups, one of them far out, and one of nothing
create table lab.sums (g text, v int, "Odd v" int);
insert into lab.sums select 'g' || n, case when n = 11 then 1000 when n < 11 then 10 end, n from generate_series(1, 12) as s(n);
-- thirty days, up and down a little, and yesterday far out
create table lab.daily (d date, v int, "Odd v" int, g text);
insert into lab.daily
select current_date - cast(n as int), case when n = 1 then 100000 when n in (2, 4, 6, 8, 10, 12, 14, 16) then 100 else 110 end, n, 'g'
from generate_series(1, 30) as s(n);
insert into lab.daily values (null, 5, 5, 'g'), (current_date - 3, null, null, null);
