"""The log as JSON: one object a line, whatever is said (ENSCHEDULE_LOG_FORMAT)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config

from enschedule_core.clock import parse_instant
from enschedule_core.context import Stream
from enschedule_worker import logs, server
from enschedule_worker.engine.echo import Echo
from enschedule_worker.settings import WorkerSettings

JSON = WorkerSettings(None, worker_id="web-1", log_format="json", log_level="warning")


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger without handlers of others, as a program begins, and as it was afterwards."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    yield root
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger(logs.OWN).setLevel(logging.NOTSET)


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what has come on stderr, an object a line."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_record_is_one_object_with_whose_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(JSON)
    logger = logging.getLogger("enschedule_worker.somewhere")
    logger.warning("run %s is lost:\n%s", 12, "“ö”", extra={"run_id": 12, "schedule_id": "ping"})
    logger.info("below the level")
    logger.error("no ids")
    first, second = said(capsys)
    assert parse_instant(first.pop("time")).year >= 2026
    assert first == {
        "level": "warning",
        "logger": "enschedule_worker.somewhere",
        "message": "run 12 is lost:\n“ö”",
        "worker": "web-1",
        "run": 12,
        "schedule": "ping",
    }
    assert second.keys() == {"time", "level", "logger", "message", "worker"}


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(JSON)
    try:
        raise ValueError("no luck")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    (found,) = said(capsys)
    assert found["message"] == "it failed"
    assert found["exception"].startswith("Traceback")
    assert found["exception"].endswith("ValueError: no luck")


def test_filters_keep_out_what_is_not_the_servers(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(JSON, lambda record: record.name != "other")
    logging.getLogger("other").error("not ours")
    logging.getLogger("ours").error("ours")
    assert [one["logger"] for one in said(capsys)] == ["ours"]


def test_what_a_start_tells_is_a_line_of_the_log_whatever_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(JSON)
    server.say("  Log in once with http://127.0.0.1:3000/login?key=x")
    server.warn("ENSCHEDULE_POOL is not a setting.")
    assert [(one["level"], one["message"]) for one in said(capsys)] == [
        ("info", "Log in once with http://127.0.0.1:3000/login?key=x"),
        ("warning", "ENSCHEDULE_POOL is not a setting."),
    ]


def test_as_text_it_is_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(WorkerSettings(None))
    logging.getLogger("x").warning("careful", extra={"run_id": 1})
    server.say("  It is here")
    server.warn("odd")
    found = capsys.readouterr()
    assert found.out == "  It is here\n"
    assert found.err.splitlines()[0].endswith("WARNING x: careful")
    assert found.err.splitlines()[1] == "enschedule: odd"


def test_what_runs_print_is_repeated_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    of_a_schedule = Echo("ping", 7, is_json=True, schedule_id="ping")
    of_a_schedule.write(Stream.STDERR, b'one "line"\r\ntw')
    of_a_schedule.close()
    Echo("fetch", 8, is_json=True).write(Stream.STDOUT, b"x\n")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["message"], one["stream"], one["run"], one.get("schedule")) for one in found] == [
        ('one "line"', "stderr", 7, "ping"),
        ("tw", "stderr", 7, "ping"),
        ("x", "stdout", 8, None),
    ]
    assert {one["logger"] for one in found} == {"enschedule.run"}


def test_gunicorn_speaks_through_the_log_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    server.start_logging(JSON)
    config = Config()
    config.set("loglevel", "warning")
    log = server.PassingOn(config)
    try:
        log.info("below the level")
        log.error("worker %s timed out", 7)
        assert [(one["logger"], one["message"]) for one in said(capsys)] == [("gunicorn.error", "worker 7 timed out")]
    finally:
        log.error_log.propagate = False
