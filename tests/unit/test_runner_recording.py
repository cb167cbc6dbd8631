"""Marked SQL becomes a template that holds the slice's values as values, or is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stringx.model import ColumnType, Slice
from stringx.runner.recording import Template
from stringx.runner.slice_sql import shape, slice_sql, slice_values
from stringx.runner.templates import NotRepeatable, check_one_select, remarked, shows_slice, template, unmarked

NONCE = "4c09d17aa911413b3e6cdbc789feceec"
DAY = Slice.model_validate([{"column": "day", "equals": "2013-02-08"}])
CONDITION = slice_sql(DAY, NONCE, {})

HOSTILE = [
    "it's",
    "back\\slash",
    "\\'",
    "{{ 1/0 }}",
    "%s %(x)s %%",
    "$1 $$ $a$",
    "*/ or true /*",
    "-- comment",
    "E'\\'",
    "a\u2028b",
    "🦉",
    "two\nlines",
    "",
    '"quoted"',
    ";",
]
texts = st.sampled_from(HOSTILE) | st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=20)


def of_day(sql: str) -> Template:
    return template(sql, NONCE, slice_values(DAY))


@given(st.lists(texts, min_size=1, max_size=4), texts, texts, texts)
def test_a_template_gives_the_statement_that_it_was_made_from_whatever_the_values(
    listed: list[str], equal: str, start: str, stop: str
) -> None:
    columns = {"b": ColumnType.TIMESTAMP}

    def of(*values: str) -> Slice:
        one, two, three, *many = values
        return Slice.model_validate(
            [{"column": "a", "in": many}, {"column": 'd"d', "equals": one}, {"column": "b", "from": two, "to": three}]
        )

    slice_ = of(equal, start, stop, *listed)
    marked = f"select * from t where {slice_sql(slice_, NONCE, columns)} and 'x' = 'x'"
    made = template(marked, NONCE, slice_values(slice_))
    check_one_select(made)
    assert made.literal(slice_values(slice_)) == unmarked(marked, NONCE)
    assert made.arguments(slice_values(slice_)) == (*listed, equal, start, stop)

    others = of("1", "2", "3", *("4" for _ in listed))
    assert shape(others, columns) == shape(slice_, columns)
    expected = f"select * from t where {slice_sql(others, NONCE, columns)} and 'x' = 'x'"
    assert made.literal(slice_values(others)) == unmarked(expected, NONCE)
    assert remarked(marked, NONCE, slice_values(others)) == expected


def test_each_occurrence_of_a_value_is_a_parameter_of_its_own() -> None:
    made = of_day(f"select (select count(*) from t where {CONDITION}), (select max(x) from t where {CONDITION})")
    assert made.places == (0, 0)
    assert made.bound() == 'select (select count(*) from t where "day" =  $1 ), (select max(x) from t where "day" =  $2 )'
    assert made.arguments(["2013-02-09"]) == ("2013-02-09", "2013-02-09")


def test_a_parameter_touches_no_word() -> None:
    assert of_day(f"select 1 where{CONDITION}and true").bound() == 'select 1 where"day" =  $1 and true'


@pytest.mark.parametrize(
    "changed",
    [
        CONDITION.replace("2013", "2014"),
        CONDITION.replace("'", "''"),
        CONDITION[: CONDITION.index("'")],
        CONDITION.upper(),
        CONDITION.replace(":0*/", ":7*/"),
        CONDITION[::-1].replace(NONCE[::-1], NONCE),
    ],
)
def test_a_statement_in_which_a_macro_has_changed_the_slice_is_refused(changed: str) -> None:
    with pytest.raises(NotRepeatable, match="changes the text of the slice"):
        of_day(f"select 1 where {changed}")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 where $q${}$q$ <> ''",
        "select 1 where $${}$$ <> ''",
        "select 1 -- {}\n where true",
        "select 1 /* {} */",
        "select 1 /* /* */ {} */",
        'select 1 as "{}"',
        "select 'it''s' -- ' {}",
        "select E'\\' {}' , 1",
    ],
)
def test_a_slice_within_a_string_a_name_or_a_comment_is_refused(sql: str) -> None:
    with pytest.raises(NotRepeatable, match="string, a quoted name or a comment"):
        check_one_select(of_day(sql.format(CONDITION)))


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 where {}",
        "\n  -- why\n with a as (select 1) select * from a where {};  -- done\n;",
        "(select 1 where {}) union all (select 2)",
        "select ';' , $$;$$, $a$ ; $$ ; $a$, \";\", E'\\';', /* ; /* ; */ ; */ 1 where {}",
        "select a$b$c from x where {} and a$b$c = 1",
        "select '\\' , 1 where {}",
        "select 1::text, U&'d\\0061t' where {}",
        "select 5 where 'a' 'b' <> '' and {}",
    ],
)
def test_a_select_may_be_written_in_any_way(sql: str) -> None:
    check_one_select(of_day(sql.format(CONDITION)))


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("select 1; select 2", "more than one statement"),
        ("select 1 where {}; drop table t", "more than one statement"),
        ("set search_path = x", "no select"),
        ("delete from t where {}", "no select"),
        ("", "no select"),
        ("selection", "no select"),
        ("select 'never ends", "without an end"),
        ("select $$never ends", "without an end"),
        ('select "never ends', "without an end"),
        ("select E'never ends\\'", "without an end"),
        ("select 1 /* never /* ends */", "without an end"),
    ],
)
def test_what_is_not_one_select_is_refused(sql: str, why: str) -> None:
    with pytest.raises(NotRepeatable, match=why):
        check_one_select(of_day(sql.format(CONDITION)))


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("select 1 where {}", True),
        ("select $$ {} $$", True),
        ("select '--', 1 where {}", True),
        ("select 1 -- {}", False),
        ("select 1 -- {}\n where {}", True),
        ("select 1 /* /* {} */ */", False),
        ("select 1", False),
        ("select 'never ends where {}", True),
    ],
)
def test_a_statement_whose_slice_is_in_a_comment_is_not_sliced(sql: str, shown: bool) -> None:
    assert shows_slice(sql.replace("{}", CONDITION), NONCE) is shown


def test_slices_of_one_shape_differ_in_their_values_alone() -> None:
    def of(*predicates: object) -> tuple[str, ...]:
        return shape(Slice.model_validate(list(predicates)), {"at": ColumnType.TIMESTAMP})

    assert of({"column": "a", "equals": 1}) == of({"column": "a", "equals": "x"})
    shapes = [
        of(),
        of({"column": "a", "equals": 1}),
        of({"column": "b", "equals": 1}),
        of({"column": "a", "in": [1]}),
        of({"column": "a", "in": [1, 2]}),
        of({"column": "a", "from": 1}),
        of({"column": "a", "to": 1}),
        of({"column": "a", "from": 1, "to": 2}),
        of({"column": "a", "equals": 1}, {"column": "b", "equals": 1}),
        of({"column": "at", "equals": "2013-02-08T00:00:00Z"}),
    ]
    assert len(set(shapes)) == len(shapes)
    column = Slice.model_validate([{"column": "a", "equals": 1}])
    assert shape(column, {"a": ColumnType.TEXT}) != shape(column, {"a": ColumnType.INTEGER})


def test_a_template_has_one_hole_between_two_segments() -> None:
    with pytest.raises(ValidationError, match="2 holes lie between 3 segments, not 2"):
        Template(segments=("a", "b"), places=(0, 0))
