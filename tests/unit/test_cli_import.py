"""`stringx import dqx`: a file of DQX's checks as a gate file."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from gate_texts import gate_of

from stringx.cli.imports import import_
from stringx.model import Severity


def test_the_imported_gate_is_printed_as_a_file_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "checks.yml").write_text(
        "- criticality: warn\n  check: {function: is_in_list, for_each_column: [a, b], arguments: {allowed: [\"'no'\", \"'1:30'\"]}}\n"
    )
    arguments = ["dqx", str(tmp_path / "checks.yml"), "--table", "RAW.Orders", "--target", "demo"]
    printed = CliRunner().invoke(import_, arguments)
    assert printed.exit_code == 0
    rules = gate_of(printed.stdout).rules
    assert [(one.name, one.severity, one.arguments["values"]) for one in rules] == [
        ("a_is_in_list", Severity.WARN, ["no", "1:30"]),
        ("b_is_in_list", Severity.WARN, ["no", "1:30"]),
    ]
    assert "Spark's" in printed.stderr
    file = tmp_path / "raw.orders.yaml"
    assert CliRunner().invoke(import_, [*arguments, "--output-file", str(file)]).exit_code == 0
    assert file.read_text() == printed.stdout
    again = CliRunner().invoke(import_, [*arguments, "--output-file", str(file)])
    assert "is there already" in str(again.exception)
    other = CliRunner().invoke(import_, [*arguments[:3], "orders", "--target", "demo"])
    assert "'orders' is not schema.table" in other.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            "- check: {function: is_nul, arguments: {column: a}}\n",
            "checks.yml:1:21: unknown check function `is_nul`: did you mean `is_null`?",
        ),
        ("checks: []\n", "checks.yml is not a list of DQX checks"),
        ("- check: [\n", "checks.yml:2:1: is not YAML"),
        ("- not a check\n", "checks.yml:1:3: must be fields with values"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_at_its_place(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "checks.yml").write_text(content)
    found = CliRunner().invoke(import_, ["dqx", str(tmp_path / "checks.yml"), "--table", "raw.orders", "--target", "demo"])
    assert says in str(found.exception)
    assert found.stdout == ""
