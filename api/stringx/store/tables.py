"""The tables of the internal database, as SQLAlchemy Core sees them; `migrations/` makes them, and a test holds both equal.

History is append-only: gate versions and withdrawals, triggers, attempts, verdicts, check results, dead letters and set-apart reports are
written once. What changes is `runs.state` with its lease, `attempts.ended_at`, `outbox.published_at`, which dispatchers and
which replicas of runners there are, and which gates are in force.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _now(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


#: One row: who this backend is to the runners, which may serve several.
installation = Table("installation", metadata, Column("id", Text, primary_key=True), _now("created_at"))

#: A trigger of the database refuses to change or delete a row.
gate_versions = Table(
    "gate_versions",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("workspace", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Column("file", Text),
    _now("applied_at"),
    #: who asked for it and why, as they said
    Column("author", Text),
    Column("message", Text),
    UniqueConstraint("workspace", "table_name", "number"),
)

#: That a version was taken out of force: putting a gate in force again makes a new one. A trigger of the database refuses to change
#: or delete a row.
gate_withdrawals = Table(
    "gate_withdrawals",
    metadata,
    Column("version_id", BigInteger, ForeignKey("gate_versions.id"), primary_key=True),
    #: in the key, since a program from before this table withdraws and restores a version without a row
    Column("withdrawn_at", DateTime(timezone=True), primary_key=True, server_default=func.now()),
    #: who asked for it and why, as they said
    Column("author", Text),
    Column("message", Text),
)

#: Which version of a gate is in force, or was until the gate was withdrawn.
gates = Table(
    "gates",
    metadata,
    Column("workspace", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("version_id", BigInteger, ForeignKey("gate_versions.id"), nullable=False),
    _now("updated_at"),
    _time("withdrawn_at"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('runs_seq')")),
    Column("workspace", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("version_id", BigInteger, ForeignKey("gate_versions.id"), nullable=False),
    Column("slice", JSONB, nullable=False),
    Column("slice_key", Text, nullable=False),
    Column("mode", Text, nullable=False),
    #: where it runs: the runner's name, or 'inline'
    Column("runner", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("engine", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="queued"),
    #: the number of the newest attempt; the fencing token
    Column("attempt", Integer, nullable=False, server_default="0"),
    #: attempts that were lost; the cap counts these, not the ones handed back
    Column("lost_attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=func.now()),
    #: without an index: renewed often, and so a heap-only update
    _time("lease_until"),
    #: the address of the runner that holds it, once it has taken it
    Column("address", Text),
    #: that runner's boot; a lease is renewed only for the same one
    Column("boot", Text),
    _time("cancel_requested_at"),
    #: copied from the first trigger, for the runner's logs and spans
    Column("correlation_id", Text),
    Column("traceparent", Text),
    _now("queued_at"),
    _time("started_at"),
    _time("finished_at"),
    CheckConstraint("state in ('queued', 'leased', 'done')", name="state"),
    Index("ix_runs_queue", "runner", text("priority desc"), "seq", postgresql_where=text("state = 'queued'")),
    Index("uq_runs_one_leased", "workspace", "table_name", "slice_key", unique=True, postgresql_where=text("state = 'leased'")),
    Index("ix_runs_joinable", "version_id", "slice_key", postgresql_where=text("state = 'queued'")),
    Index("ix_runs_table", "workspace", "table_name", text("seq desc")),
    Index("ix_runs_seq", "seq", unique=True),
)

#: Which dispatchers are there and what each can serve: a queued run that none of them serves is `errored`, not left waiting.
dispatchers = Table(
    "dispatchers",
    metadata,
    Column("id", Text, primary_key=True),
    #: names of the runners that it knows
    Column("runners", JSONB, nullable=False),
    #: targets that its own workers run inline gates on
    Column("inline_targets", JSONB, nullable=False),
    _now("started_at"),
    _now("seen_at"),
)

#: The replicas of runners that there are, as they said of themselves to whichever dispatcher asked last: a process that asks none
#: of them knows them from here.
runner_replicas = Table(
    "runner_replicas",
    metadata,
    Column("runner", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    #: without what it holds; None: it has not answered yet
    Column("status", JSONB),
    _time("answered_at"),
    _now("asked_at"),
    #: why the newest question has no answer
    Column("error", Text),
)

#: The dbt project that each replica has in charge of a target: which of a runner's is the newest.
runner_projects = Table(
    "runner_projects",
    metadata,
    Column("runner", Text, primary_key=True),
    Column("address", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    #: when the runner got it: a replica that catches up with another has what came when the other's came
    _now("came_at"),
    ForeignKeyConstraint(["runner", "address"], ["runner_replicas.runner", "runner_replicas.address"], ondelete="CASCADE"),
)

triggers = Table(
    "triggers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('triggers_seq')")),
    Column("workspace", Text, nullable=False),
    Column("source", Text, nullable=False),
    #: the sender's id, or one made of the record's Kafka position
    Column("event_id", Text, nullable=False),
    Column("content_fingerprint", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("slice", JSONB, nullable=False),
    Column("reply_to", Text),
    Column("priority", Integer),
    Column("metadata", JSONB, nullable=False),
    Column("position", JSONB),
    Column("correlation_id", Text),
    Column("traceparent", Text),
    Column("tracestate", Text),
    #: that it asks for; None: the gate's
    Column("engine", Text),
    Column("state", Text, nullable=False),
    Column("run_id", Text, ForeignKey("runs.id")),
    _now("received_at"),
    UniqueConstraint("workspace", "source", "event_id"),
    CheckConstraint("state in ('accepted', 'unmatched')", name="state"),
    CheckConstraint("(state = 'accepted') = (run_id is not null)", name="accepted_has_run"),
    Index("ix_triggers_run_id", "run_id"),
    Index("ix_triggers_table", "workspace", "table_name", text("seq desc")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("dispatcher", Text, nullable=False),
    Column("address", Text),
    Column("boot", Text),
    _now("leased_at"),
    _time("ended_at"),
    #: settled, lost, handed_back, cancelled
    Column("outcome", Text),
    Column("message", Text),
)

verdicts = Table(
    "verdicts",
    metadata,
    #: the primary key is the run: a second verdict is impossible
    Column("run_id", Text, ForeignKey("runs.id"), primary_key=True),
    #: None: judged without a report (cancelled in the queue, attempts used up)
    Column("attempt", Integer),
    Column("verdict", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("message", Text),
    Column("counts", JSONB, nullable=False),
    Column("engine", Text),
    Column("project_fingerprint", Text),
    _time("started_at"),
    _time("finished_at"),
    _now("judged_at"),
    #: that the run was about; None where they were not counted
    Column("rows", BigInteger),
    #: list of {test, reason}: what kept a run that was to be prepared with dbt; None where nothing was told
    Column("unprepared", JSONB),
    #: {overall, dimensions: {dimension: score}}; None where nothing was checked
    Column("scores", JSONB),
    # Rows stand in the order of their times: this is some pages for all of them, and costs nothing while they are written. Pages that
    # are not summarized are read at each search: without `autosummarize`, all since the last vacuum.
    Index("ix_verdicts_judged_at", "judged_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

check_results = Table(
    "check_results",
    metadata,
    Column("run_id", Text, ForeignKey("verdicts.run_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("dimension", Text),
    Column("level", Text),
    Column("severity", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("failures", BigInteger),
    Column("message", Text),
    Column("test", Text),
    Column("sql", Text),
    Column("duration_seconds", Float, nullable=False),
    Column("columns", JSONB, nullable=False),
    Column("sample", JSONB, nullable=False),
)

#: Reports that changed nothing: of an attempt that had lost its lease (`late`), or that could not be stored (`unstorable`).
set_apart_reports = Table(
    "set_apart_reports",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text),
    Column("report", LargeBinary, nullable=False),
    _now("received_at"),
    CheckConstraint("reason in ('late', 'unstorable', 'unknown')", name="reason"),
)

#: Kafka records that are to be published: acknowledgements and dead letters. `id` is the event's id: a repeated
#: delivery carries the same one.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, server_default=text("nextval('outbox_seq')")),
    Column("trigger_id", Text, ForeignKey("triggers.id")),
    Column("run_id", Text, ForeignKey("runs.id")),
    Column("topic", Text, nullable=False),
    Column("key", LargeBinary),
    #: list of [name, value]; a value is text, or {"base64": …} where it was not UTF-8
    Column("headers", JSONB, nullable=False),
    Column("value", LargeBinary),
    _now("created_at"),
    _time("published_at"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    #: a record that Kafka refused waits until then, longer each time, so that it does not stand in its neighbours' way
    _now("not_before"),
    Index("ix_outbox_unpublished", "seq", postgresql_where=text("published_at is null")),
    Index("ix_outbox_trigger_id", "trigger_id"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("door", Text, nullable=False),
    Column("topic", Text),
    Column("partition", Integer),
    Column("record_offset", BigInteger),
    #: of topic, topic id, partition, offset, record timestamp and payload: a record delivered twice is one dead letter
    Column("position_key", Text, nullable=False, unique=True),
    Column("code", Text, nullable=False),
    Column("field", Text),
    Column("reason", Text, nullable=False),
    Column("event_source", Text),
    Column("event_id", Text),
    Column("key", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("value", LargeBinary),
    #: of the whole value, in bytes; `value` may be cut
    Column("value_bytes", Integer),
    _now("received_at"),
    Index("ix_dead_letters_received_at", "received_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

#: The next offset that the Kafka door expects of each partition: a gap is reported, never passed over in silence.
positions = Table(
    "positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_id", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    _now("updated_at"),
)
