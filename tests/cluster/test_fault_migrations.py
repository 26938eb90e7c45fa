"""Tables made by several programs at once, by one that is killed in the middle, and by one that is newer."""

from __future__ import annotations

import pytest
from cluster_kit import Start, on, on_each, refused, serving, wait_for

from enschedule_worker.store import migrate
from faults.databases import Database
from faults.programs import tampered

pytestmark = pytest.mark.cluster


@on("postgres", "mariadb")
def test_programs_that_start_together_on_an_empty_database_migrate_it_once(start: Start) -> None:
    programs = [
        start("worker", ENSCHEDULE_WORKER_ID="a", API_ENDPOINT="true"),
        start("worker", ENSCHEDULE_WORKER_ID="b"),
        start("migrate"),
    ]
    programs[0].ready()
    programs[1].said("Worker b runs")
    assert programs[2].code() == 0
    assert sum(program.log.count("migrating the database") for program in programs) <= 1, "the command keeps no log"
    assert [program.stop() for program in programs[:2]] == [0, 0]


@pytest.mark.parametrize("statements", [12, 38])
@on("mariadb", long=("sqlite", "postgres"))
def test_a_start_that_is_killed_in_a_migration_harms_nothing(start: Start, database: Database, statements: int) -> None:
    """On MariaDB, which commits each change of a table by itself, the next start goes on where that one ended."""
    killed = start("migrate", **tampered(die_after=str(statements)))
    assert killed.code() == -9, killed.log
    assert "tampered: dies after" in killed.log
    assert not database.has("enschedule_version") or database.rows("SELECT * FROM enschedule_version") != [
        (migrate.head(),)
    ]
    program = serving(start)
    program.make("it", "tick")
    run_id = program.run("it")
    program.wait_status(run_id, "succeeded")
    assert program.stop() == 0


@on_each
def test_a_program_refuses_a_database_of_a_newer_one_naming_both(start: Start, database: Database) -> None:
    assert start("migrate").code() == 0
    known = database.value("SELECT version_num FROM enschedule_version")
    database.change("UPDATE enschedule_version SET version_num = '9999'")
    for name in ("worker", "dashboard", "up", "migrate") if database.kind == "postgres" else ("worker",):
        said = refused(start(name))
        assert "9999" in said
        assert known in said


@on("sqlite", long=("postgres", "mariadb"))
def test_a_table_of_somebody_else_is_not_taken_for_ours(start: Start, database: Database) -> None:
    database.change("CREATE TABLE runs (kilometres INTEGER)")
    said = refused(start("worker"))
    assert "'runs' already" in said
    assert "a database of its own" in said
    assert database.columns("runs") == ["kilometres"]


@on("sqlite", long=("postgres", "mariadb"))
def test_an_old_backup_that_is_restored_makes_no_storm(start: Start, database: Database) -> None:
    """Each schedule runs once for all the hour, the rest is one skip; what was running then is lost."""
    program = serving(start)
    for number in range(20):
        program.make(f"each-{number}", "tick", "every 1 minute")
    program.make("long", "wait")
    run_id = program.run("long")
    program.wait_begun()
    program.kill()
    hour = 3_600_000_000
    database.change(
        f"UPDATE schedules SET due_at = due_at - {hour}, fire_at = fire_at - {hour} WHERE due_at IS NOT NULL",
        f"UPDATE runs SET lease_until = lease_until - {hour}, started_at = started_at - {hour}, "
        f"queued_at = queued_at - {hour}, not_before = not_before - {hour}",
        f"UPDATE workers SET heartbeat_at = heartbeat_at - {hour}",
    )
    ticks = len(program.marks("tick"))
    again = serving(start, "again")
    again.wait_status(run_id, "lost")
    skipped = 'SELECT count(*) FROM skips WHERE "count" >= 58'
    wait_for("all have been looked at", lambda: database.value(skipped) == 20)
    wait_for("each ran", lambda: len(again.marks("tick")) >= ticks + 20)
    assert again.stop() == 0
    assert 20 <= len(again.marks("tick")) - ticks <= 40, "one each, and one more where a minute began meanwhile"
