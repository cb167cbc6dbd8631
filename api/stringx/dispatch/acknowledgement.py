"""What is told of a verdict: one acknowledgement for each trigger of the run, as records for the outbox. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stringx.acks.events import acknowledgement_record, event_id
from stringx.model import Acknowledgement, Timings, failing_rules
from stringx.settings import Settings
from stringx.store import outbox
from stringx.store.verdicts import Judged, WaitingTrigger


def acknowledgements(settings: Settings, judged: Sequence[Judged]) -> list[outbox.NewRecord]:
    """For all triggers of the runs: also at their `reply_to`, and where their gate has it told."""
    return [record for one in judged for trigger in one.awaited.triggers for record in _records(settings, one, trigger)]


def _records(settings: Settings, judged: Judged, trigger: WaitingTrigger) -> Iterator[outbox.NewRecord]:
    name = event_id(trigger.id, "verdict")
    record = acknowledgement_record(settings, _acknowledgement(judged, trigger), name)
    topics = {name: settings.kafka_verdicts_topic}
    if trigger.reply_to is not None:
        topics[f"{name}-reply"] = trigger.reply_to
    for notice in judged.run.gate.notify:
        if notice.tells(judged.verdict.decision) and notice.topic not in topics.values():
            topics[f"{name}-to-{notice.topic}"] = notice.topic
    for outbox_id, topic in topics.items():
        yield outbox.NewRecord(outbox_id, topic, record.key, record.headers, record.value, trigger_id=trigger.id, run_id=judged.run.id)


def _acknowledgement(judged: Judged, trigger: WaitingTrigger) -> Acknowledgement:
    run, verdict, report, judged_at = judged.run, judged.verdict, judged.report, judged.awaited.now
    return Acknowledgement(
        state="judged",
        trigger_id=trigger.event_id,
        trigger_source=trigger.source,
        workspace=run.gate.workspace,
        table=run.gate.table,
        slice=trigger.slice,
        content_fingerprint=trigger.content_fingerprint,
        run=run.id,
        attempt=run.attempt or None,
        mode=run.mode,
        engine=run.engine if report is None else report.engine,
        gate_version=run.gate_version,
        verdict=verdict.verdict,
        decision=verdict.decision,
        message=verdict.message,
        counts=verdict.counts,
        rows=None if report is None else report.rows,
        scores=verdict.scores,
        failing=failing_rules(run.gate, verdict.checks),
        timings=Timings(
            received_at=trigger.received_at,
            queued_at=run.queued_at,
            # How long dbt took, by the runner's clock; without a report the run was ended by us.
            started_at=run.started_at if report is None else report.started_at,
            finished_at=judged_at if report is None else report.finished_at,
            judged_at=judged_at,
        ),
        project_fingerprint=None if report is None else report.project_fingerprint,
        correlation_id=trigger.correlation_id,
        traceparent=trigger.traceparent,
        tracestate=trigger.tracestate,
        metadata=trigger.metadata,
    )
