"""`python -m stringx.embedded`: the Kafka broker of `stringx up` alone, with the same data, until Ctrl-C. `scripts/kafka` calls it."""

from __future__ import annotations

import signal
import sys
import threading

import click

from stringx import settings as settings_module
from stringx.embedded.home import Home
from stringx.embedded.kafka import choose_broker
from stringx.embedded.ports import HOST, next_free, one_start_at_a_time
from stringx.embedded.stack import KAFKA_PORT
from stringx.embedded.supervisor import Stage, Supervisor
from stringx.errors import ConfigurationError, StringXError


def main() -> None:
    """Prints the bootstrap address on stdout, and all else on stderr."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    home = Home(settings_module.load().home)
    if not home.acquire_broker():
        address = home.broker / "address"
        if not address.exists():
            raise ConfigurationError(f"process {home.broker_holder()} has the broker's data in {home.folder}, and no broker runs on it yet")
        click.echo(f"a broker runs already on the data in {home.folder}", err=True)
        click.echo(address.read_text())
        return
    home.end_leftovers()
    supervisor = Supervisor(lambda line: click.echo(line, err=True))
    try:
        with one_start_at_a_time(lambda line: click.echo(line, err=True)):
            broker, kind = choose_broker(home.broker, port=next_free(KAFKA_PORT))
            supervisor.start("kafka", broker, Stage.SERVER)
        (home.broker / "address").write_text(broker.bootstrap)
        if broker.kind == "apache" and broker.bootstrap != f"{HOST}:{KAFKA_PORT}":
            click.echo(f"port {KAFKA_PORT} is taken", err=True)
        click.echo(f"{kind}; Ctrl-C stops it", err=True)
        click.echo(broker.bootstrap)
        while not stopping.wait(0.5):
            supervisor.check()
    finally:
        supervisor.stop(15.0)


if __name__ == "__main__":
    try:
        main()
    except StringXError as error:
        sys.exit(f"stringx: {error}")
