"""One check of the rule library as a gate file sees it: what it takes, and what a rule says that says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from stringx.gates.rule_library import arguments as sorts
from stringx.gates.rule_library.arguments import Sort
from stringx.model import Dimension, Kind, Level, LookedAt


class Column(Enum):
    """Whether a check is about one column."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


class Origin(Enum):
    """Whose name, arguments and meaning a check has."""

    DBT = "dbt"
    DBT_UTILS = "dbt_utils"
    DBT_EXPECTATIONS = "dbt_expectations"
    STRINGX = "stringx"


class Counted(Enum):
    """What a check counts: what its failures are, and what it looks at, of which a threshold may be a share.

    The words keep apart what looks at the same.
    """

    #: of the table, which it shows: `context_columns` can stand beside them
    ROWS_SHOWN = ("rows, shown", LookedAt.ROWS)
    #: of which it shows something else
    ROWS = ("rows", LookedAt.ROWS)
    #: as its SQL has it: rows, which it shows, or the groups of `group_by_columns`, or, of an aggregate of all rows, the only value
    VALUES_OF_SQL = ("values of SQL", LookedAt.ROWS)
    #: values, or combinations of them, each of which stands for the rows that have it: these are in `n_records`, and a share is of rows
    VALUES_OF_ROWS = ("values of rows", LookedAt.ROWS)
    #: that one of the tables or the list has: they may stand for no row here
    VALUES = ("values", LookedAt.VALUES)
    #: of its `group_by` or `group_by_columns`; without these, the whole
    GROUPS = ("groups", LookedAt.GROUPS)
    KEYS = ("keys", LookedAt.KEYS)
    COLUMNS = ("columns", LookedAt.COLUMNS)
    PERIODS = ("periods", LookedAt.PERIODS)
    SLICES = ("slices", LookedAt.SLICES)
    WHOLE = ("the whole", LookedAt.WHOLE)

    @property
    def looked_at(self) -> LookedAt:
        return self.value[1]


@dataclass(frozen=True)
class Argument:
    """One argument of a check."""

    sort: Sort
    required: bool = True
    #: what it has where a rule leaves it out; None is dbt's `none`
    default: object = None
    #: a sentence for the reference; nothing where the name says it
    about: str = ""
    #: that the columns in it are those of the other table
    of_other_table: bool = False


ROW_CONDITION = Argument(sorts.SQL, required=False, about="Only rows for which it is true are looked at.")


@dataclass(frozen=True)
class Check:
    """What is known of one check; `dimension`, `level` and `kind` are a rule's defaults."""

    column: Column
    arguments: Mapping[str, Argument]
    dimension: Dimension
    level: Level
    kind: Kind = Kind.ENGINEERING
    origin: Origin = Origin.STRINGX
    #: a shorter name that a gate file may use; a gate is stored with the public one
    short: str | None = None
    #: what it finds wrong, in a sentence
    fails_with: str = ""
    #: the fields of a rule of a gate with this check, but for its name, for the reference; the tests run it on the demo's data
    example: Mapping[str, object] = field(default_factory=dict)
    #: where it answers otherwise than its public namesake, each with the reason
    differences: tuple[str, ...] = ()
    counts: Counted = Counted.WHOLE
    #: the macro that gives a row for each thing that it looks at, where these are neither rows nor the whole: it takes the rule's arguments
    each: str = "stringx__each_group"
    #: that it also looks beyond the slice: its macro takes `whole`, which is `model` without the slice, and none where there is no slice
    whole: bool = False
    #: that it is about the table's columns and not its rows: no slice changes it, and its scope is always the table
    of_columns: bool = False
    #: arguments of which it needs one at least
    needs_one_of: tuple[str, ...] = ()

    @property
    def context_columns(self) -> bool:
        """Whether other columns can stand beside its failures."""
        return self.counts in (Counted.ROWS_SHOWN, Counted.VALUES_OF_SQL)
