"""The generic tests of dbt_expectations 0.10, under their names and with their arguments and defaults, by family."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.rule_library.check import Check
from stringx.gates.rule_library.expectations.aggregates import AGGREGATES
from stringx.gates.rule_library.expectations.columns import COLUMNS
from stringx.gates.rule_library.expectations.several_columns import SEVERAL_COLUMNS
from stringx.gates.rule_library.expectations.tables import TABLES
from stringx.gates.rule_library.expectations.texts import TEXTS
from stringx.gates.rule_library.expectations.times import TIMES
from stringx.gates.rule_library.expectations.values import VALUES

EXPECTATIONS: Mapping[str, Check] = {**VALUES, **TEXTS, **SEVERAL_COLUMNS, **AGGREGATES, **TABLES, **COLUMNS, **TIMES}
