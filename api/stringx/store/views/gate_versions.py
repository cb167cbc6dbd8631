"""The versions of a gate, and how each was withdrawn."""

from __future__ import annotations

from sqlalchemy import Connection

from stringx.gates.document import document
from stringx.model import GateVersion, GateVersionDetail, GateVersionPage, GateVersionSummary
from stringx.store import gates
from stringx.store.views.gates import gate_fields, require_name


def version_page(connection: Connection, workspace: str, table: str, *, limit: int = 50, before: int | None = None) -> GateVersionPage:
    """The versions of a gate, in force or withdrawn, the newest first; NotFound where there never was one."""
    require_name(table)
    found = gates.versions(connection, workspace, table, limit=limit + 1, before=before)
    page = found[:limit]
    in_force = _in_force(connection, workspace, table)
    withdrawn = gates.withdrawals(connection, page)
    return GateVersionPage(
        workspace=workspace,
        table=page[0].gate.table if page else table,
        withdrawn_at=gates.withdrawn_at(connection, workspace, table),
        versions=tuple(
            GateVersionSummary(
                version=one.number,
                fingerprint=one.fingerprint,
                author=one.author,
                message=one.message,
                file=one.file,
                applied_at=one.applied_at,
                in_force=one.number == in_force,
                withdrawn=withdrawn.get(one.id),
            )
            for one in page
        ),
        next=str(page[-1].number) if len(found) > limit else None,
    )


def version_detail(connection: Connection, workspace: str, table: str, number: int) -> GateVersionDetail:
    """One version of a gate; NotFound."""
    require_name(table)
    found: GateVersion = gates.version(connection, workspace, table, number)
    in_force = number == _in_force(connection, workspace, table)
    withdrawn = gates.withdrawals(connection, [found]).get(found.id)
    return GateVersionDetail(**gate_fields(found), in_force=in_force, withdrawn=withdrawn, gate=found.gate, document=document(found.gate))


def _in_force(connection: Connection, workspace: str, table: str) -> int | None:
    version = gates.current(connection, workspace, table)
    return None if version is None else version.number
