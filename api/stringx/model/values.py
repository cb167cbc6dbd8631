"""The base of all values, and the kinds of text they are made of."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr, WithJsonSchema

#: The workspace of a trigger that names none.
DEFAULT_WORKSPACE = "default"

#: A table as people write it: two or three plain identifiers joined by dots (`schema.table`, `database.schema.table`).
#: Anything else, SQL above all, is refused before it can be looked up.
TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,62}(\.[A-Za-z_][A-Za-z0-9_$]{0,62}){1,2}")
WORKSPACE_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
RULE_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
#: A dbt generic test; capital letters because dbt_expectations has them.
CHECK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
RUN_ID = re.compile(r"[0-9a-f]{32}")
#: Of rows, as people write it.
SHARE = re.compile(r"(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)%")


def storable(text: str) -> str:
    """`text`, or ValueError where UTF-8 or Postgres could not hold it (lone surrogates, NUL)."""
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("must be valid Unicode (it holds half of a surrogate pair)") from error
    return text


def made_storable(text: str) -> str:
    """`text` with the replacement characters of Unicode and ASCII in place of what is not `storable`."""
    return text.encode(errors="replace").decode().replace("\x00", "\N{REPLACEMENT CHARACTER}")


def canonical_json(value: object) -> str:
    """The one JSON text of a value: keys sorted, no spaces; what fingerprints and keys are made of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def fingerprint(value: object) -> str:
    """32 hexadecimal characters of SHA-256 over `canonical_json(value)`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def _matching(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(what)
        return text

    return AfterValidator(check)


def _pattern(pattern: re.Pattern[str]) -> WithJsonSchema:
    """The same in JSON Schema, whose patterns are not anchored by themselves."""
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern.pattern})$"})


Text = Annotated[StrictStr, AfterValidator(storable)]
ShortText = Annotated[Text, Field(min_length=1, max_length=200)]
TableName = Annotated[
    StrictStr, _matching(TABLE_NAME, "must be schema.table or database.schema.table, made of plain identifiers"), _pattern(TABLE_NAME)
]
WorkspaceName = Annotated[
    StrictStr,
    _matching(WORKSPACE_NAME, "must be lower-case letters, digits, '-' and '_', at most 63 of them"),
    _pattern(WORKSPACE_NAME),
]
RuleName = Annotated[
    StrictStr, _matching(RULE_NAME, "must be lower-case letters, digits and '_', starting with a letter"), _pattern(RULE_NAME)
]
CheckName = Annotated[
    StrictStr,
    _matching(CHECK_NAME, "must be the name of a dbt test: letters, digits and '_', starting with a letter"),
    _pattern(CHECK_NAME),
]
TopicName = Annotated[
    StrictStr, _matching(TOPIC_NAME, "must be a Kafka topic name: letters, digits, '.', '_' and '-'"), _pattern(TOPIC_NAME)
]
RunId = Annotated[StrictStr, _matching(RUN_ID, "must be a run's id: 32 hexadecimal characters"), _pattern(RUN_ID)]
ColumnName = Annotated[Text, Field(min_length=1, max_length=63)]
#: What a slice compares a column with. Numbers are integers: a slice on a float is never exact.
Scalar = Annotated[Text, Field(max_length=1000)] | StrictInt


class Value(BaseModel):
    """Base of all values: frozen, unknown fields refused, JSON with the public field names."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    def as_json(self) -> dict[str, Any]:
        """The value as plain JSON data, without the fields that are None."""
        return self.model_dump(mode="json", exclude_none=True)
