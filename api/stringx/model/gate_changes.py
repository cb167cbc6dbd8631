"""What is said of the versions of gates, and of changes to them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import AwareDatetime, Field

from stringx.model.answers import Answer, GateSummary, PlainGate
from stringx.model.values import ShortText, Text

#: `restored`: it had been withdrawn, and has a new version. `kept`: it is not as asked for, since another one manages it: the API,
#: not this file.
GateAction = Literal["created", "changed", "unchanged", "restored", "withdrawn", "kept"]


#: Who asks for a change of gates.
Author = ShortText
#: Why they do.
Message = Annotated[Text, Field(max_length=2000)]


class Signature(TypedDict, total=False):
    """Who asks for a change of gates, and why; as they say."""

    author: str | None
    message: str | None


class GateDifference(Answer):
    """One field of the gate file that two versions have otherwise."""

    #: as `timeout`, `rules.few_are_cancelled.arguments.below`; of a rule that is new or gone, `rules.few_are_cancelled`
    field: str
    #: null where it is not said
    before: Any
    after: Any


class GateChange(Answer):
    """What was done, or would be, with one gate."""

    workspace: str
    table: str
    action: GateAction
    #: that is in force afterwards; of one that is withdrawn, the last one that was
    version: int
    differences: tuple[GateDifference, ...]


class GateFault(Answer):
    """One thing that is wrong with a gate, and what would mend it."""

    #: JSON Pointer (RFC 6901) to the field
    pointer: str
    #: of a text in YAML, counted from 1; null for JSON
    line: int | None
    column: int | None
    message: str


class GatePlan(Answer):
    """What `PUT` would do with a gate; of one that is wrong, all that is."""

    problems: tuple[GateFault, ...]
    #: null where there are problems
    change: GateChange | None


class GateWithdrawal(Answer):
    """That a version was taken out of force."""

    at: AwareDatetime
    #: who asked for it and why, as they said; null: from before this was kept
    author: str | None
    message: str | None


class GateVersionSummary(Answer):
    """One version of a gate."""

    version: int
    fingerprint: str
    author: str | None
    message: str | None
    #: that it was applied from; null: it came by the API
    file: str | None
    applied_at: AwareDatetime
    in_force: bool
    #: null: it was not, or is not yet; a newer version takes a version's place without it
    withdrawn: GateWithdrawal | None = None


class GateVersionPage(Answer):
    """The versions of one gate, the newest first."""

    workspace: str
    table: str
    #: null for a gate in force
    withdrawn_at: AwareDatetime | None
    versions: tuple[GateVersionSummary, ...]
    #: `cursor` of the next page; null on the last
    next: str | None


class GateVersionDetail(GateSummary):
    """One version of a gate, with its rules."""

    in_force: bool
    withdrawn: GateWithdrawal | None = None
    gate: PlainGate
    #: as its file says it, and as `PUT` takes it
    document: dict[str, Any]
