"""What puts gates in force and takes them out of it: files, the API, a rollback."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Unpack

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, Text, cast, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from stringx.errors import Conflict, NotFound
from stringx.gates.difference import differences
from stringx.gates.files import GateFile
from stringx.model import Gate, GateAction, GateChange, GateDifference, Signature
from stringx.store.database import GATES_LOCK
from stringx.store.gates.absent import absence
from stringx.store.gates.history import version
from stringx.store.gates.present import gate_of
from stringx.store.tables import gate_versions, gate_withdrawals, gates

_BIGINTS = ARRAY(BigInteger)

#: Who manages a gate whose version in force has no file.
API = "the API"

#: What makes a new version.
_APPENDING: Collection[GateAction] = ("created", "changed", "restored")

_Key = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """What was done, or would be, with one gate; `number` is that of the version in force afterwards, or until it was withdrawn."""

    workspace: str
    table: str
    action: GateAction
    number: int
    #: of a gate that had a version: what the wanted one says otherwise
    differences: tuple[GateDifference, ...] = field(default=(), compare=False)

    @property
    def key(self) -> _Key:
        return self.workspace, self.table

    def answer(self) -> GateChange:
        return GateChange(workspace=self.workspace, table=self.table, action=self.action, version=self.number, differences=self.differences)


@dataclass(frozen=True)
class _Wanted:
    """A gate as it is to be in force, and the file that it is from."""

    gate: Gate
    file: str | None

    @property
    def key(self) -> _Key:
        return self.gate.workspace, self.gate.table.lower()


@dataclass(frozen=True)
class _Stored:
    """Of a gate: the version in force, or the last one that was."""

    version_id: int
    number: int
    fingerprint: str
    file: str | None
    withdrawn: bool


def plan(connection: Connection, files: Sequence[GateFile], *, prune: Collection[str] = (), take_over: bool = False) -> list[Change]:
    """What `apply` would do now. Changes nothing."""
    return _planned(connection, _wanted(files), _stored(connection), prune=prune, take_over=take_over)


def apply(
    connection: Connection,
    files: Sequence[GateFile],
    *,
    prune: Collection[str] = (),
    take_over: bool = False,
    **signature: Unpack[Signature],
) -> list[Change]:
    """Puts these gates in force, a new version for each that is new, changed or was withdrawn. Gates of other tables stay as they are;
    those of the workspaces `prune` that are from files are withdrawn. What the API manages is `kept`, unless it is taken over.

    Blocks while another change of gates is under way. The caller's transaction makes it all or nothing.
    """
    lock(connection)
    return _do(connection, _wanted(files), _stored(connection), signature, prune=prune, take_over=take_over)


def put(connection: Connection, gate: Gate, *, take_over: bool = False, **signature: Unpack[Signature]) -> Change:
    """Puts one gate in force that is from no file. Conflict where a file manages it and it is not taken over."""
    lock(connection)
    wanted = _Wanted(gate, None)
    stored = _stored(connection, wanted.key)
    (change,) = _do(connection, [wanted], stored, signature, take_over=take_over)
    if change.action == "kept":
        fix = "change that file and apply it, or take the gate over with take_over=true: applying the file leaves it alone from then on"
        raise _managed(stored[wanted.key].file, gate.workspace, gate.table, fix)
    return change


def plan_put(connection: Connection, gate: Gate, *, take_over: bool = False) -> Change:
    """What `put` would do now; `kept` where it would refuse. Changes nothing."""
    wanted = _Wanted(gate, None)
    (change,) = _planned(connection, [wanted], _stored(connection, wanted.key), take_over=take_over)
    return change


def rollback(
    connection: Connection, workspace: str, table: str, number: int, *, take_over: bool = False, **signature: Unpack[Signature]
) -> Change:
    """Puts the content of an earlier version in force, as a new one; NotFound, and Conflict as `put` has it."""
    lock(connection)
    earlier = version(connection, workspace, table, number)
    message = signature.get("message") or f"rollback to version {number}"
    return put(connection, earlier.gate, take_over=take_over, **signature | {"message": message})


def withdraw(connection: Connection, workspace: str, table: str, *, by_file: bool = True, **signature: Unpack[Signature]) -> Change:
    """Takes a table's gate out of force: its triggers are `unmatched` from now on. What is queued is still judged.

    `unchanged` where it was withdrawn before; NotFound where there never was one; Conflict where a file manages it, and whoever asks
    does not answer for files.
    """
    lock(connection)
    key = (workspace, table.lower())
    stored = _stored(connection, key).get(key)
    if stored is None:
        raise NotFound(absence(connection, workspace, table))
    if stored.withdrawn:
        return Change(*key, "unchanged", stored.number)
    if stored.file is not None and not by_file:
        fix = "delete that file and apply the others with --prune, or withdraw it with take_over=true until the file is applied again"
        raise _managed(stored.file, *key, fix)
    _withdraw(connection, [stored.version_id], signature)
    return Change(*key, "withdrawn", stored.number)


def lock(connection: Connection) -> None:
    """Until the transaction ends, no other one changes gates: versions are numbered without gaps, and what was read stays so."""
    connection.execute(func.pg_advisory_xact_lock(GATES_LOCK, 0).select())


def _managed(file: str | None, workspace: str, table: str, fix: str) -> Conflict:
    return Conflict(f"the gate of {table} in workspace {workspace} is managed by the file {file}: {fix}", code="managed_by_file")


def _wanted(files: Iterable[GateFile]) -> list[_Wanted]:
    return [_Wanted(file.gate, file.file) for file in files]


def _stored(connection: Connection, *only: _Key) -> dict[_Key, _Stored]:
    """By workspace and table: of all gates, or of these."""
    columns = [getattr(gate_versions.c, name) for name in ("number", "fingerprint", "file")]
    statement = select(gates, *columns).join(gate_versions, gates.c.version_id == gate_versions.c.id)
    if only:
        statement = statement.where(tuple_(gates.c.workspace, gates.c.table_name).in_(only))
    return {
        (row.workspace, row.table_name): _Stored(row.version_id, row.number, row.fingerprint, row.file, row.withdrawn_at is not None)
        for row in connection.execute(statement)
    }


def _do(
    connection: Connection,
    wanted: Sequence[_Wanted],
    stored: Mapping[_Key, _Stored],
    signature: Signature,
    *,
    prune: Collection[str] = (),
    take_over: bool,
) -> list[Change]:
    changes = _planned(connection, wanted, stored, prune=prune, take_over=take_over)
    by_key = {one.key: one for one in wanted}
    _append(connection, [(by_key[one.key], one.number) for one in changes if one.action in _APPENDING], signature)
    _withdraw(connection, [stored[one.key].version_id for one in changes if one.action == "withdrawn"], signature)
    return changes


def _planned(
    connection: Connection, wanted: Sequence[_Wanted], stored: Mapping[_Key, _Stored], *, prune: Collection[str] = (), take_over: bool
) -> list[Change]:
    """One change for each wanted gate, in their order, and after them those of the gates that go."""
    changes = [_change(one, stored.get(one.key), take_over=take_over) for one in wanted]
    contents = _contents(connection, [stored[one.key].version_id for one in changes if one.action not in ("created", "unchanged")])
    changes = [
        replace(change, differences=_differences(before, contents[before.version_id], one))
        if (before := stored.get(change.key)) is not None and before.version_id in contents
        else change
        for change, one in zip(changes, wanted, strict=True)
    ]
    named = {one.key for one in wanted}
    unnamed = sorted(key for key, gate in stored.items() if key[0] in prune and key not in named and not gate.withdrawn)
    return changes + [
        Change(*key, "withdrawn" if take_over or stored[key].file is not None else "kept", stored[key].number) for key in unnamed
    ]


def _change(wanted: _Wanted, stored: _Stored | None, *, take_over: bool) -> Change:
    if stored is None:
        return Change(*wanted.key, "created", 1)
    if stored.withdrawn:
        return Change(*wanted.key, "restored", stored.number + 1)
    same = stored.fingerprint == wanted.gate.fingerprint
    others = (stored.file is None) != (wanted.file is None)
    if others and not take_over:
        return Change(*wanted.key, "unchanged" if same else "kept", stored.number)
    if same and not others:
        return Change(*wanted.key, "unchanged", stored.number)
    return Change(*wanted.key, "changed", stored.number + 1)


def _differences(stored: _Stored, before: Gate, wanted: _Wanted) -> tuple[GateDifference, ...]:
    found = differences(before, wanted.gate)
    if (stored.file is None) == (wanted.file is None):
        return found
    return (GateDifference(field="managed by", before=stored.file or API, after=wanted.file or API), *found)


def _contents(connection: Connection, versions: Sequence[int]) -> dict[int, Gate]:
    if not versions:
        return {}
    statement = select(gate_versions.c.id, cast(gate_versions.c.content, Text).label("content")).where(_among(gate_versions.c.id, versions))
    return {row.id: gate_of(row.content) for row in connection.execute(statement)}


def _among(column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    """One parameter, however many they are."""
    return column == func.any(literal(list(ids), _BIGINTS))


def _append(connection: Connection, new: Sequence[tuple[_Wanted, int]], signature: Signature) -> None:
    """Appends these versions with their numbers, and puts them in force."""
    if not new:
        return
    rows = [
        {
            "workspace": one.gate.workspace,
            "table_name": one.gate.table.lower(),
            "number": number,
            "fingerprint": one.gate.fingerprint,
            "content": one.gate.as_json(),
            "file": one.file,
            **signature,
        }
        for one, number in new
    ]
    ids: Sequence[int] = connection.execute(insert(gate_versions).returning(gate_versions.c.id), rows).scalars().all()
    made = select(gate_versions.c.workspace, gate_versions.c.table_name, gate_versions.c.id).where(_among(gate_versions.c.id, ids))
    statement = insert(gates).from_select(["workspace", "table_name", "version_id"], made)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[gates.c.workspace, gates.c.table_name],
            set_={"version_id": statement.excluded.version_id, "updated_at": func.now(), "withdrawn_at": None},
        )
    )


def _withdraw(connection: Connection, versions: Sequence[int], signature: Signature) -> None:
    """Takes these versions, which are in force, out of it."""
    if versions:
        connection.execute(insert(gate_withdrawals), [{"version_id": version, **signature} for version in versions])
        connection.execute(update(gates).where(_among(gates.c.version_id, versions)).values(withdrawn_at=func.now(), updated_at=func.now()))
