-- Now is NOW of library_lab.py: 2024-03-06 15:30, a Wednesday, in sessions of UTC.
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
    ('2024-03-06 14:30', 'a', '2024-03-06', 1),
    ('2024-03-03 15:30', 'b', '2024-03-03', 2),
    ('2024-03-08 15:30', 'c', '2024-03-08', 3),
    (null, 'd', null, 4),
    ('2024-02-25 15:30', null, '2024-02-25', 5);
create table lab.days (d date, t timestamp, "Odd day" date, n int);
insert into lab.days values
    ('2024-01-01', '2024-01-01 00:30', '2024-01-01', 1), ('2024-01-02', '2024-01-01 02:15', '2024-01-03', 2),
    ('2024-01-04', '2024-01-02 01:00', null, 3), ('2024-01-08', null, '2024-01-05', 4), (null, null, null, 5);
create table lab.endless (d date, t timestamp, n int);
insert into lab.endless values
    ('2024-01-01', '2024-01-01 00:30', 1), ('2024-01-03', '2024-01-02 02:15', 2), ('2024-01-04', 'infinity', 3), ('infinity', null, 4),
    ('-infinity', '-infinity', 4);
-- eleven groups, one of them far out, and one of nothing
create table lab.sums (g text, v int, "Odd v" int);
insert into lab.sums select 'g' || n, case when n = 11 then 1000 when n < 11 then 10 end, n from generate_series(1, 12) as s(n);
-- thirty days, up and down a little, and yesterday far out
create table lab.daily (d date, v int, "Odd v" int, g text);
insert into lab.daily
select date '2024-03-06' - cast(n as int), case when n = 1 then 100000 when n in (2, 4, 6, 8, 10, 12, 14, 16) then 100 else 110 end, n, 'g'
from generate_series(1, 30) as s(n);
insert into lab.daily values (null, 5, 5, 'g'), ('2024-03-03', null, null, null);
create table lab.again (a int, b text, c int, "Odd name" text, "select" int);
insert into lab.again values
    (1, 'x', 2, 'u', 2), (2, 'y', 3, 'v', 3), (3, null, 4, 'w', 4), (3, null, 5, 'w', 5), (4, 'z', 6, null, 6),
    (null, 'z', 7, 'q', 7), (null, 'w', null, 'r', 8), (9, 'x', 9, 'n', 9), (10, 'x', 10, 'n', 10);
create table lab.blanks (id int, t text, "Odd name" text);
insert into lab.blanks values (1, '', ''), (2, '  ', 'it''s'), (3, 'x', 'x'), (4, null, null);
create table lab.ranges (k text, lo int, hi int, "Odd lo" int, "select" int);
insert into lab.ranges (k, lo, hi) values
    ('a', 1, 3), ('a', 3, 5), ('a', 7, 9),
    ('b', 1, 4), ('b', 3, 6),
    ('c', 2, 2),
    ('d', 5, null), ('d', null, 2),
    ('e', 1, 2), ('e', 1, 2),
    ('f', 1, 10), ('f', 2, 3), ('f', 4, 5), ('f', 12, 13),
    ('g', 1, null), ('g', 3, 4),
    ('h', 1, 3), ('h', 4, 6), ('h', 8, 9);
update lab.ranges set "Odd lo" = lo, "select" = hi;
create table lab.series (k text, n int, moment timestamp, "Odd name" int);
insert into lab.series values
    ('a', 1, '2013-02-08 00:00', 1), ('a', 2, '2013-02-08 01:00', 2), ('a', 3, '2013-02-08 02:00', 3),
    ('b', 1, '2013-02-08 00:00', 1), ('b', 3, '2013-02-08 02:00', 3), ('b', 3, '2013-02-08 02:00', 3), ('c', null, null, null);
create table lab.clocks (k text, d date, t timestamp, z timestamp with time zone, "Odd name" timestamp);
insert into lab.clocks
select k, cast(t as date), cast(t as timestamp), cast(t as timestamp with time zone), cast(t as timestamp)
from (
    values
    ('now', '2024-03-06 15:30'), ('yesterday', '2024-03-05 15:30'), ('monday', '2024-03-04 00:00'), ('sunday', '2024-03-03 23:59'),
    ('their midnight', '2024-03-06 10:00'), ('before it', '2024-03-06 09:59'), ('old', '2024-02-25 15:30'),
    ('none', null)
) as moments (k, t);
create table lab.forms (id int, email text, uuid text, ipv4 text, url text, phone text, "Odd name" text);
insert into lab.forms values
    (1, 'ann@example.com', '123e4567-e89b-12d3-a456-426614174000', '127.0.0.1', 'https://example.com', '+12125550100', null),
    (2, 'o''hara+x@a.b-c.org', '123E4567-E89B-12D3-A456-426614174000', '255.255.255.255', 'HTTP://a.b:8080/c?d=e#f', '+49 30 901820', null),
    (3, 'a@localhost', '00000000-0000-0000-0000-000000000000', '0.0.0.0', 'http://[::1]/x', '+1 (212) 555-0100', null),
    (4, null, null, null, null, null, null),
    (5, 'ann', '123e4567e89b12d3a456426614174000', '256.0.0.1', 'example.com', '2125550100', 'nothing of the kind'),
    (6, 'ann@', '{123e4567-e89b-12d3-a456-426614174000}', '1.2.3', 'ftp://example.com', '+0212555010', null),
    (7, 'ann@-a.com', '123e4567-e89b-12d3-a456-42661417400g', '01.2.3.4', 'https://', '+123456', null),
    (8, 'ann@a..com', '', '1.2.3.4.5', 'https://a b.com', '+1234567890123456', null),
    (9, E'ann@a.com\nb', E'123e4567-e89b-12d3-a456-426614174000\n', ' 1.2.3.4', 'https://a.com/b c', '+1  2125550100', null);
-- nine to eleven, and a hundred; thirteen of which twelve are equal; three whose mean is a little above each of them
create table lab.measures (k text, x double precision, "Odd name" int);
insert into lab.measures (k, x) values
    ('a', 9), ('a', 10), ('a', 11), ('a', 9), ('a', 10), ('a', 11), ('a', 9), ('a', 10), ('a', 11), ('a', 9), ('a', 10), ('a', 11),
    ('a', 9), ('a', 10), ('a', 11), ('a', 9), ('a', 10), ('a', 11), ('a', 9), ('a', 10), ('a', 11), ('a', 100),
    ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 5), ('b', 6),
    (null, 1), (null, 2), ('c', null), ('d', 0.1), ('d', 0.1), ('d', 0.1);
update lab.measures set "Odd name" = x where k = 'a';
create table lab.typed (n numeric(10, 2), t timestamp with time zone, v varchar(10), l int[]);
create table lab.payments (id int, day date, amount double precision, note text, paid boolean, "Odd id" int);
insert into lab.payments values
    (1, '2013-02-08', 10, 'a', true, 1), (2, '2013-02-08', 20, 'b', true, 2), (3, '2013-02-09', 30, null, true, 3),
    (4, '2013-02-09', null, 'd', false, 4);
create table lab.ledger (id int, day date, amount double precision, note text, paid boolean, "Odd id" int);
insert into lab.ledger values
    (1, '2013-02-08', 10.004, 'a', true, 1), (2, '2013-02-08', 25, 'b', true, 2), (3, '2013-02-09', 30, 'c', true, 3),
    (4, '2013-02-09', null, 'd', false, 4), (5, '2013-02-10', 50, 'e', true, 5);
-- slices with nulls, and amounts without end
create table lab.here (id int, day date, place text, amount double precision);
insert into lab.here values (1, '2013-02-08', 'a', 1), (2, null, 'a', 2), (3, null, null, cast('Infinity' as double precision));
create table lab.there (id int, day date, place text, amount double precision);
insert into lab.there values
    (1, '2013-02-08', 'a', 1), (2, null, 'a', cast('Infinity' as double precision)), (3, null, null, cast('Infinity' as double precision)),
    (4, '2013-02-08', null, 4), (5, null, 'a', 5);
create table lab.loads (id int, day date, "Odd day" date);
insert into lab.loads (id, day) values
    (1, '2013-02-01'), (2, '2013-02-01'), (3, '2013-02-01'), (4, '2013-02-01'),
    (5, '2013-02-02'), (6, '2013-02-02'), (7, '2013-02-02'), (8, '2013-02-02'),
    (9, '2013-02-04'), (10, '2013-02-04'), (11, '2013-02-04'), (12, '2013-02-04'),
    (13, '2013-02-05'),
    (14, '2013-02-06'), (15, '2013-02-06'), (16, '2013-02-06'), (17, '2013-02-06'), (18, '2013-02-06'), (19, '2013-02-06'),
    (20, '2013-02-06'), (21, '2013-02-06'), (22, '2013-02-06'), (23, null);
update lab.loads set "Odd day" = day;
create table lab.names (id int, name text, "Odd name" text);
insert into lab.names (id, name) values
    (1, 'Acme, Inc.'), (2, 'ACME INC'), (3, ' acme  inc '), (4, 'Café'), (5, 'Cafe'), (6, 'Other'), (7, null), (8, null);
update lab.names set "Odd name" = name;
