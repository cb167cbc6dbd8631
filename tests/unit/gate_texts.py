"""Texts of gate files for tests, and what becomes of them."""

from __future__ import annotations

from stringx.gates.parse import parse
from stringx.model import Gate


def gate_of(text: str, name: str = "raw.orders", **more: object) -> Gate:
    found = parse(text, workspace="default", name=name, file=f"{name}.yaml", **more)  # type: ignore[arg-type]
    assert isinstance(found, Gate), "\n".join(str(problem) for problem in found)
    return found


def problems_of(text: str, name: str = "raw.orders", **more: object) -> list[str]:
    """`line:column: message` of each."""
    found = parse(text, workspace="default", name=name, file=f"{name}.yaml", **more)  # type: ignore[arg-type]
    assert isinstance(found, list), "it is a gate"
    return [str(problem).removeprefix(f"{name}.yaml:") for problem in found]


def orders(lines: str = "") -> str:
    return f"table: raw.orders\ntarget: demo\n{lines}"


def rule(lines: str) -> str:
    return orders("rules:\n  - name: one\n    " + lines.replace("\n", "\n    ") + "\n")
