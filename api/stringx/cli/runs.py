"""`stringx runs` and `stringx run ID`: what was judged, and why it is open or closed."""

from __future__ import annotations

from textwrap import indent

import click
from rich.console import Console
from rich.text import Text

from stringx import settings
from stringx.cli import connection
from stringx.cli.output import cell, console, output_option, print_json, print_table
from stringx.model import CheckResult, Decision, Outcome, RunDetail, RunSummary, VerdictName

#: Characters of a run's id that a list shows; `stringx run` finds it by them.
SHOWN_ID = 12


@click.command()
@click.option("--workspace", help="Only those of this workspace.")
@click.option("--table", "table_name", metavar="TABLE", help="Only those of this table.")
@click.option("--verdict", type=click.Choice([name.value for name in VerdictName]), help="Only those with this verdict.")
@click.option("--decision", type=click.Choice([decision.value for decision in Decision]), help="Only those with this decision.")
@click.option("--state", type=click.Choice(["queued", "leased", "done"]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many.")
@click.option("--cursor", help="The page after the one whose `next` this is.")
@output_option
def runs(
    workspace: str | None,
    table_name: str | None,
    verdict: str | None,
    decision: str | None,
    state: str | None,
    limit: int,
    cursor: str | None,
    output: str,
) -> None:
    """List runs, the newest first."""
    with connection.api(settings.load()) as api:
        page = api.runs(workspace=workspace, table=table_name, verdict=verdict, decision=decision, state=state, limit=limit, cursor=cursor)
    if output == "json":
        print_json(page.as_json())
        return
    print_table(("run", "table", "slice", "decision", "verdict", "queued", "seconds", "message"), [_row(run) for run in page.runs])
    if page.next is not None:
        click.echo(f"older ones: --cursor {page.next}", err=True)


@click.command()
@click.argument("run_id", metavar="RUN")
@output_option
def run(run_id: str, output: str) -> None:
    """Show why a run is open or closed: its rules, their counts, rows and SQL.

    RUN is a run's id, or the first 8 or more characters of it.
    """
    with connection.api(settings.load()) as api:
        found = api.run(run_id)
    if output == "json":
        print_json(found.as_json())
        return
    print_run(found)


def _row(run: RunSummary) -> tuple[object, ...]:
    queued = f"{run.timings.queued_at:%Y-%m-%d %H:%M:%S}" if run.timings.queued_at else None
    return (
        run.run[:SHOWN_ID],
        _table_of(run),
        run.slice,
        run.decision,
        run.verdict or run.state,
        queued,
        _seconds(run),
        _first_line(run.message),
    )


def _table_of(run: RunSummary) -> str:
    return run.table if run.workspace == "default" else f"{run.workspace}/{run.table}"


def _seconds(run: RunSummary) -> str | None:
    """From the trigger's arrival to the stored verdict."""
    judged_at = run.timings.judged_at
    return None if judged_at is None else f"{(judged_at - run.timings.received_at).total_seconds():.1f}"


def _first_line(text: str | None) -> str | None:
    return text.strip().partition("\n")[0] if text else None


def print_run(run: RunDetail) -> None:
    """A run with its checks; those that did not pass with message, rows and SQL."""
    out = console()
    out.print(Text(f"{_table_of(run)}, {run.slice}"))
    out.print(Text.assemble("decision ", cell(run.decision or "not yet"), ", verdict ", cell(run.verdict or run.state)))
    facts = [f"run {run.run}", f"gate version {run.gate_version}", run.mode, run.engine, f"target {run.target}", f"attempt {run.attempt}"]
    if _seconds(run) is not None:
        facts.append(f"{_seconds(run)} s from trigger to verdict")
    if not run.acknowledged:
        facts.append("not acknowledged yet")
    out.print(cell(", ".join(facts)))
    if run.message:
        out.print(cell(run.message))
    for attempt in run.attempts:
        if attempt.outcome not in (None, "settled"):
            out.print(cell(f"attempt {attempt.number} at {attempt.address}: {attempt.outcome}: {attempt.message or ''}"))
    if run.checks:
        print_table(
            ("rule", "outcome", "failures", "severity", "kind", "dimension", "scope", "seconds"),
            [
                (
                    check.name,
                    check.outcome,
                    check.failures,
                    check.severity,
                    check.kind,
                    check.dimension,
                    check.scope,
                    f"{check.duration_seconds:.2f}",
                )
                for check in run.checks
            ],
        )
    for check in run.checks:
        if check.outcome is not Outcome.PASSED:
            _print_why(out, check)


def _print_why(out: Console, check: CheckResult) -> None:
    count = "" if check.failures is None else f", {check.failures} failures"
    out.print(Text.assemble(check.name, ": ", cell(check.outcome), count))
    if check.message:
        out.print(cell(indent(check.message.strip(), "  ")))
    if check.sample:
        print_table(check.columns, check.sample)
    if check.sql:
        out.print(cell(indent(check.sql.strip(), "  ")), soft_wrap=True)
    out.print()
