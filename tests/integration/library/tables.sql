create schema lab;
create table lab.empty (a int, b text, c int, d date, e double precision, t timestamp, "Odd name" text, "select" int);
create table lab.parent (id int, "Odd id" int, b text);
insert into lab.parent values (1, 1, 'x'), (2, 2, 'y');
-- two of eight rows without a; b stands twice, and null twice
create table lab.orders (a int, b text, c int, "Odd name" text, "select" int);
insert into lab.orders values
    (1, 'x', 1, 'u', 1), (1, 'x', 2, 'u', 2), (2, 'y', 3, 'v', 3), (3, null, 4, 'w', 4),
    (3, null, 5, 'w', 5), (4, 'z', 6, null, 6), (null, 'z', 7, 'q', 7), (null, 'w', null, 'r', 8);
