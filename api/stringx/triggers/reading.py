"""One consumer's life: it reads the triggers' topic into the inbox, and loses nothing.

Per batch, one database transaction stores what was taken (triggers, runs, dead letters) and how far the door has come; only
then are the offsets stored, which librdkafka commits in the background. A record that is read twice is known to the inbox.

While the database is away the batch is held: its partitions are paused, and polling goes on, since a member that does not
poll loses its partitions. A rebalance un-pauses, and a poll can bring a record even so: it is kept with the others.

What is held may be all that is left of a topic that was deleted meanwhile. Each record is therefore marked with its topic's id
as soon as the broker has confirmed it; a marked one is stored under that id, whatever becomes of the topic, the partition or
the consumer. Where another member has taken it too, the inbox knows it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from stringx import inbox, logs
from stringx.errors import KafkaUnavailable, Refusal, Unavailable, Unstorable
from stringx.settings import Settings
from stringx.store import positions
from stringx.store.database import transaction
from stringx.triggers.consumer import ConsumerLost, Protocol, TriggerConsumer
from stringx.triggers.pace import Pace
from stringx.triggers.parse import legible, parse_record
from stringx.triggers.record import KafkaRecord, Legible
from stringx.triggers.topic_ids import Asked, TopicIds

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

POLL_SECONDS = 0.5
#: A batch ends with what is there, or at one of these.
BATCH_RECORDS = 500
BATCH_BYTES = 8 * 1024 * 1024
#: Pause between two tries of what is away; it doubles up to the second.
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
#: How often the topic's id is looked at while nothing comes.
WATCH_SECONDS = 5.0
#: Nothing came for so long: is there really nothing?
STALL_SECONDS = 60.0

#: For how long a transaction may wait for the broker to confirm the topic.
ANSWER_SECONDS = 0.2

#: By the topic's id, partition and offset.
Left = dict[tuple[str, int, int], KafkaRecord]

log = logs.get(__name__)


class _Unconfirmed(Exception):
    """Whether what was read is of the topic that we know is not certain."""


class Reading:
    """A consumer of the group, and what it has read and not yet stored. Used by one thread."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        protocol: Protocol,
        closing: threading.Event,
        stall_seconds: float,
        stalled: dict[int, tuple[int, int]],
        left: Left,
        make_consumer: type[TriggerConsumer],
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._closing = closing
        self._stall_seconds = stall_seconds
        #: the lag for which the consumer before this one was given up; shared with it
        self._stalled = stalled
        #: read and marked, of partitions or of a topic that are ours no more: to be stored, and not to be committed in Kafka
        self._left = left
        self._pace = Pace(seconds=10.0)
        self._ids = TopicIds(settings)
        self._topic_id: str | None = None
        #: read, and not yet in the database; with the topic's id once it is certain
        self._held: list[KafkaRecord] = []
        #: assigned, and nothing read of them yet
        self._fresh: set[int] = set()
        self._assigned: set[int] = set()
        self._last_read = self._last_watch = time.monotonic()
        self._consumer = make_consumer(settings, protocol, assigned=self._on_assigned, revoked=self._on_revoked)

    @property
    def joined(self) -> bool:
        return self._consumer.joined

    def close(self) -> bool:
        """Leaves what is held to the next consumer: it cannot be read again once the topic is gone."""
        self._leave()
        return self._consumer.close()

    def run(self) -> None:
        """Reads until closed. Raises ConsumerLost."""
        pause = FIRST_PAUSE_SECONDS
        while not self._closing.is_set():
            try:
                self._watch()
                self._read()
                if self._held or self._left:
                    self._take()
                pause = FIRST_PAUSE_SECONDS
            except Unavailable as error:
                if self._pace.may("held"):
                    log.warning("records held", reason=str(error), records=len(self._held) + len(self._left))
                self._hold(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def _read(self) -> None:
        """Adds what is there, up to one batch, to what is held; waits only while nothing is."""
        size = sum(record.size_bytes for record in self._held)
        while len(self._held) + len(self._left) < BATCH_RECORDS and size < BATCH_BYTES:
            record = self._consumer.poll(0 if self._held or self._left else POLL_SECONDS)
            if record is None:
                return
            self._held.append(record)
            size += record.size_bytes

    def _hold(self, seconds: float) -> None:
        """Waits, polling. Paused again before each poll, since a rebalance un-pauses."""
        until = time.monotonic() + seconds
        while not self._closing.is_set() and (left := until - time.monotonic()) > 0:
            self._consumer.pause()
            record = self._consumer.poll(min(left, POLL_SECONDS))
            if record is not None:
                self._held.append(record)
        self._consumer.resume()

    def _take(self) -> None:
        """Stores what is held, and then its offsets."""
        self._last_read = time.monotonic()
        asked = self._ids.ask()
        try:
            batch = self._stored_meanwhile(asked)
        except Unavailable:
            self._check_topic(asked)  # marks what is held
            raise
        if batch is None:
            self._check_topic(asked)
            self._take_left()
            self._check_fresh()
            if not self._held:
                return
            batch = self._batch()
            self._store(batch)
        self._held = []
        for record in {record.partition: record for record in batch}.values():
            self._consumer.store(record)

    def _stored_meanwhile(self, asked: Asked) -> list[KafkaRecord] | None:
        """Stores what is held while the broker answers whether the topic is still the one that we know; None, and nothing stored,
        where it is not, where the answer takes long, or where there is more to look into than that."""
        if self._topic_id is None or self._left or any(record.partition in self._fresh for record in self._held):
            return None
        batch = self._batch()
        with suppress(_Unconfirmed):
            self._store(batch, lambda: self._confirm(asked))
            return batch
        return None

    def _confirm(self, asked: Asked) -> None:
        try:
            found = self._ids.answer(asked, ANSWER_SECONDS)
        except TimeoutError as error:
            raise _Unconfirmed from error
        if found != self._topic_id:
            raise _Unconfirmed

    def _batch(self) -> list[KafkaRecord]:
        return [record if record.topic_id is not None else replace(record, topic_id=self._topic_id) for record in self._held]

    def _take_left(self) -> None:
        for topic_id in {topic_id for topic_id, _, _ in self._left}:
            # In the order in which they stood, whoever of the readers left which.
            keys = sorted(key for key in self._left if key[0] == topic_id)
            self._store([self._left[key] for key in keys])
            for key in keys:
                del self._left[key]

    def _store(self, batch: Sequence[KafkaRecord], confirm: Callable[[], None] = lambda: None) -> None:
        """Records of one topic, in one transaction, which `confirm` may undo as the last thing before its commit."""
        deliveries = [_delivery(record, self._settings) for record in batch]
        try:
            taken = self._stored(inbox.take, deliveries, confirm)
        except Unstorable:
            # Each alone, so that the one that the database cannot hold does not stand in its neighbours' way.
            taken = self._stored(inbox.take_each, deliveries, confirm)
        self._tell_gaps(batch, {record.partition: taken.expected.get(record.partition) for record in batch})
        for delivery, outcome in zip(deliveries, taken.outcomes, strict=True):
            _tell(delivery, outcome)

    def _stored(
        self,
        take: Callable[[Connection, Settings, Sequence[inbox.Delivery]], inbox.Taken],
        deliveries: Sequence[inbox.Delivery],
        confirm: Callable[[], None],
    ) -> inbox.Taken:
        with transaction(self._engine) as connection:
            taken = take(connection, self._settings, deliveries)
            confirm()
        return taken

    # --- a topic made anew, and records that are missing ----------------------------------------------------------------

    def _check_topic(self, asked: Asked) -> None:
        """Where the topic was made anew under us, what it has is read from its first record.

        librdkafka (2.16, `group.protocol=consumer`) goes on at the old topic's offset, and passes over what stands before it.
        """
        found = self._ids.answer(asked)
        if self._topic_id is None or found == self._topic_id:
            self._topic_id = found
            if self._ids.certain:
                # What was read before this answer was read of the topic that it names.
                self._held = self._batch()
            return
        with transaction(self._engine) as connection:
            expected = positions.expected(connection, self._consumer.topic, found, self._assigned)
        held, kept = len(self._held), self._leave()  # what is not kept is the new topic's, and read again
        numbers = {"kept_of_before": kept, "dropped": held - kept}
        log.warning(
            "topic made anew: read from its first record", topic=self._consumer.topic, topic_id=found, before=self._topic_id, **numbers
        )
        self._topic_id = found
        for partition, known in expected.items():
            if not self._consumer.seek(partition, known.next_offset):
                self._fresh.add(partition)

    def _check_fresh(self) -> None:
        """The offset committed in Kafka may be past what was taken (see `store.positions`): goes back, once per assignment."""
        first: dict[int, int] = {}
        for record in self._held:
            first.setdefault(record.partition, record.offset)
        fresh = self._fresh & first.keys()
        if not fresh:
            return
        with transaction(self._engine) as connection:
            expected = positions.expected(connection, self._consumer.topic, self._topic_id, fresh)
        for partition, known in expected.items():
            behind = known.next_offset if known.next_offset is not None else 0
            if (known.next_offset is None and not known.anew) or first[partition] <= behind:
                self._fresh.discard(partition)
            elif self._consumer.seek(partition, known.next_offset):
                log.warning("reading again", partition=partition, from_offset=behind, committed=first[partition])
                self._fresh.discard(partition)
                self._drop({partition})
            else:
                self._drop({partition})
                raise KafkaUnavailable(f"Kafka: partition {partition} cannot be read again yet")

    def _tell_gaps(self, batch: Sequence[KafkaRecord], wanted: dict[int, int | None]) -> None:
        """Offsets that were never read: deleted by retention, a transaction's marks, or lost. Told, never passed over in silence."""
        missing = []
        for record in batch:
            first = wanted[record.partition]
            if first is not None and record.offset > first:
                missing.append({"partition": record.partition, "first": first, "last": record.offset - 1})
            wanted[record.partition] = record.offset + 1
        if missing:
            log.warning("offsets missing", topic=self._consumer.topic, topic_id=batch[0].topic_id, missing=missing)

    # --- watching -------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """While nothing comes: was the topic made anew, has the consumer stalled? Raises ConsumerLost where it has."""
        now = time.monotonic()
        if self._held or now - self._last_watch < min(WATCH_SECONDS, self._stall_seconds):
            return
        self._last_watch = now
        self._check_topic(self._ids.ask())
        if now - self._last_read < self._stall_seconds:
            return
        self._last_read = now
        lag = self._consumer.lag()
        # The same lag as before a new consumer came is what nobody can read: the marks of a transaction, or an open one.
        if lag and lag != self._stalled:
            self._stalled.clear()
            self._stalled.update(lag)
            raise ConsumerLost(f"nothing came for {self._stall_seconds:g} s, and there is more to read: {lag}")

    def _on_assigned(self, partitions: Collection[int]) -> None:
        self._assigned.update(partitions)
        self._fresh.update(partitions)
        log.info("partitions assigned", partitions=sorted(partitions))

    def _on_revoked(self, partitions: Collection[int]) -> None:
        """What is held of them is the next owner's to read, but for a topic that is gone (`_leave`)."""
        self._leave(partitions)
        self._assigned.difference_update(partitions)
        self._fresh.difference_update(partitions)
        log.info("partitions revoked", partitions=sorted(partitions))

    def _leave(self, partitions: Collection[int] | None = None) -> int:
        """Of what is held of these partitions (None: of all), leaves the marked to be stored, and forgets the rest. How many it left."""
        gone = {record.partition for record in self._held} if partitions is None else partitions
        marked = {
            (record.topic_id, record.partition, record.offset): record
            for record in self._held
            if record.partition in gone and record.topic_id is not None
        }
        self._left.update(marked)
        self._drop(gone)
        return len(marked)

    def _drop(self, partitions: Collection[int]) -> None:
        self._held = [record for record in self._held if record.partition not in partitions]


def _delivery(record: KafkaRecord, settings: Settings) -> inbox.Delivery:
    try:
        trigger = parse_record(record, settings)
    except Refusal as refusal:
        return inbox.Delivery(record, legible(record), refusal)
    return inbox.Delivery(record, Legible.of(trigger), trigger)


def _tell(delivery: inbox.Delivery, outcome: inbox.Accepted | Refusal) -> None:
    """One line per record."""
    record = delivery.record
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset, "table": delivery.legible.table}
    if isinstance(outcome, Refusal):
        log.warning("record refused", code=outcome.code, reason=str(outcome), event_id=outcome.event_id, **where)
        return
    log.info(
        "trigger accepted",
        trigger=outcome.trigger,
        run=outcome.run,
        state=outcome.state,
        duplicate=outcome.duplicate,
        correlation_id=delivery.legible.correlation_id,
        **where,
    )
