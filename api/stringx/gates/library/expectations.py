"""The generic tests of dbt_expectations 0.10, under their names and with their arguments and defaults."""

from __future__ import annotations

from collections.abc import Mapping

from stringx.gates.library.check import Check

EXPECTATIONS: Mapping[str, Check] = {}
