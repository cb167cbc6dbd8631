"""A request's body → the gate in it, or all that is wrong with it. It is what a gate file is, as YAML or as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Request

from stringx.errors import Invalid, Malformed, Problem, TooLarge, WrongContentType
from stringx.gates import located
from stringx.gates.document import faults, yaml_text
from stringx.gates.files import LARGEST_BYTES
from stringx.gates.parse import parse
from stringx.gates.served import Served
from stringx.model import BackendStatus, Gate, GateFault
from stringx.triggers.strict_json import parse_json

JSON = "application/json"
#: RFC 9512, and what was used before it.
YAML = ("application/yaml", "text/yaml")

TOO_LARGE = f"the body is too large: a gate may have {LARGEST_BYTES} bytes"


class InvalidGate(Invalid):
    """A gate cannot be taken, for each of these faults."""

    code = "invalid_gate"

    def __init__(self, faults: tuple[GateFault, ...]) -> None:
        more = f" (the first of {len(faults)} problems)" if len(faults) > 1 else ""
        super().__init__(faults[0].message + more, field=faults[0].pointer.removeprefix("/").replace("/", ".") or None)
        self.faults = faults


def read_gate(request: Request, workspace: str, table: str, served: Served | None) -> Gate:
    """The gate for that table, which is served where `served` says what is. InvalidGate; Malformed, TooLarge, WrongContentType."""
    request.max_content_length = LARGEST_BYTES + 1
    raw = request.get_data()
    if len(raw) > LARGEST_BYTES:
        raise TooLarge(TOO_LARGE)
    in_yaml = request.mimetype in YAML
    if in_yaml:
        text = _utf8(raw)
    elif request.mimetype == JSON:
        # The same data in YAML: one reader says what is wrong with a gate.
        text = yaml_text(parse_json(raw))
    else:
        raise WrongContentType(f"must be {JSON} or {YAML[0]}, not {request.mimetype or 'missing'}", field="headers.Content-Type")
    document = located.read(text)
    named = document.data.get("table") if isinstance(document.data, dict) else None
    # A file is called after its table; here there is the address for that.
    found = parse(text, workspace=workspace, name=named if isinstance(named, str) else table, file="", served=served)
    if isinstance(found, Gate):
        if found.table == table.lower():
            return found
        place = document.place(("table",))
        said = f"the address names the table {table.lower()}: write that, or send it to the address of {found.table}"
        found = [Problem("", place.line, place.column, said, "/table")]
    raise InvalidGate(tuple(_fault(one, in_yaml=in_yaml) for one in found))


def require_valid(gate: Gate, served: Served | None) -> None:
    """InvalidGate where a gate that is stored would not be taken now."""
    if found := faults(gate, file="", served=served):
        raise InvalidGate(tuple(_fault(one, in_yaml=False) for one in found))


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"must be UTF-8; byte {error.start} is not") from error


def _fault(problem: Problem, *, in_yaml: bool) -> GateFault:
    return GateFault(
        pointer=problem.pointer,
        line=problem.line if in_yaml else None,
        column=problem.column if in_yaml else None,
        message=problem.message,
    )


def served_by(status: BackendStatus, triggers_topic: str) -> Served | None:
    """What the dispatchers that are there serve, as they and the runners said; None where there is no dispatcher to know."""
    if not status.dispatchers:
        return None
    runners = {runner for one in status.dispatchers for runner in one.runners}
    targets: Mapping[str, set[str]] = {
        runner: {target for one in status.runners if one.runner == runner for target in one.targets} for runner in runners
    }
    inline = {target for one in status.dispatchers for target in one.inline_targets}
    return Served(inline, runners, lambda runner: targets[runner] or None, triggers_topic)
