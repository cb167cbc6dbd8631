"""W3C Trace Context of a message: what came with it comes back with its acknowledgement. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: The headers that say it; with `ce_`, as the extension attributes of a CloudEvent in binary mode.
STATE_HEADERS = frozenset(("tracestate", "ce_tracestate"))
HEADERS = STATE_HEADERS | {"traceparent", "ce_traceparent"}

#: https://www.w3.org/TR/trace-context/#traceparent-header
_PARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]*)?")
_LONGEST_PARENT = 200
#: https://www.w3.org/TR/trace-context/#tracestate-limits: so much is to be passed on at least
_STATE = re.compile(r"[\x20-\x7e]{1,512}")


@dataclass(frozen=True)
class TraceContext:
    parent: str | None = None
    #: None without a parent
    state: str | None = None


def trace_context(headers: Mapping[str, str], attributes: Mapping[str, object]) -> TraceContext:
    """That of the headers (by lower-case name), else of the event's attributes. What is none is ignored: so the standard has it."""
    for source, prefix in ((headers, ""), (headers, "ce_"), (attributes, "")):
        parent, state = source.get(f"{prefix}traceparent"), source.get(f"{prefix}tracestate")
        if isinstance(parent, str) and len(parent) <= _LONGEST_PARENT and _PARENT.fullmatch(parent):
            return TraceContext(parent, state if isinstance(state, str) and _STATE.fullmatch(state) else None)
    return TraceContext()
