"""`stringx runs` and `stringx run ID`: what was judged, and why it is open or closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import indent

import click
from rich.console import Console
from rich.text import Text

from stringx import settings
from stringx.cli import connection
from stringx.cli.absent import RUN, warn_of_absent
from stringx.cli.outcomes import headline, own_message, said_of_rule, scored, tally
from stringx.cli.output import console, output_option, print_json, print_records, print_table
from stringx.cli.prepared import print_unprepared
from stringx.cli.tables import LONGEST_NAME, SHORT_ID, Short, cell, clock, hanging, shortened
from stringx.model import CheckResult, Decision, Outcome, RunCheck, RunDetail, RunSummary, Scope, VerdictName, worst_first
from stringx.reasons import number, told

#: Characters of a run's id that a list shows where there is room; `stringx run` finds it by them.
SHOWN_ID = 12
#: Characters of a slice that a list shows.
LONGEST_SLICE = 80
#: Rules that one line names; the table has all.
NAMED = 5
#: What the runner marks the slice with in a statement; nothing to a reader.
_SLICE_MARK = re.compile(r"/\*[0-9a-f]{32}(?::\d+)?\*/")


@click.command()
@click.option("-w", "--workspace", help="Only those of this workspace.")
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
        if not page.runs and cursor is None:
            warn_of_absent(api, workspace, table_name)
    if output == "json":
        print_json(page.as_json())
        return
    columns = ("run", "table", "slice", "decision", "verdict", "rows", "queued", "seconds", "reason")
    print_table(columns, [_row(run) for run in page.runs], optional=("seconds", "rows", "queued"), below="reason")
    if page.next is not None:
        click.echo(f"older ones: --cursor {page.next}", err=True)


@click.command()
@click.argument("run_id", metavar="RUN", type=RUN)
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
    return (
        Short(run.run[:SHOWN_ID], run.run[:SHORT_ID]),
        _table_of(run),
        shortened(str(run.slice), LONGEST_SLICE),
        run.decision,
        run.verdict or run.state,
        run.rows,
        clock(run.timings.queued_at),
        _seconds(run),
        run.reason,
    )


def _table_of(run: RunSummary) -> str:
    return run.table if run.workspace == "default" else f"{run.workspace}/{run.table}"


def _seconds(run: RunSummary) -> str | None:
    """From the trigger's arrival to the stored verdict."""
    judged_at = run.timings.judged_at
    return None if judged_at is None else f"{(judged_at - run.timings.received_at).total_seconds():.1f}"


def print_run(run: RunDetail) -> None:
    """A run with its checks, those that close the gate first; those that did not pass with message, rows and SQL."""
    out = console()
    checks = worst_first(run.checks)
    out.print(headline(run.decision, run.verdict or run.state, f"{_table_of(run)}, {run.slice}", run.rows))
    for line in (own_message(run.message, checks), *_why_closed(run), tally(run.counts), scored(run.scores)):
        if line:
            out.print(cell(line.strip()))
    facts = [f"run {run.run}", f"gate version {run.gate_version}", run.mode, run.engine, f"target {run.target}", f"attempt {run.attempt}"]
    if _seconds(run) is not None:
        facts.append(f"{_seconds(run)} s from trigger to verdict")
    if not run.acknowledged:
        facts.append("not acknowledged yet")
    out.print(cell(", ".join(facts)))
    for attempt in run.attempts:
        if attempt.outcome not in (None, "settled"):
            message = f": {attempt.message}" if attempt.message and attempt.message != run.message else ""
            out.print(cell(f"attempt {attempt.number} at {attempt.address or 'no runner'}: {attempt.outcome}{message}"))
    if checks:
        out.print()
        columns = ("rule", "outcome", "failures", "severity", "kind", "dimension", "scope", "seconds")
        print_table(columns, [_check_row(check) for check in checks], optional=("seconds", "scope", "dimension", "kind"))
    print_unprepared(run.unprepared)
    # What the first lines say of a check is not said again.
    said = {run.message, *(check.message for check in _closing(run)[:NAMED] if check.message == told(check))}
    for check in checks:
        if check.outcome is not Outcome.PASSED:
            _print_why(out, check, checks, said)


def _closing(run: RunDetail) -> list[RunCheck]:
    """The rules that failed or broke."""
    return [check for check in worst_first(run.checks) if check.outcome in (Outcome.FAILED, Outcome.ERRORED)]


def _why_closed(run: RunDetail) -> Iterator[str]:
    """The rules that failed or broke, with what they counted, or why they broke."""
    closing = _closing(run)
    for check in closing[:NAMED]:
        why = told(check)
        plain = check.failures is not None and why == number(check.failures, "failure")
        # A check of the whole table did not count in the rows of the slice.
        if plain and run.rows is not None and (check.scope is Scope.SLICE or not run.slice):
            why += f" in {number(run.rows, 'row')}"
        yield f"{check.name}: {why}"
    if len(closing) > NAMED:
        yield f"and {number(len(closing) - NAMED, 'rule')} more"


def _check_row(check: CheckResult) -> tuple[object, ...]:
    name = Short(check.name, shortened(check.name, LONGEST_NAME))
    seconds = round(check.duration_seconds, 2)
    return name, check.outcome, check.failures, check.severity, check.kind, check.dimension, check.scope, seconds


def _print_why(out: Console, check: RunCheck, checks: Sequence[CheckResult], said: set[str | None]) -> None:
    """What is known of one check that did not pass; a message is said once, for all checks that have it."""
    judged = check.outcome in (Outcome.FAILED, Outcome.WARNED)
    counted = "" if check.failures is None else number(check.failures, "failure")
    message = (told(check) if judged else check.message) or None
    if message in (*said, counted):
        message = None
    said.add(message)
    why = [] if check.outcome is Outcome.SKIPPED else said_of_rule(check)  # what was not run has no say in the verdict
    if not (message or check.sample or check.sql or why):
        return
    names = [other.name for other in checks if other.message == message] if message else [check.name]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    out.print()
    out.print(Text.assemble(cell(", ".join(names[:NAMED])), f"{more}: ", cell(check.outcome), f", {counted}" if counted else ""))
    for text in (message, *why):
        for line in hanging(out, Text("  "), cell((text or "").strip()), out.width) if text else ():
            out.print(line)
    if check.sample:
        print_records(check.columns, check.sample)
    if check.sql:
        out.print()
        out.print(cell(indent(_SLICE_MARK.sub("", check.sql.strip()), "  ")), soft_wrap=True)
