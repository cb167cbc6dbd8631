"""The SQL that DQX's checks become: it finds, on Postgres and on DuckDB, the rows that DQX's documentation says they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import psycopg
import pytest

from stringx.gates import dqx, located
from stringx.gates.document import yaml_text
from stringx.settings import Settings

ROWS = """
    create table loaded as
    select 1 as id, 1 as n, date '2013-01-01' as day, timestamp '2013-01-01 10:00:00' as moment, 'a' as word
    union all select 2, 20, date '2013-02-08', timestamp '2013-02-08 10:00:00', ''
    union all select 3, 5, current_date + 10, cast(current_date + 10 as timestamp), ' B '
    union all select 4, null, null, null, null
"""

#: the check → the rows that fail it. Where a value is missing, a check passes that does not ask for one.
ANSWERS: list[tuple[str, dict[str, Any], list[int]]] = [
    ("is_not_null", {"column": "nullif(n, 20)"}, [2, 4]),
    ("is_not_empty", {"column": "trim(word)", "trim_strings": True}, [2]),
    ("is_empty", {"column": "word"}, [1, 3]),
    ("is_not_null_and_not_empty", {"column": "word"}, [2, 4]),
    ("is_null_or_empty", {"column": "word", "trim_strings": True}, [1, 3]),
    ("is_in_list", {"column": "upper(trim(word))", "allowed": ["'A'", "'B'"]}, [2]),
    ("is_in_list", {"column": "word", "allowed": ["'A'", "''"], "case_sensitive": False}, [3]),
    ("is_not_in_list", {"column": "word", "forbidden": ["'A'"], "case_sensitive": False}, [1]),
    ("is_not_null_and_is_in_list", {"column": "n", "allowed": [1, 20]}, [3, 4]),
    ("is_in_range", {"column": "n + 0", "min_limit": 2, "max_limit": "id * 2"}, [1, 2]),
    ("is_in_range", {"column": "(day)", "min_limit": "2013-01-01", "max_limit": "2013-12-31"}, [3]),
    ("is_not_less_than", {"column": "(moment)", "limit": "2013-01-02 00:00:00"}, [1]),
    ("is_not_in_range", {"column": "n", "min_limit": 5, "max_limit": 20}, [2, 3]),
    ("is_equal_to", {"column": "n", "value": "5"}, [1, 2]),
    ("is_equal_to", {"column": "n", "value": 4, "abs_tolerance": 3}, [2]),
    ("is_not_equal_to", {"column": "n", "value": 18, "rel_tolerance": 0.1}, [2]),
    ("is_not_in_future", {"column": "moment"}, [3]),
    ("is_not_in_future", {"column": "moment", "offset": 12 * 86400}, []),
    ("is_not_in_near_future", {"column": "moment", "offset": 12 * 86400}, [3]),
    ("is_not_in_near_future", {"column": "moment", "offset": 60}, []),
    ("is_older_than_n_days", {"column": "day", "days": 1000}, [3]),
    ("is_older_than_n_days", {"column": "day", "days": 1000, "negate": True}, [1, 2]),
    ("is_older_than_col2_for_n_days", {"column1": "day", "column2": "moment", "days": 0}, [1, 2, 3]),
    ("is_data_fresh", {"column": "moment", "max_age_minutes": 60}, [1, 2]),
    ("is_data_fresh", {"column": "moment", "max_age_minutes": 60, "base_timestamp": "2013-02-08 11:00:00"}, [1]),
    ("has_valid_string_case", {"column": "word", "case": "lower"}, [3]),
    ("sql_expression", {"expression": "n > 1 or word = 'a'"}, []),
    ("sql_expression", {"expression": "n > 1 or word = 'a'", "negate": True}, [1, 2, 3]),
]


def expression_of(function: str, arguments: dict[str, Any]) -> str:
    document = dqx.as_gate(located.read(yaml_text([{"check": {"function": function, "arguments": arguments}}])), "raw.loaded", "demo")
    assert dqx.translate(document) == []
    (rule,) = document.data["rules"]
    assert rule["check"] == "expression_is_true"
    return str(rule["arguments"]["expression"])


@pytest.fixture(params=["postgres", "duckdb"])
def ask(request: pytest.FixtureRequest, make_settings: Callable[..., Settings]) -> Iterator[Callable[[str], list[Any]]]:
    """The first column of what a query finds."""
    if request.param == "duckdb":
        with duckdb.connect() as connection:
            connection.execute(ROWS)
            yield lambda sql: [row[0] for row in connection.execute(sql).fetchall()]
        return
    with psycopg.connect(make_settings().required("database_url")) as session:
        session.execute(ROWS)
        yield lambda sql: [row[0] for row in session.execute(sql.encode()).fetchall()]


def test_each_expression_finds_the_rows_that_the_check_finds(ask: Callable[[str], list[Any]]) -> None:
    for function, arguments, rows in ANSWERS:
        expression = expression_of(function, arguments)
        assert ask(f"select id from loaded where not ({expression}) order by id") == rows, (function, expression)
