"""`stringx gates list`, `show` and `status`: what is in force, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import click

from stringx import settings as settings_module
from stringx.cli import connection
from stringx.cli.absent import warn_of_absent
from stringx.cli.gates.given import workspace_option
from stringx.cli.output import output_option, print_json, print_table
from stringx.cli.prepared import engine_rows, print_unprepared
from stringx.cli.tables import SHORT_ID, Short, clock, shortened
from stringx.gates import thresholds
from stringx.model import (
    Gate,
    GateDetail,
    GateSummary,
    GateVersionDetail,
    LookedAt,
    Mode,
    Rule,
    Selection,
    Severity,
    Threshold,
    canonical_json,
)
from stringx.reasons import number as counted

#: Characters of a rule's name, and of its check's, that a narrow table shows.
SHORT_NAME, SHORT_CHECK = 32, 24


@click.command("list")
@click.option("-w", "--workspace", help="Those of one workspace; default: of all.")
@output_option
def list_gates(workspace: str | None, output: str) -> None:
    """The gates in force."""
    with connection.api(settings_module.load()) as client:
        answer = client.gates(workspace)
        if not answer.gates:
            warn_of_absent(client, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    print_table(
        ["workspace", "table", "version", "mode", "target", "rules", "selected", "file"],
        (
            (gate.workspace, gate.table, gate.version, gate.mode.value, gate.target, gate.rules, gate.selections, gate.file)
            for gate in answer.gates
        ),
        optional=("file", "selected", "rules"),
    )


@click.command()
@click.argument("table")
@workspace_option
@click.option("--version", "number", type=click.IntRange(min=1), help="One that `gates history` lists; default: the one in force.")
@output_option
def show(table: str, workspace: str | None, number: int | None, output: str) -> None:
    """The gate of TABLE that is in force, or one of its versions, with its rules."""
    with connection.api(settings_module.load()) as client:
        answer = client.gate(table, workspace) if number is None else client.gate_version(table, number, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    gate = answer.gate
    prepared = answer.prepared if isinstance(answer, GateDetail) else None
    in_force = not isinstance(answer, GateVersionDetail) or answer.in_force
    slices = ", ".join(f"{column} ({kind})" for column, kind in sorted(gate.slice_columns.items())) or "none: the whole table"
    print_table(
        [f"{answer.table}, version {answer.version}" + ("" if in_force else ", not in force"), ""],
        (
            ("description", answer.description),
            ("owners", ", ".join(answer.owners)),
            ("workspace", answer.workspace),
            ("mode", f"{gate.mode} on {gate.target}" + (f", runner {gate.runner}" if gate.mode is Mode.ASYNC else "")),
            ("timeout", f"{gate.timeout_seconds} s"),
            ("slices by", slices),
            *engine_rows(prepared),
            *_policy(gate),
            ("could not be judged", f"{gate.on_error}; nothing to check: {gate.on_no_checks}; no rows: {gate.on_no_rows}"),
            ("from", _origin(answer)),
            ("message", answer.message),
            *_withdrawn(answer),
        ),
    )
    print_table(
        ["rule", "check", "column", "kind", "dimension", "level", "severity", "scope", "arguments"],
        [_rule_row(rule) for rule in gate.rules] + [_selection_row(selection) for selection in gate.select],
        optional=("level", "kind", "scope", "dimension"),
        below="arguments",
    )
    if prepared is not None:
        print_unprepared(prepared.unprepared)


@click.command()
@click.argument("table")
@workspace_option
@output_option
def status(table: str, workspace: str | None, output: str) -> None:
    """Whether the data of TABLE may be used: its newest trigger's verdict, and the slices that are still closed."""
    with connection.api(settings_module.load()) as client:
        answer = client.gate_status(table, workspace)
    if output == "json":
        print_json(answer.as_json())
        return
    newest = answer.trigger
    decided = (answer.decision, answer.verdict) if answer.decision else ("not judged yet", None)
    print_table(
        [f"{answer.table}, gate version {answer.gate_version}", ""],
        (
            ("decision", decided[0]),
            ("verdict", decided[1]),
            ("newest trigger", newest.slice if newest else "there is none yet"),
            *((("received", f"{newest.received_at.astimezone():%Y-%m-%d %H:%M:%S}"), ("run", newest.run)) if newest else ()),
            *engine_rows(answer.prepared),
        ),
    )
    if answer.prepared is not None:
        print_unprepared(answer.prepared.unprepared)
    if answer.closed:
        click.echo("\nSlices that are still closed:")
        print_table(
            ["slice", "verdict", "judged", "run", "reason"],
            (
                (run.slice, run.verdict, clock(run.timings.judged_at), Short(run.run, run.run[:SHORT_ID]), run.reason)
                for run in answer.closed
            ),
            optional=("judged",),
            below="reason",
        )


def _origin(answer: GateSummary) -> str:
    who = f" by {answer.author}" if answer.author else ""
    return f"{answer.file or 'the API'}, applied {answer.applied_at.astimezone():%Y-%m-%d %H:%M:%S}{who}"


def _withdrawn(answer: GateSummary) -> Iterator[tuple[str, str]]:
    if isinstance(answer, GateVersionDetail) and answer.withdrawn is not None:
        who = f" by {answer.withdrawn.author}" if answer.withdrawn.author else ""
        why = f": {answer.withdrawn.message}" if answer.withdrawn.message else ""
        yield "withdrawn", f"{answer.withdrawn.at.astimezone():%Y-%m-%d %H:%M:%S}{who}{why}"


def _policy(gate: Gate) -> Iterator[tuple[str, str]]:
    """What the gate says for all its rules, where it says something."""
    if gate.severity is Severity.WARN:
        yield "severity", "warn: what its rules find leaves it open"
    if gate.threshold is not None:
        yield "threshold", _limits(gate.threshold)


def _rule_row(rule: Rule) -> tuple[object, ...]:
    arguments = ", ".join(f"{name}: {canonical_json(value)}" for name, value in rule.arguments.items())
    condition = f"where {rule.row_condition}" if rule.row_condition else ""
    detail = "; ".join(part for part in (arguments, condition, _limits(rule.threshold, thresholds.looked_at(rule)), *_parts(rule)) if part)
    return (
        Short(rule.name, shortened(rule.name, SHORT_NAME)),
        Short(rule.check, shortened(rule.check, SHORT_CHECK)),
        rule.column,
        rule.kind.value,
        rule.dimension.value,
        rule.level.value,
        rule.severity.value,
        rule.scope.value,
        detail,
    )


def _limits(threshold: Threshold | None, looked_at: LookedAt = LookedAt.ROWS) -> str:
    """The threshold in words; empty where there is none."""
    if threshold is None:
        return ""
    limits = (("warned", threshold.warn), ("failed", threshold.error))
    return ", ".join(f"{outcome} above {_limit(limit, looked_at)}" for outcome, limit in limits if limit is not None)


def _limit(limit: int | str, looked_at: LookedAt) -> str:
    return counted(limit, "failure") if isinstance(limit, int) else f"{limit} of the {looked_at}"


def _parts(one: Rule | Selection) -> list[str]:
    """What is unlike other rules in the verdict and in the scores."""
    return [*(["required"] if one.required else []), *([f"weight {one.weight}"] if one.weight != 1 else [])]


def _selection_row(one: Selection) -> tuple[object, ...]:
    words = (one.dimension.value if one.dimension else None, one.level.value if one.level else None)
    return (
        "the project's own",
        one.select,
        None,
        one.kind.value,
        *words,
        one.severity.value if one.severity else "the test's",
        one.scope.value,
        "; ".join(_parts(one)) or None,
    )
