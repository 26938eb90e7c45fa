"""The statements about schedules, workers, single values: what holds whoever asks."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, update

from enschedule_core.actor import Actor, Permission, Scope
from enschedule_core.errors import Forbidden, NotFound
from enschedule_core.schedule import ScheduleStatus
from enschedule_core.wire.definition import Definition
from enschedule_worker.service import runs, schedules
from enschedule_worker.store import runs_by_hand, state
from enschedule_worker.store import schedule_lists as lists
from enschedule_worker.store import schedules as store
from enschedule_worker.store.answering import again_if_undone
from enschedule_worker.store.models.runs import Run


def make(database: Any, registry: Any, actor: Actor, **body: Any) -> dict[str, Any]:
    definition = Definition.from_wire({"handler": "echo", **body})
    return schedules.create(database, registry, actor, definition)[0]


STANDINGS: list[tuple[dict[str, Any], str]] = [
    ({"broken_reason": "x", "faults": 1, "paused": True, "running_runs": 1}, "broken"),
    ({"paused": True, "running_runs": 1, "failing_since": 1}, "paused"),
    ({"running_runs": 1, "retry_at": 1, "failing_since": 1}, "running"),
    ({"retry_at": 1, "handler_version": 9, "failing_since": 1}, "retrying"),
    ({"handler_version": 9, "failing_since": 1}, "waiting"),
    ({"handler_version": 9, "due_at": None, "trigger_kind": "manual"}, "waiting"),
    ({"failing_since": 1}, "failing"),
    ({"faults": 1}, "scheduled"),
    ({"due_at": None}, "finished"),
    ({"due_at": None, "handler_version": 9}, "finished"),
    ({"due_at": None, "open_runs": 1, "handler_version": 9}, "waiting"),
    ({"due_at": None, "trigger_kind": "manual"}, "manual"),
]


@pytest.mark.parametrize(("columns", "status"), STANDINGS)
def test_the_status_is_the_first_rule_that_holds(
    stage: Any, database: Any, registry: Any, actor: Actor, columns: dict[str, Any], status: str
) -> None:
    make(database, registry, actor, id="x", schedule="every hour")
    with database.write() as tx:
        row = store.get(tx, "x", Scope())
        assert row is not None
        store.change(tx, row.key, columns)
        if columns.get("running_runs"):
            run_id, _ = runs_by_hand.new_manual(tx, row, data=None, actor_name="somebody")
            tx.execute(update(Run).where(Run.id == run_id).values(status="running"))
            store.change(tx, row.key, columns)
    with database.read() as tx:
        found = store.get(tx, "x", Scope())
        assert found is not None
        assert found.status == status
        by_status = [row.id for row in lists.page(tx, Scope(), lists.Filters(statuses=(status,)))]
        assert by_status == ["x"]
        counts = lists.counts(tx, Scope(), overdue_before=0)
        assert getattr(counts, f"status_{status}") == 1


def test_every_status_has_a_rule_that_is_tested() -> None:
    assert {status for _, status in STANDINGS} == {status.value for status in ScheduleStatus}


def test_what_lies_outside_the_scope_is_not_there(stage: Any, database: Any, registry: Any, actor: Actor) -> None:
    make(database, registry, actor, id="x", schedule="every hour")
    run, _ = runs.run_now(database, registry, actor, "x")
    outsider = replace(actor, scope=Scope(frozenset({5})))
    for operation in (
        lambda: schedules.get(database, outsider, "x"),
        lambda: schedules.delete(database, outsider, "x"),
        lambda: runs.run_now(database, registry, outsider, "x"),
        lambda: runs.get(database, outsider, run["id"]),
        lambda: runs.cancel(database, outsider, run["id"]),
    ):
        with pytest.raises(NotFound):
            operation()
    assert schedules.listing(database, outsider, lists.Filters()) == ([], None)
    with database.write() as tx:
        tx.connection.exec_driver_sql("UPDATE schedules SET group_id = 5")
    assert schedules.get(database, outsider, "x")["id"] == "x"


def test_an_operation_needs_its_permission(stage: Any, database: Any, registry: Any, actor: Actor) -> None:
    make(database, registry, actor, id="x")
    viewer = replace(actor, permissions=frozenset({Permission.READ}))
    operator = replace(actor, permissions=frozenset({Permission.READ, Permission.OPERATE}))
    schedules.get(database, viewer, "x")
    with pytest.raises(Forbidden, match="operate"):
        runs.run_now(database, registry, viewer, "x")
    runs.run_now(database, registry, operator, "x")
    with pytest.raises(Forbidden, match="edit"):
        schedules.delete(database, operator, "x")
    with pytest.raises(Forbidden, match="read"):
        schedules.listing(database, replace(actor, permissions=frozenset()), lists.Filters())


def test_two_who_make_one_id_at_once_make_one_schedule(stage: Any, database: Any, registry: Any, actor: Actor) -> None:
    made: list[str] = []

    def put(number: int) -> None:
        definition = Definition.from_wire({"handler": "echo", "data": {"n": number}}, id="x")
        # As the API does: on a server the second one meets a row that it could not see.
        made.append(again_if_undone(lambda: schedules.replace_or_create(database, registry, actor, definition))[1])

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(made) == ["created", *["updated"] * 7]
    assert schedules.get(database, actor, "x")["revision"] == 8


@pytest.mark.usefixtures("sqlite_only")
def test_a_change_that_fails_leaves_nothing_behind(stage: Any, database: Any, registry: Any, actor: Actor) -> None:
    """The schedule, its revision and its tags are one transaction with the audit row."""
    with database.write() as tx:
        tx.connection.exec_driver_sql("DROP TABLE audit")
    with pytest.raises(Exception, match="audit"):
        make(database, registry, actor, id="x", tags=["t"])
    with database.read() as tx:
        for table in ("schedules", "schedule_revisions", "schedule_tags"):
            assert tx.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_reading_cannot_write(database: Any) -> None:
    with pytest.raises(Exception, match=r"(?i)read-?\s?only"), database.read() as tx:
        state.put(tx, "x", "y")


def test_a_single_value_is_made_once_and_removed_by_one(database: Any) -> None:
    with database.write() as tx:
        assert state.get_or_create(tx, "secret", lambda: "first") == "first"
    with database.write() as tx:
        assert state.get_or_create(tx, "secret", lambda: "second") == "first"
        assert state.remove(tx, "secret")
        assert not state.remove(tx, "secret")
        assert state.get(tx, "secret") is None


@pytest.mark.usefixtures("sqlite_only")
@pytest.mark.parametrize("sort", ["due_at", "id", "title", "last_run"])
def test_a_page_deep_in_a_long_list_is_found_by_an_index(database: Any, sort: str) -> None:
    """A keyset page must not sort the whole table: SQLite says so where it would."""
    statements: list[tuple[str, Any]] = []

    def keep(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", keep)
    with database.read() as tx:
        value = "m" if sort in {"id", "title"} else 5
        lists.page(tx, Scope(), lists.Filters(), sort=sort, after=lists.Place(value, 7))
        found = [one for one in statements if "FROM schedules" in one[0] and "IS NOT NULL" in one[0]]
        (statement, parameters), *_ = found
        plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    text = "\n".join(str(row[3]) for row in plan)
    chosen, joined, _ = text.partition("SCAN anon_1")  # what follows orders the few that were chosen
    assert joined, text
    assert "SEARCH schedules USING INDEX" in chosen, text
    assert "USE TEMP B-TREE" not in chosen, text
