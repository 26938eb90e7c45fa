"""Waiting for a database server at the start: how long, what is said, and what is not waited for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from enschedule_core.errors import ConfigurationError
from enschedule_worker.store import connect
from enschedule_worker.store.location import locate
from enschedule_worker.store.troubles import NotThere

LOCATION = locate({"POSTGRES": "postgres://ada:secret@db.example.org/jobs"}, folder=Path.cwd())


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wait(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Waits for a server that gives these answers, one after the other, the last one for ever."""

    def run(seconds: float, *answers: Exception | None) -> None:
        coming = list(answers)

        def check(*_: Any) -> None:
            answer = coming.pop(0) if len(coming) > 1 else coming[0]
            if answer is not None:
                raise answer

        monkeypatch.setattr(connect, "check", check)
        assert LOCATION is not None
        engine: Any = None
        connect.wait(engine, LOCATION, seconds, sleep=clock.sleep, monotonic=clock.monotonic)

    return run


def test_it_goes_on_once_the_server_answers(wait: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    wait(30, *[NotThere("POSTGRES: it cannot be reached.")] * 30, None)
    assert clock.now == 115.0
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "POSTGRES: it cannot be reached. Waiting for it, for 30 s at most.",
        "POSTGRES: it cannot be reached. Waiting for it, for 25 s at most.",
        "POSTGRES: it cannot be reached. Waiting for it, for 20 s at most.",
        "POSTGRES: the database answers now.",
    ]


@pytest.mark.parametrize("seconds", [0.0, 0.3, 7.0])
def test_after_that_time_it_is_refused_as_without(
    wait: Any, clock: Clock, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    with pytest.raises(NotThere, match="cannot be reached"):
        wait(seconds, NotThere("POSTGRES: it cannot be reached."))
    assert clock.now == 100.0 + seconds
    assert bool(caplog.records) == bool(seconds)


def test_what_no_waiting_helps_with_is_refused_at_once(wait: Any, clock: Clock) -> None:
    with pytest.raises(ConfigurationError, match="does not let"):
        wait(600, ConfigurationError("POSTGRES: the server does not let user 'ada' in."))
    assert clock.now == 100.0


def test_a_server_that_is_there_is_not_spoken_of(wait: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    wait(30, None)
    assert (clock.now, caplog.records) == (100.0, [])
