"""Each text of a column by itself."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library import arguments
from stringx.gates.rule_library.check import Argument, Check
from stringx.gates.rule_library.expectations.common import BOUNDS, MATCH_ON, ROW_CONDITION, STRICTLY, of_values
from stringx.model import Dimension

_REGEX = Argument(arguments.REGEX, about="Of the database's own kind.")
_REGEX_LIST = Argument(arguments.REGEXES, about="Of the database's own kind.")
_OF_A_REGEX = {
    "row_condition": ROW_CONDITION,
    "is_raw": Argument(arguments.YES_OR_NO, required=False, default=False, about="Changes nothing on Postgres and DuckDB."),
    "flags": Argument(arguments.FLAGS, required=False, default="", about="The database's own; `i` for any case."),
}
_PATTERN = Argument(arguments.TEXT, about="`%` stands for any characters, `_` for one.")
_PATTERN_LIST = Argument(arguments.TEXTS, about="`%` stands for any characters, `_` for one.")

_QUOTED = "A quote within a pattern is written once, as `O'Hare`: the original wants it doubled."
_ALL_MATCHES = "The flag `g` changes nothing: by the original it is an error on Postgres where a text matches more than once."

TEXTS: Mapping[str, Check] = {
    "expect_column_value_lengths_to_be_between": of_values(
        {**BOUNDS, "row_condition": ROW_CONDITION, "strictly": STRICTLY},
        Dimension.VALIDITY,
        short="length_between",
        fails_with="rows whose text is shorter or longer; nulls pass",
        needs_one_of=tuple(BOUNDS),
        example={
            "column": "tailnum",
            "arguments": {"min_value": 5, "max_value": 6},
        },
    ),
    "expect_column_value_lengths_to_equal": of_values(
        {"value": Argument(arguments.BOUND), "row_condition": ROW_CONDITION},
        Dimension.VALIDITY,
        short="length_equals",
        fails_with="rows whose text has another length; nulls pass",
        example={"column": "carrier", "arguments": {"value": 2}},
    ),
    "expect_column_values_to_match_like_pattern": of_values(
        {"like_pattern": _PATTERN, "row_condition": ROW_CONDITION},
        Dimension.VALIDITY,
        short="match_like",
        fails_with="rows whose text does not match the pattern of SQL's `like`; nulls pass",
        example={"column": "dest", "arguments": {"like_pattern": "___"}},
        differences=(_QUOTED,),
    ),
    "expect_column_values_to_match_like_pattern_list": of_values(
        {"like_pattern_list": _PATTERN_LIST, "match_on": MATCH_ON, "row_condition": ROW_CONDITION},
        Dimension.VALIDITY,
        short="match_like_list",
        fails_with="rows whose text matches none of the patterns, or not all of them; nulls pass",
        example={
            "column": "tailnum",
            "arguments": {"like_pattern_list": ["N%", "D%"]},
        },
        differences=(_QUOTED,),
    ),
    "expect_column_values_to_not_match_like_pattern": of_values(
        {"like_pattern": _PATTERN, "row_condition": ROW_CONDITION},
        Dimension.VALIDITY,
        short="not_match_like",
        fails_with="rows whose text matches the pattern of SQL's `like`",
        example={"column": "tailnum", "arguments": {"like_pattern": "% %"}},
        differences=(_QUOTED,),
    ),
    "expect_column_values_to_not_match_like_pattern_list": of_values(
        {"like_pattern_list": _PATTERN_LIST, "match_on": MATCH_ON, "row_condition": ROW_CONDITION},
        Dimension.VALIDITY,
        short="not_match_like_list",
        fails_with="rows whose text matches all of the patterns, or, with `match_on: all`, one of them",
        example={
            "column": "tailnum",
            "arguments": {"like_pattern_list": ["% %", "%?%"], "match_on": "all"},
        },
        differences=(_QUOTED,),
    ),
    "expect_column_values_to_match_regex": of_values(
        {"regex": _REGEX, **_OF_A_REGEX},
        Dimension.VALIDITY,
        short="match_regex",
        fails_with="rows whose text does not match; on Postgres nulls among them",
        example={"column": "carrier", "arguments": {"regex": "^[A-Z0-9]{2}$"}},
        differences=(_QUOTED, _ALL_MATCHES),
    ),
    "expect_column_values_to_match_regex_list": of_values(
        {"regex_list": _REGEX_LIST, "match_on": MATCH_ON, **_OF_A_REGEX},
        Dimension.VALIDITY,
        short="match_regex_list",
        fails_with="rows whose text matches none of the expressions, or not all of them; on Postgres nulls among them",
        example={
            "column": "tailnum",
            "row_condition": "tailnum is not null",
            "arguments": {"regex_list": ["^N", "^D"]},
        },
        differences=(_QUOTED, _ALL_MATCHES),
    ),
    "expect_column_values_to_not_match_regex": of_values(
        {"regex": _REGEX, **_OF_A_REGEX},
        Dimension.VALIDITY,
        short="not_match_regex",
        fails_with="rows whose text matches",
        example={"column": "dest", "arguments": {"regex": "[^A-Z]"}},
        differences=(_QUOTED, _ALL_MATCHES),
    ),
    "expect_column_values_to_not_match_regex_list": of_values(
        {"regex_list": _REGEX_LIST, "match_on": MATCH_ON, **_OF_A_REGEX},
        Dimension.VALIDITY,
        short="not_match_regex_list",
        fails_with="rows whose text matches all of the expressions, or, with `match_on: all`, one of them",
        example={
            "column": "tailnum",
            "arguments": {"regex_list": ["\\s", "[?]"], "match_on": "all"},
        },
        differences=(_QUOTED, _ALL_MATCHES),
    ),
}
