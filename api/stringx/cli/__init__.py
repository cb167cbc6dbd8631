"""The command `stringx`: its table of contents. A verb's module is imported only when the verb is called."""

from __future__ import annotations

import sys
import traceback

import click

from stringx.cli.verbs import Verbs
from stringx.errors import GateFileErrors, StringXError, Unavailable

#: verb → module of `stringx.cli` and the click command in it; first one per process, then the user's
COMMANDS = {
    "up": "up:up",
    "consume": "processes:consume",
    "dispatch": "processes:dispatch",
    "serve": "processes:serve",
    "runner": "processes:runner",
    "docs": "processes:docs",
    "migrate": "processes:migrate",
    "trigger": "trigger:trigger",
    "runs": "runs:runs",
    "run": "runs:run",
    "rerun": "reruns:rerun",
    "cancel": "reruns:cancel",
    "gates": "gates:gates",
    "import": "imports:import_",
    "status": "status:status",
    "dead-letters": "dead_letters:dead_letters",
    "settings": "settings:settings",
}

#: exit codes of every verb; a CI gate tells them apart
EXIT_CLOSED = 1
EXIT_DIFFERENT = 1
EXIT_USAGE = 2
EXIT_NOT_JUDGED = 3
EXIT_WAITED_TOO_LONG = 4
EXIT_INTERRUPTED = 130


@click.command(cls=Verbs, verbs=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="stringx")
def stringx() -> None:
    """An event-driven data-quality gate on dbt."""


def main() -> None:
    """Runs the command line; an error of ours is one line on stderr, and of gate files one for each fault.

    Its exit code is the error's own `exit_code`, else 3 where something does not answer, else 2.
    """
    try:
        # Not click's own endings: interrupted, it exits with 1, which tells a CI job "closed by rules".
        sys.exit(stringx.main(standalone_mode=False))
    except click.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except GateFileErrors as error:
        # Each at the beginning of its line: there a terminal, an editor or a CI job takes it for a place to go to.
        click.echo(error, err=True)
        sys.exit(EXIT_USAGE)
    except StringXError as error:
        click.echo(f"stringx: {error}", err=True)
        sys.exit(getattr(error, "exit_code", EXIT_NOT_JUDGED if isinstance(error, Unavailable) else EXIT_USAGE))
    except Exception:  # noqa: BLE001  # Python's own exit code would be 1, which tells a CI job "closed by rules"
        traceback.print_exc()
        sys.exit(EXIT_NOT_JUDGED)
