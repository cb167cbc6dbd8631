"""The Kafka door: one consumer after another reads the triggers' topic into the inbox; `reading` says how nothing is lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stringx import logs
from stringx.errors import KafkaUnavailable
from stringx.kafka_clients import ensure_topics
from stringx.settings import Settings
from stringx.triggers.consumer import ConsumerLost, TriggerConsumer, protocols
from stringx.triggers.reading import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, STALL_SECONDS, Left, Reading

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logs.get(__name__)


class KafkaDoor:
    """Reads in a thread of its own; any number of doors share the work, as members of one group."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        stall_seconds: float = STALL_SECONDS,
        make_consumer: type[TriggerConsumer] = TriggerConsumer,
    ) -> None:
        self._settings = settings
        self._make_consumer = make_consumer
        self._engine = engine
        self._stall_seconds = stall_seconds
        self._closing = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka door", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Does not wait for Kafka or the database: what is away is tried until it is there."""
        self._thread.start()

    def close(self) -> None:
        """Takes no further batch; never blocks."""
        self._closing.set()

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Blocks until the door has ended, by `close` or by an error of its own; False when time was up first."""
        return self._ended.wait(timeout_seconds)

    def join(self, timeout_seconds: float) -> bool:
        """Waits until the batch in hand is stored and the group is left; False when time was up first.

        Raises the error that ended the door, if one did.
        """
        if self._thread.ident is not None:
            self._thread.join(timeout_seconds)
        if self._failure is not None:
            raise self._failure
        return not self._thread.is_alive()

    def terminate(self) -> None:
        """Abandons the batch in hand: it is read again by whoever gets the partitions."""
        self.close()

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:  # raised by `join`, in the thread that can end the process
            self._failure = error
            log.exception("kafka door failed")
        finally:
            self._ended.set()

    def _serve(self) -> None:
        """One consumer after another, until closed."""
        candidates = list(protocols(self._settings))
        pause = FIRST_PAUSE_SECONDS
        stalled: dict[int, tuple[int, int]] = {}
        left: Left = {}
        while not self._closing.is_set():
            reading = None
            try:
                ensure_topics(
                    self._settings,
                    {
                        self._settings.kafka_triggers_topic,
                        self._settings.kafka_verdicts_topic,
                        self._settings.kafka_dead_letters_topic,
                    },
                )
                reading = Reading(
                    self._settings, self._engine, candidates[0], self._closing, self._stall_seconds, stalled, left, self._make_consumer
                )
                reading.run()
            except KafkaUnavailable as error:
                log.warning("kafka is away", error=str(error))
            except ConsumerLost as lost:
                log.warning("consumer lost: a new one takes over", reason=str(lost), protocol=candidates[0])
                if reading is not None and not reading.joined:
                    # Perhaps the broker does not have this protocol: the next one, where there is one.
                    candidates.append(candidates.pop(0))
            finally:
                if reading is not None and not reading.close():
                    log.warning("consumer did not close in time: abandoned")
            pause = FIRST_PAUSE_SECONDS if reading is not None and reading.joined else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._closing.wait(pause)
