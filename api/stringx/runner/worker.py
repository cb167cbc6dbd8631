"""A worker: a forked process that takes one run at a time and has dbt execute it. And the parsed project that it is forked from.

This module and what it alone imports are the only ones that import dbt, beside `dbt_commands`, a program of its own.
"""

from __future__ import annotations

import gc
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from typing import Any

import psycopg2
from dbt_common.exceptions import DbtBaseException

from stringx.errors import NotFound
from stringx.model import ReportStatus
from stringx.runner import duckdb_target, invocation, messages, samples, sessions
from stringx.runner.adapter_session import AdapterSession
from stringx.runner.database_words import unanswered
from stringx.runner.environment import secrets_in
from stringx.runner.evaluation import MAX_MESSAGE, Evaluated, Evaluator
from stringx.runner.inquirer import Inquirer
from stringx.runner.inquiries import LONGEST_SECONDS
from stringx.runner.invocation import DbtFolders, StopSignal
from stringx.runner.parsed import ParsedProject, own_copy
from stringx.runner.postgres_session import PostgresSession, connection_arguments
from stringx.runner.project_copy import copy_project, project_fingerprint
from stringx.runner.replay_session import ReplaySession
from stringx.runner.replay_worker import replay_all
from stringx.runner.replayer import Replayer


class CannotParse(Exception):
    """The project cannot be copied or does not parse; the message is dbt's own."""

    def __init__(self, message: str, fingerprint: str | None) -> None:
        super().__init__(message)
        self.fingerprint = fingerprint


class WarmProject:
    """A private copy of the project, parsed, with one test run: everything that workers share by being forked from here."""

    def __init__(self, start: messages.Start, environment: Mapping[str, str]) -> None:
        """Blocks for the time of a full parse. Raises CannotParse."""
        self._start = start
        self._secrets = secrets_in(environment)
        self._sessions = sessions.Sessions(f"{start.session_prefix}:parse")
        self._sessions.install()
        fingerprint = None
        try:
            copy_project(start.project, start.profiles, start.folder)
            fingerprint = project_fingerprint(start.folder / "project")
            self._folders = DbtFolders(start.folder / "project", start.folder / "profiles", start.target, start.folder / "parse")
            manifest = invocation.parse(self._folders)
        except (OSError, shutil.Error, invocation.ParseFailed) as error:
            raise CannotParse(self._text(str(error)), fingerprint) from error
        self.project = ParsedProject(manifest, invocation.adapter().config, fingerprint)
        if duckdb_target.locks(invocation.adapter()):
            duckdb_target.only_read()
        self._warm_up()

    def _warm_up(self) -> None:
        """Runs one test, whatever comes of it: the imports and caches that it leaves are shared by all workers."""
        node = own_copy(self.project.rule_test("stringx_warm_up", "{{ config(enabled=true) }} select 1 where false"))
        invocation.run_tests(self.project.cut([node]), self._folders, StopSignal())
        gc.collect()
        gc.freeze()

    def scrub(self, text: str) -> str:
        """`text` without the passwords that this process knows from its environment."""
        for secret in self._secrets:
            text = text.replace(secret, "*****")
        return text

    def _text(self, text: str) -> str:
        return samples.clean(self.scrub(text), MAX_MESSAGE)

    def work(self, fork: messages.Fork) -> None:
        """Runs a worker in this (forked) process until the pool hangs up."""
        stop = StopSignal()
        stop.install()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is the pool that stops a worker
        self._sessions.application_name = messages.session_name(self._start.session_prefix, fork.worker)
        note = self._end_sessions(fork.end_sessions)
        self._sessions.keep()
        hello = messages.WorkerHello(generation=self._start.generation, worker=fork.worker, note=note)
        try:
            with Client(self._start.socket, family="AF_UNIX", authkey=bytes.fromhex(self._start.key)) as pool:
                messages.send(pool, hello)
                if fork.role == "dbt":
                    folders = replace(self._folders, scratch=self._start.folder / f"worker-{fork.worker}")
                    evaluator = Evaluator(self.project, folders, self._sessions, stop, self.scrub)
                    while True:
                        _one_run(pool, evaluator, self._text)
                replay_all(pool, self._replayer(stop))
        except (EOFError, OSError, AuthenticationError):
            return  # the pool hung up: it has no more work for this worker, or is gone

    def answer(self, inquire: messages.Inquire) -> None:
        """Answers a question in this (forked) process, which is ended where that takes too long."""
        signal.alarm(LONGEST_SECONDS)
        self._sessions.application_name = messages.session_name(self._start.session_prefix, inquire.number)
        self._sessions.keep()
        inquirer = Inquirer(self.project, self._start.target, self._text)
        said: dict[str, Any]
        try:
            match inquire.question:
                case messages.CheckGates(gates=gates):
                    said = {"answer": inquirer.check(gates)}
                case messages.DescribeTable(table=table):
                    said = {"answer": inquirer.describe(table)}
        except NotFound as error:
            said = {"error": self._text(str(error)), "absent": True}
        except (psycopg2.Error, DbtBaseException) as error:
            said = {"error": self._text(unanswered(self._start.target, error))}
        with Client(self._start.socket, family="AF_UNIX", authkey=bytes.fromhex(self._start.key)) as pool:
            messages.send(pool, messages.Answered(generation=self._start.generation, number=inquire.number, **said))

    def _replayer(self, stop: StopSignal) -> Replayer:
        adapter = invocation.adapter()
        credentials = adapter.config.credentials
        session: ReplaySession
        if sessions.opens(adapter):
            session = PostgresSession(connection_arguments(credentials, self._sessions.application_name), credentials.role)
        else:
            invocation.forget_listeners()  # the last invocation's would gather what every replay sends
            session = AdapterSession(adapter)
        return Replayer(session, stop, self._text, warnings_are_errors=invocation.warnings_are_errors())

    def _end_sessions(self, prefixes: tuple[str, ...]) -> str | None:
        if not prefixes:
            return None
        try:
            sessions.end_sessions(invocation.adapter(), list(prefixes))
        except (psycopg2.Error, DbtBaseException) as error:  # the target may be down: then the sessions are gone as well
            return self._text(f"sessions of a stopped worker could not be ended: {error}")
        return None

    def end_own_sessions(self) -> None:
        """Ends every session of this generation's workers; for when they had to be killed. Blocks until the server answers."""
        self._sessions.application_name = f"{self._start.session_prefix}/end"
        self._end_sessions((f"{self._start.session_prefix}:",))


def _one_run(pool: Connection, evaluator: Evaluator, shown: Callable[[str], str]) -> None:
    """`shown`: a text as it may be told and logged."""
    if not pool.poll(sessions.IDLE_SECONDS):
        evaluator.rest()
    message = messages.receive(pool)
    if not isinstance(message, messages.Work):
        raise TypeError(f"a worker was sent {message.kind}")
    request = message.request
    try:
        evaluated = evaluator.evaluate(request, record=message.record)
    except Exception as error:  # noqa: BLE001  # dbt may raise anything; the run is then errored, and the worker lives on
        # The text of any exception may quote a row.
        name, masked = type(error).__name__, bool(request.gate.samples.mask)
        sys.stderr.write(f"{name if masked else shown(traceback.format_exc())}\n")
        reason = name if masked else shown(f"{name}: {error}")
        evaluated = Evaluated(ReportStatus.ERRORED, message=f"the run could not be evaluated: {reason}")
    messages.send(pool, evaluated.done(request.run, request.attempt, request.gate.fingerprint))
    # A Jinja context and its macros hold each other: some 7,000 objects of a run, which Python would look for during the next ones.
    gc.collect()
