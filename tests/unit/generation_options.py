"""What the generations of one target are told in the unit tests: one worker of each kind, and nothing kept from before."""

from __future__ import annotations

from pathlib import Path

from stringx.runner.generations import GenerationOptions


def options_in(folder: Path, *, stop_grace_seconds: float = 1.0) -> GenerationOptions:
    return GenerationOptions(
        target="demo",
        project=folder,
        profiles=folder,
        environment={},
        work=folder,
        distrust=folder / "distrusted.json",
        session_prefix="s",
        left_sessions=(),
        workers=1,
        replay_workers=1,
        check_share=0.0,
        stop_grace_seconds=stop_grace_seconds,
    )
