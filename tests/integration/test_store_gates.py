"""Gates in the database: versions that are appended, one in force, all or nothing."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import IntegrityError

from stringx.errors import Conflict, NotFound
from stringx.gates.files import GateFile
from stringx.gates.parse import parse
from stringx.model import Decision, Gate, GateDifference, GateWithdrawal
from stringx.store import database, gates
from stringx.store.gates import Change
from stringx.store.tables import gate_versions


def gate(table: str = "raw.orders", workspace: str = "default", **fields: Any) -> GateFile:
    return GateFile(Gate(workspace=workspace, table=table, target="demo", **fields), f"{workspace}/{table}.yaml")


def versions(engine: Engine) -> int:
    with database.transaction(engine) as connection:
        return connection.execute(select(func.count()).select_from(gate_versions)).scalar_one()


def test_applying_creates_then_changes_nothing_then_appends(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        assert gates.apply(connection, [gate(), gate("raw.sales")]) == [
            Change("default", "raw.orders", "created", 1),
            Change("default", "raw.sales", "created", 1),
        ]
    with database.transaction(engine) as connection:
        first = gates.current(connection, "default", "raw.orders")
        assert first is not None
        assert gates.apply(connection, [gate(), gate("raw.sales")]) == [
            Change("default", "raw.orders", "unchanged", 1),
            Change("default", "raw.sales", "unchanged", 1),
        ]
    assert versions(engine) == 2
    with database.transaction(engine) as connection:
        assert gates.apply(connection, [gate(priority=5)]) == [Change("default", "raw.orders", "changed", 2)]
        second = gates.current(connection, "default", "raw.orders")
        assert second is not None
        assert (second.number, second.gate.priority, second.file) == (2, 5, "default/raw.orders.yaml")
        assert second.fingerprint == second.gate.fingerprint
        assert [(one.gate.table, one.number) for one in gates.list_current(connection)] == [("raw.orders", 2), ("raw.sales", 1)]


def test_a_gate_that_was_stored_before_there_was_on_no_rows_is_unchanged(engine: Engine) -> None:
    """The fingerprint is the one that the version without the field made of this gate."""
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate("raw.a", engine="dbt")])
        stored = gates.current(connection, "default", "raw.a")
        assert stored is not None
        assert stored.fingerprint == "88b2fdf36d12a185a998810847548f79"
        assert stored.gate.on_no_rows is Decision.OPEN
        assert connection.execute(select(gate_versions.c.content)).scalar_one().keys().isdisjoint({"on_no_rows"})
        assert gates.apply(connection, [gate("raw.a", engine="dbt", on_no_rows=Decision.CLOSED)]) == [
            Change("default", "raw.a", "changed", 2)
        ]
        closed = gates.current(connection, "default", "raw.a")
        assert closed is not None
        assert closed.gate.on_no_rows is Decision.CLOSED


def test_a_gate_that_becomes_what_it_was_is_a_new_version(engine: Engine) -> None:
    for priority, number in ((0, 1), (5, 2), (0, 3)):
        with database.transaction(engine) as connection:
            (change,) = gates.apply(connection, [gate(priority=priority)])
            assert change.number == number


def test_a_gate_that_is_withdrawn_is_in_force_no_longer_and_keeps_its_versions(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate("raw.sales"), gate(workspace="sales")])
        assert gates.withdraw(connection, "default", "RAW.Orders") == Change("default", "raw.orders", "withdrawn", 1)
    with database.transaction(engine) as connection:
        assert gates.current(connection, "default", "raw.orders") is None
        assert [(one.gate.workspace, one.gate.table) for one in gates.list_current(connection)] == [
            ("default", "raw.sales"),
            ("sales", "raw.orders"),
        ]
        said = gates.absence(connection, "default", "raw.orders")
        assert re.fullmatch(r"there is no gate for table raw\.orders in workspace default: it was withdrawn at 20\S+ \S+ UTC", said)
        assert gates.withdraw(connection, "default", "raw.orders") == Change("default", "raw.orders", "unchanged", 1)
        assert gates.absence(connection, "default", "raw.orders") == said, "when it was withdrawn first"
    assert versions(engine) == 3


def test_a_withdrawn_gate_is_in_force_again_once_its_file_is_applied(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()])
    for priority, number in ((0, 2), (5, 3)):
        with database.transaction(engine) as connection:
            gates.withdraw(connection, "default", "raw.orders")
        with database.transaction(engine) as connection:
            restored = Change("default", "raw.orders", "restored", number)
            assert gates.plan(connection, [gate(priority=priority)]) == [restored]
            assert gates.current(connection, "default", "raw.orders") is None
            assert gates.apply(connection, [gate(priority=priority)]) == [restored]
            found = gates.current(connection, "default", "raw.orders")
            assert found is not None
            assert (found.number, found.gate.priority) == (number, priority)
    assert versions(engine) == 3


def test_there_is_nothing_to_withdraw_where_there_was_no_gate(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()])
        for workspace, table, said in (
            ("default", "raw.order", "there is no gate for table raw.order in workspace default; did you mean `raw.orders`?"),
            ("default", "landing.orders", "there is no gate for table landing.orders in workspace default; did you mean `raw.orders`?"),
            ("default", "raw.returns", "there is no gate for table raw.returns in workspace default"),
            ("sales", "raw.orders", "there is no gate for table raw.orders in workspace sales"),
            ("defalt", "raw.orders", "there is no gate for table raw.orders in workspace defalt; did you mean the workspace `default`?"),
        ):
            with pytest.raises(NotFound) as refused:
                gates.withdraw(connection, workspace, table)
            assert str(refused.value) == said
        gates.withdraw(connection, "default", "raw.orders")
        assert "did you mean" not in gates.absence(connection, "default", "raw.order"), "one that is withdrawn is not meant"


def test_why_a_table_had_no_gate_is_told_as_of_the_time_that_is_asked_about(engine: Engine) -> None:
    def clock() -> datetime:
        with database.transaction(engine) as connection:
            return database.now(connection)

    def apply(*files: GateFile) -> None:
        with database.transaction(engine) as connection:
            gates.apply(connection, files)

    def withdraw() -> None:
        with database.transaction(engine) as connection:
            gates.withdraw(connection, "default", "raw.orders")

    def said(at: datetime | None) -> str:
        with database.transaction(engine) as connection:
            return gates.absence(connection, "default", "raw.orders", at=at)

    what = "no gate for table raw.orders in workspace default"
    before = clock()
    assert said(before) == f"there is {what}"
    apply(gate())
    applied = clock()
    withdraw()
    withdrawn = clock()
    assert said(before) == f"there was {what} yet", "it came before the gate, and the withdrawal is no reason"
    assert said(applied) == f"there was {what} at that time", "it was just being applied"
    assert said(withdrawn) == said(None)
    assert said(None).startswith(f"there is {what}: it was withdrawn at ")
    then = said(None).replace("there is", "there was")
    apply(gate())
    assert said(before) == f"there was {what} yet"
    assert said(withdrawn) == then
    withdraw()
    assert said(withdrawn) == then, "and not when it was withdrawn last"
    assert said(None).startswith(f"there is {what}: it was withdrawn at ")


def test_why_many_tables_have_no_gate_is_told_with_each_workspace_read_once_and_few_names_compared(engine: Engine) -> None:
    statements: list[str] = []
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate(workspace="sales")])
        asked = [
            ("default", "raw.order"),
            ("sales", "raw.order"),
            ("sales", "raw.else"),
            *(("default", f"raw.order{n}") for n in range(99)),
        ]
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        said = gates.absences(connection, asked)
    assert list(said) == asked
    assert said["sales", "raw.order"] == "there is no gate for table raw.order in workspace sales; did you mean `raw.orders`?"
    assert said["sales", "raw.else"] == "there is no gate for table raw.else in workspace sales"
    assert sum("did you mean" in one for one in said.values()) == gates.MOST_HINTS - 1
    assert len(statements) == 2


def test_pruning_withdraws_what_the_workspaces_no_longer_have(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate("raw.sales"), gate("raw.gone"), gate(workspace="other")])
        gates.withdraw(connection, "default", "raw.gone")
    kept = [Change("default", "raw.orders", "unchanged", 1)]
    with database.transaction(engine) as connection:
        assert gates.plan(connection, [gate()]) == gates.apply(connection, [gate()]) == kept
        pruned = [*kept, Change("default", "raw.sales", "withdrawn", 1)]
        assert gates.plan(connection, [gate()], prune=["default"]) == pruned
        assert gates.current(connection, "default", "raw.sales") is not None
        assert gates.apply(connection, [gate()], prune=["default"]) == pruned
        assert [(one.gate.workspace, one.gate.table) for one in gates.list_current(connection)] == [
            ("default", "raw.orders"),
            ("other", "raw.orders"),
        ]


def test_pruning_reaches_a_workspace_without_any_file(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate(workspace="sales"), gate("raw.sales", workspace="other"), gate(workspace="other")])
        assert gates.in_force(connection) == {"default": 1, "other": 2, "sales": 1}
        pruned = [Change("default", "raw.orders", "unchanged", 1), Change("sales", "raw.orders", "withdrawn", 1)]
        assert gates.apply(connection, [gate()], prune=["default", "sales", "nobodys"]) == pruned
        assert gates.in_force(connection) == {"default": 1, "other": 2}


def test_workspaces_do_not_see_each_others_gates(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate(workspace="sales", priority=7)])
        of_default = gates.current(connection, "default", "RAW.Orders")
        of_sales = gates.current(connection, "sales", "raw.orders")
        assert of_default is not None
        assert of_sales is not None
        assert (of_default.gate.priority, of_sales.gate.priority) == (0, 7)
        assert gates.current(connection, "other", "raw.orders") is None
        assert gates.current(connection, "default", "raw.sales") is None
        assert [one.gate.workspace for one in gates.list_current(connection, "sales")] == ["sales"]


def test_a_plan_changes_nothing(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        assert gates.plan(connection, [gate()]) == [Change("default", "raw.orders", "created", 1)]
    assert versions(engine) == 0


def test_a_transaction_that_fails_leaves_nothing(engine: Engine) -> None:
    def fail_after_applying() -> None:
        with database.transaction(engine) as connection:
            gates.apply(connection, [gate(), gate("raw.sales")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_applying()
    assert versions(engine) == 0


def test_two_that_apply_at_one_time_number_without_gaps(engine: Engine) -> None:
    start = threading.Barrier(4)
    numbers: list[int] = []

    def apply(priority: int) -> None:
        start.wait()
        with database.transaction(engine) as connection:
            (change,) = gates.apply(connection, [gate(priority=priority)])
            numbers.append(change.number)

    threads = [threading.Thread(target=apply, args=(priority,)) for priority in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "written", ["0.25", "1.0", "-0.0", "1000000000000000.0", "2.5e+18", "1.0e+300", "0.000001", "1.0e-300", "'é\\n\"'"]
)
def test_what_a_file_says_outlives_the_database(engine: Engine, written: str) -> None:
    """jsonb has its own idea of numbers; the fingerprint must stay that of the file, or no run could be judged."""
    text = (
        "table: raw.orders\ntarget: demo\nrules: [{name: a, check: our_own, dimension: accuracy, level: row, "
        f"arguments: {{b: {written}, c: null, d: [null, true, 12]}}}}]\n"
    )
    found = parse(text, workspace="default", name="raw.orders", file="raw.orders.yaml")
    assert isinstance(found, Gate)
    with database.transaction(engine) as connection:
        gates.apply(connection, [GateFile(found, "raw.orders.yaml")])
        stored = gates.current(connection, "default", "raw.orders")
        assert stored is not None
        assert stored.gate.fingerprint == stored.fingerprint == found.fingerprint


# --- versions --------------------------------------------------------------------------------------------------------


def told(engine: Engine, table: str = "raw.orders") -> list[tuple[int, int, str | None, str | None, str | None]]:
    """Of each version, the newest first: its number, its gate's priority, and who applied it why from which file."""
    with database.transaction(engine) as connection:
        found = gates.versions(connection, "default", table)
    return [(one.number, one.gate.priority, one.author, one.message, one.file) for one in found]


FILE = "default/raw.orders.yaml"


def test_a_version_keeps_who_asked_for_it_and_why(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()], author="ann@example.org", message="first")
        gates.apply(connection, [gate(priority=5)], author="bob@example.org")
        gates.apply(connection, [gate(priority=5)], author="eve@example.org", message="nothing new")
        found = gates.current(connection, "default", "raw.orders")
    assert found is not None
    assert (found.author, found.message) == ("bob@example.org", None)
    assert told(engine) == [(2, 5, "bob@example.org", None, FILE), (1, 0, "ann@example.org", "first", FILE)]


def test_a_gate_keeps_who_withdrew_it_and_why_each_time(engine: Engine) -> None:
    def withdraw(why: str) -> datetime:
        with database.transaction(engine) as connection:
            gates.withdraw(connection, "default", "raw.orders", author="ann@example.org", message=why)
            return database.now(connection)

    def apply(*files: GateFile, why: str, **more: Any) -> datetime:
        with database.transaction(engine) as connection:
            gates.apply(connection, files, author="bob@example.org", message=why, **more)
            return database.now(connection)

    apply(gate(), gate("raw.sales"), why="new")
    first = withdraw("empty for now")
    apply(gate(), why="filled again")
    pruned = apply(gate("raw.sales"), why="no longer loaded", prune=["default"])
    with database.transaction(engine) as connection:
        gates.withdraw(connection, "default", "raw.orders", author="eve@example.org", message="withdrawn already")
        gates.rollback(connection, "default", "raw.orders", 1, author="ann@example.org")
        found = gates.versions(connection, "default", "raw.orders")
        withdrawn = gates.withdrawals(connection, found)
    assert [(one.number, one.message, withdrawn.get(one.id)) for one in found] == [
        (3, "rollback to version 1", None),
        (2, "filled again", GateWithdrawal(at=pruned, author="bob@example.org", message="no longer loaded")),
        (1, "new", GateWithdrawal(at=first, author="ann@example.org", message="empty for now")),
    ]


@pytest.mark.parametrize("statement", ["update {table} set author = 'x'", "delete from {table}", "truncate {table} cascade"])
@pytest.mark.parametrize(("table", "what"), [("gate_versions", "versions"), ("gate_withdrawals", "withdrawals")])
def test_the_database_itself_keeps_history_as_it_is(engine: Engine, statement: str, table: str, what: str) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()], author="ann")
        gates.withdraw(connection, "default", "raw.orders", author="ann")
    with pytest.raises(IntegrityError, match=f"{what} of gates are appended, never changed"), database.transaction(engine) as connection:
        connection.execute(text(statement.format(table=table)))
    with database.transaction(engine) as connection:
        assert connection.execute(text(f"select author from {table}")).scalars().all() == ["ann"]


def test_versions_are_told_in_pages_and_one_alone(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        for priority in range(5):
            gates.apply(connection, [gate(priority=priority)])
        gates.withdraw(connection, "default", "raw.orders")
        assert [one.number for one in gates.versions(connection, "default", "RAW.orders", limit=2)] == [5, 4]
        assert [one.number for one in gates.versions(connection, "default", "raw.orders", limit=2, before=4)] == [3, 2]
        assert gates.versions(connection, "default", "raw.orders", before=1) == []
        assert gates.version(connection, "default", "raw.orders", 2).gate.priority == 1
        for number in (0, 6, 2**40):
            with pytest.raises(NotFound, match=rf"has no version {number}: the newest is 5"):
                gates.version(connection, "default", "raw.orders", number)
        gates.apply(connection, [gate("raw.sales")])
        with pytest.raises(NotFound, match=r"did you mean `raw\.sales`"):
            gates.versions(connection, "default", "raw.sale")


def test_a_change_tells_the_fields_that_differ(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate(), gate("raw.sales")])
        changed, same = gates.plan(connection, [gate(priority=5, timeout_seconds=60), gate("raw.sales")])
    assert [(one.field, one.before, one.after) for one in changed.differences] == [("timeout", None, "1m"), ("priority", None, 5)]
    assert same.differences == ()


def test_a_rollback_is_a_new_version_with_the_content_of_an_earlier_one(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        for priority in (0, 5):
            gates.put(connection, gate(priority=priority).gate, author="ann")
        assert gates.rollback(connection, "default", "raw.orders", 1, author="bob") == Change("default", "raw.orders", "changed", 3)
        assert gates.rollback(connection, "default", "raw.orders", 1) == Change("default", "raw.orders", "unchanged", 3)
        with pytest.raises(NotFound, match="has no version 4"):
            gates.rollback(connection, "default", "raw.orders", 4)
    assert told(engine)[0] == (3, 0, "bob", "rollback to version 1", None)


def test_a_rollback_puts_a_withdrawn_gate_in_force_again(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        for priority in (0, 5):
            gates.put(connection, gate(priority=priority).gate)
        gates.withdraw(connection, "default", "raw.orders")
        assert gates.rollback(connection, "default", "raw.orders", 1) == Change("default", "raw.orders", "restored", 3)
        assert gates.in_force(connection) == {"default": 1}


# --- who manages a gate ----------------------------------------------------------------------------------------------


def test_what_a_file_manages_changes_by_that_file_or_is_taken_over(engine: Engine) -> None:
    wanted = gate(priority=5).gate
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()])
        assert gates.put(connection, gate().gate) == Change("default", "raw.orders", "unchanged", 1), "it is so already"
        for edit, fix in (
            (lambda: gates.put(connection, wanted), "change that file"),
            (lambda: gates.withdraw(connection, "default", "raw.orders", by_file=False), "delete that file"),
        ):
            with pytest.raises(Conflict, match=f"is managed by the file {FILE}: {fix}") as refused:
                edit()
            assert refused.value.code == "managed_by_file"
        assert gates.plan_put(connection, wanted).action == "kept"
    assert told(engine) == [(1, 0, None, None, FILE)]
    with database.transaction(engine) as connection:
        taken = gates.put(connection, wanted, take_over=True, author="ann")
        assert taken == Change("default", "raw.orders", "changed", 2)
        assert taken.differences[0] == GateDifference(field="managed by", before=FILE, after="the API")
    assert told(engine)[0] == (2, 5, "ann", None, None)


def test_a_rollback_of_what_a_file_manages_takes_it_over_or_is_refused(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        for priority in (0, 5):
            gates.apply(connection, [gate(priority=priority)])
        with pytest.raises(Conflict, match=FILE):
            gates.rollback(connection, "default", "raw.orders", 1)
        assert gates.rollback(connection, "default", "raw.orders", 1, take_over=True).action == "changed"
        assert gates.apply(connection, [gate(priority=5)]) == [Change("default", "raw.orders", "kept", 3)], "the file does not undo it"
    assert told(engine)[0] == (3, 0, None, "rollback to version 1", None)


def test_files_leave_what_the_api_manages_unless_they_take_it_over(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.put(connection, gate(priority=5).gate)
        gates.put(connection, gate("raw.sales").gate)
        gates.put(connection, gate("raw.other").gate)
        kept, unchanged, created = gates.apply(connection, [gate(), gate("raw.sales"), gate("raw.new")])
        assert [one.action for one in (kept, unchanged, created)] == ["kept", "unchanged", "created"]
        assert [one.field for one in kept.differences] == ["managed by", "priority"]
        pruned = gates.plan(connection, [gate()], prune=["default"])
        assert {one.table: one.action for one in pruned} == {
            "raw.orders": "kept",
            "raw.new": "withdrawn",
            "raw.other": "kept",
            "raw.sales": "kept",
        }
    assert [number for number, *_ in told(engine)] == [1]
    with database.transaction(engine) as connection:
        changes = gates.apply(connection, [gate(), gate("raw.sales")], prune=["default"], take_over=True)
        assert {one.table: (one.action, one.number) for one in changes} == {
            "raw.orders": ("changed", 2),
            "raw.sales": ("changed", 2),
            "raw.new": ("withdrawn", 1),
            "raw.other": ("withdrawn", 1),
        }
        assert [one.action for one in gates.apply(connection, [gate(), gate("raw.sales")])] == ["unchanged", "unchanged"]
        with pytest.raises(Conflict):
            gates.put(connection, gate("raw.sales", priority=1).gate)


def test_nobody_manages_a_gate_that_is_withdrawn(engine: Engine) -> None:
    with database.transaction(engine) as connection:
        gates.apply(connection, [gate()])
        gates.withdraw(connection, "default", "raw.orders")
        assert gates.put(connection, gate().gate) == Change("default", "raw.orders", "restored", 2)
        gates.withdraw(connection, "default", "raw.orders", by_file=False)
        assert gates.apply(connection, [gate()]) == [Change("default", "raw.orders", "restored", 3)]
        gates.withdraw(connection, "default", "raw.orders")
        assert gates.apply(connection, [gate()]) == [Change("default", "raw.orders", "restored", 4)]
