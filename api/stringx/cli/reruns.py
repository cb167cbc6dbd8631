"""`stringx rerun RUN` and `stringx cancel RUN`: judge a run's slice again, or stop a run."""

from __future__ import annotations

import sys

import click

from stringx import settings
from stringx.cli import EXIT_INTERRUPTED, connection
from stringx.cli.absent import RUN
from stringx.cli.outcomes import headline
from stringx.cli.output import console, output_option, print_json
from stringx.cli.prepared import engine_option
from stringx.cli.tables import cell
from stringx.cli.told import finish, told_by_answer
from stringx.cli.waiting import WaitingCommand, settled, wait_option


@click.command(cls=WaitingCommand)
@click.argument("run_id", metavar="RUN", type=RUN)
@engine_option
@wait_option
@output_option
def rerun(run_id: str, engine: str | None, wait: float | None, output: str) -> None:
    """Judge the slice of RUN again, by the gate as it is now; the run itself stays as it is.

    RUN is a run's id, or the first 8 or more characters of it. With --wait the exit codes are those of `stringx trigger --wait`.
    """
    try:
        with connection.api(settings.load()) as api:
            told = told_by_answer(settled(api, api.rerun(run_id, engine=engine), wait))
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)  # click's own is 1, which says "closed by rules"
    finish(told, wait, output)


@click.command()
@click.argument("run_id", metavar="RUN", type=RUN)
@output_option
def cancel(run_id: str, output: str) -> None:
    """Stop RUN; its verdict is `cancelled`, its decision `closed`. One that has its verdict stays as it is: exit code 2.

    RUN is a run's id, or the first 8 or more characters of it.
    """
    with connection.api(settings.load()) as api:
        run = api.cancel(run_id)
    if output == "json":
        print_json(run.as_json())
        return
    out = console()
    verdict = run.verdict or "asked to stop"
    out.print(headline(run.decision, verdict, f"{run.table}, {run.slice}", run.rows))
    out.print(cell(f"more: stringx run {run.run}"))
