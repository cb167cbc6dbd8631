"""What a replay worker does once it is forked: it learns recordings, and replays them, until the pool hangs up."""

from __future__ import annotations

from multiprocessing.connection import Connection

from stringx.runner import messages
from stringx.runner.kept import Kept
from stringx.runner.replayer import Replayer, Unreplayed


def replay_all(pool: Connection, replayer: Replayer) -> None:
    """Blocks until the pool hangs up: EOFError or OSError."""
    known: Kept[int, messages.Learn] = Kept()
    while True:
        message = messages.receive(pool)
        if isinstance(message, messages.Learn):
            known.keep(message.number, message)
        elif isinstance(message, messages.Replay):
            learned = known.use(message.number)
            if learned is None:
                raise TypeError(f"a replay worker was sent {message.number}, which it has not learned")
            answer = _answer(replayer, message, learned)
            if replayer.excludes_writers:
                replayer.end()
            messages.send(pool, answer)
            replayer.end()  # where nobody waits for it, the pool need not either
        else:
            raise TypeError(f"a replay worker was sent {message.kind}")


def _answer(replayer: Replayer, message: messages.Replay, learned: messages.Learn) -> messages.Message:
    try:
        evaluated = replayer.replay(learned.recording, learned.gate, message.values, timeout_seconds=message.timeout_seconds)
    except Unreplayed as error:
        return messages.Unreplayed(run=message.run, attempt=message.attempt, reason=str(error), outdated=error.outdated)
    except Exception as error:  # noqa: BLE001  # dbt can run it all the same; the text of any exception may quote a row
        reason = f"the replay failed ({type(error).__name__})"
        return messages.Unreplayed(run=message.run, attempt=message.attempt, reason=reason, outdated=False)
    return evaluated.done(message.run, message.attempt, learned.recording.gate_fingerprint)
