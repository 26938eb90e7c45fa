"""A program that is started before its database waits for it, if it is told to; what no waiting helps with ends it."""

from __future__ import annotations

import time

import pytest
from cluster_kit import Start, refused

from faults.servers import Server

pytestmark = pytest.mark.cluster
WAIT = "ENSCHEDULE_DATABASE_WAIT_SECONDS"


@pytest.mark.parametrize("server", ["postgres"], indirect=True)
def test_a_program_waits_for_its_database(start: Start, server: Server) -> None:
    database = server.database()
    server.stop()
    early = [
        start("worker", database=database, API_ENDPOINT="true", **{WAIT: "40"}),
        start("dashboard", database=database, ENSCHEDULE_WORKER_ID="inside", **{WAIT: "40"}),
    ]
    for program in early:
        program.said(r"POSTGRES: PostgreSQL on .* cannot be reached: .* Waiting for it, for \d\d s at most")
    server.start()
    for program in early:
        program.ready()
        assert "the database answers now" in program.log
        assert program.stop() == 0
        assert "Traceback" not in program.log


@pytest.mark.database
def test_what_no_waiting_helps_with_ends_it_at_once(start: Start) -> None:
    began = time.monotonic()
    wrong = {
        "does not let user 'nobody' in": "postgres://nobody:secret@127.0.0.1:5432/postgres",
        "there is no database 'nobodys'": "postgres://postgres@127.0.0.1:5432/nobodys",
    }
    programs = {said: start("worker", POSTGRES=uri, **{WAIT: "600"}) for said, uri in wrong.items()}
    for said, program in programs.items():
        assert said in refused(program)
    assert time.monotonic() - began < 40
