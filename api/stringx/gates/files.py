"""Gate files (stub while it is written)."""

from __future__ import annotations

from dataclasses import dataclass

from stringx.model import Gate


@dataclass(frozen=True)
class GateFile:
    """A gate and the file that it stands in, relative to the gates' folder."""

    gate: Gate
    file: str
