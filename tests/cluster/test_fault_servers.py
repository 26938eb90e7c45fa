"""Database servers that vanish, restart, and answer no more at the moment of a commit; the worker outlives them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from cluster_kit import LEASE_SECONDS, Program, Start, on, serving, wait_for

from faults.databases import Database, MariaDatabase, PostgresDatabase, column
from faults.proxy import Proxy
from faults.servers import Server

pytestmark = [pytest.mark.cluster, pytest.mark.long]
own_servers = pytest.mark.parametrize("server", ["postgres", "mariadb"], indirect=True)


def unharmed(program: Program) -> None:
    """Check that a worker took it calmly: it lives, has logged no fault of its own, and ran not hot."""
    assert program.process.poll() is None
    assert "Traceback" not in program.log
    assert len(program.log.splitlines()) < 120


def printed(program: Program, run_id: int) -> str:
    """Return all that a run printed; into how many chunks it was cut is a matter of time."""
    return "".join(column(program.rows(f'SELECT "text" FROM output WHERE run_id = {run_id} ORDER BY seq')))


@own_servers
def test_a_database_that_is_gone_for_two_leases(start: Start, server: Server) -> None:
    # In threads, because a handler that is told to stop can say so there; in a child process it is killed.
    program = serving(start, database=server.database(), ENSCHEDULE_EXECUTOR="thread")
    program.make("long", "heed")
    run_id = program.run("long")
    wait_for("the handler was called", lambda: program.marks("heed"))
    server.stop()
    gone_at = time.time()
    wait_for("its handler is told to stop", lambda: program.marks("heeded"))
    assert float(program.marks("heeded")[0][4]) < gone_at + LEASE_SECONDS, "before anybody else could begin it"
    program.said("no heartbeat for . s: stopping 1 runs")
    assert program.status("/api/v1/schedules") == 503
    assert program.status("/api/v1/healthz") == 200
    time.sleep(max(0.0, gone_at + 2 * LEASE_SECONDS - time.time()))
    server.start()
    program.wait_status(run_id, "lost")
    again = program.run("long")
    wait_for("it goes on", lambda: len(program.marks("heed")) == 2)
    wait_for("it is told to stop", lambda: program.ask("POST", f"/api/v1/runs/{again}/cancel", {})[0] in (200, 202))
    program.wait_status(again, "succeeded")  # it heeds that, and returns
    assert program.stop() == 0
    assert "Traceback" not in program.log
    assert len(program.log.splitlines()) < 120


@own_servers
@pytest.mark.parametrize("how", [pytest.param("stop", marks=pytest.mark.long), "kill"])
def test_a_database_that_restarts_while_a_run_goes_on(start: Start, server: Server, how: str) -> None:
    program = serving(
        start, database=server.database(), ENSCHEDULE_LEASE_SECONDS="30", ENSCHEDULE_HEARTBEAT_SECONDS="0.2"
    )
    program.make("long", "wait")
    program.make("each", "tick", "every 1 second")
    run_id = program.run("long")
    program.wait_begun()
    getattr(server, how)()
    server.start()
    program.go_on()
    program.wait_status(run_id, "succeeded")
    assert program.rows(f"SELECT fence FROM runs WHERE id = {run_id}") == [(1,)]
    assert printed(program, run_id) == "waiting\nwent on\n"
    ticks = len(program.marks("tick"))
    wait_for("the next slots come", lambda: len(program.marks("tick")) > ticks + 1)
    unharmed(program)
    assert program.stop() == 0


# ---------------------------------------------------------------- at the moment of a commit


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    """Stand between the programs and the server, and look past it oneself."""
    assert isinstance(database, PostgresDatabase | MariaDatabase)
    with Proxy(database.port) as found:
        database.environ = type(database)(found.port, database.name).environ
        yield found


def a_run(start: Start, arm: Callable[[Program], None]) -> tuple[Program, int]:
    """Let one run go through a worker, with a break at one of its commits, and return both."""
    program = serving(start, "claimer")
    program.make("long", "wait")
    program.make("after", "tick")
    arm(program)
    run_id = program.run("long")
    program.wait_begun()
    return program, run_id


@on("postgres", "mariadb")
@pytest.mark.parametrize("reaches_server", [True, False], ids=["answer-lost", "commit-lost"])
def test_a_claim_at_which_the_connection_breaks(start: Start, proxy: Proxy, reaches_server: bool) -> None:
    breaks = []
    program, run_id = a_run(start, lambda _: breaks.append(proxy.arm(b"claimer", reaches_server=reaches_server)))
    assert breaks[0].done == 1
    program.go_on()
    program.wait_status(run_id, "succeeded")
    assert len(program.marks("wait")) == 1
    unharmed(program)
    assert program.stop() == 0


@on("postgres", "mariadb")
@pytest.mark.parametrize("reaches_server", [True, False], ids=["answer-lost", "commit-lost"])
def test_a_finish_at_which_the_connection_breaks(start: Start, proxy: Proxy, reaches_server: bool) -> None:
    program, run_id = a_run(start, lambda _: None)
    broken = proxy.arm(b"went on", reaches_server=reaches_server)
    program.go_on()
    program.wait_status(run_id, "succeeded")
    assert broken.done == 1
    after = program.run("after")
    program.wait_status(after, "succeeded")
    assert printed(program, run_id) == "waiting\nwent on\n"
    assert program.rows('SELECT sum("count") FROM counters') == [(2,)]
    assert program.rows("SELECT open_runs, running_runs, failures_in_row FROM schedules WHERE id = 'long'") == [
        (0, 0, 0)
    ]
    assert "dropped" not in program.log, "it was stored, so nobody may say otherwise"
    unharmed(program)
    assert program.stop() == 0


@on("postgres", long=("mariadb",))
def test_heartbeats_at_which_the_connection_breaks(start: Start, proxy: Proxy) -> None:
    program, run_id = a_run(start, lambda _: None)
    broken = proxy.arm(b"", reaches_server=True, times=4)
    wait_for("some commits were broken", lambda: broken.done == 4)
    program.go_on()
    program.wait_status(run_id, "succeeded")
    unharmed(program)
    assert program.stop() == 0


# ---------------------------------------------------------------- passwords

PASSWORD = "p@:/#%?&[]å$x"


@own_servers
def test_a_password_of_any_characters(start: Start, server: Server) -> None:
    database = server.database()
    variable, uri = next(iter(database.environ.items()))
    server.let_in("someone", PASSWORD, database.name)
    scheme, _, place = uri.rpartition("@")[0].partition("://")[0], "", uri.rpartition("@")[2]
    quoted = "p%40%3A%2F%23%25%3F%26%5B%5D%C3%A5%24x"
    host, _, name = place.partition("/")
    parts = {
        "DB_USER": "someone",
        "DB_PASSWORD": PASSWORD,
        "DB_HOST": host.partition(":")[0],
        "DB_PORT": host.partition(":")[2],
        "DB_DATABASE": name,
    }
    good = [
        {variable: f"{scheme}://someone:{quoted}@{place}"},
        {variable: f"{scheme}://someone:{PASSWORD}@{place}"},
        {variable: "true", **parts},
    ]
    for environ in good:
        program = start("migrate", database=None, **environ)
        assert program.code() == 0, program.log
        assert PASSWORD not in program.log
    bad = start("migrate", database=None, **{variable: f"{scheme}://someone:{quoted}x@{place}"})
    assert bad.code() == 2
    assert "does not let user 'someone' in" in bad.log
    assert PASSWORD not in bad.log
    assert quoted not in bad.log
