"""``python -m benchmarks requests``: what it costs a request that its key or session is looked at.

The same list (`GET /api/v1/schedules`, fifty of them) is asked of two workers that differ in one thing: one has no
account and asks nobody who they are, the other has one and is asked with the key of the installation, with an API key
and with a session. The ways take turns, each over one connection that stays open, and each figure is the median of
its rounds. With ``--profile`` the time goes by function, in one process, without a server.
"""

from __future__ import annotations

import argparse
import cProfile
import http.client
import logging
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from benchmarks.measures import MeasureFailed
from benchmarks.processes import running
from enschedule_core.actor import Role
from enschedule_core.registry import Registry
from enschedule_log_handler import log_job
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.service import keys, sessions, users
from enschedule_worker.settings import read_settings

SHARED = "the-key-of-this-measurement"
NAME, PASSWORD = "ada", "several words are good"
PATH = "/api/v1/schedules"
SCHEDULES = 50
START_SECONDS = 30
_WARM_UP = 50
Headers = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Measure or profile, print, and return the exit code: 0 done, 1 it could not be measured."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    try:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            if given.profile:
                _profile(Path(folder), given.count, given.top)
            else:
                _tell(_measure(Path(folder), given.rounds, given.seconds, given.port), given.rounds)
    except MeasureFailed as problem:
        print(f"benchmarks requests: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    from benchmarks.__main__ import positive  # noqa: PLC0415 - it imports this module too

    parser = argparse.ArgumentParser(prog="python -m benchmarks requests", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=positive(int), default=3, help="how often, in turns; 3")
    add("--seconds", type=positive(float), default=2.0, help="of a sample; 2")
    add("--port", type=positive(int), default=28_431, help="of the first of two servers; 28431")
    add("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the SQLite files are made")
    add("--profile", action="store_true", help="where the time goes, by function, for each of the ways")
    add("--count", type=positive(int), default=500, help="requests under the profiler; 500")
    add("--top", type=positive(int), default=15, help="functions that are listed; 15")
    return parser


# ---------------------------------------------------------------- the workers


def _environ(folder: Path, port: int) -> dict[str, str]:
    return {
        "SQLITE": str(folder / "jobs.db"),
        "API_KEY": SHARED,
        "API_ENDPOINT": "true",
        "ENSCHEDULE_PORT": str(port),
        "ENSCHEDULE_EXECUTOR": "thread",
        "IMPORT_HANDLERS": "enschedule-log-handler",
        "ENSCHEDULE_LOG_LEVEL": "warning",
    }


def _filled(folder: Path, port: int, *, account: bool) -> dict[str, Headers]:
    """Fill the database of a worker, and return the ways in: what each of them sends."""
    folder.mkdir()
    registry = Registry()
    registry.register(log_job)
    worker = build_worker(read_settings(_environ(folder, port)), registry)
    try:
        worker.enter_handlers()
        client, shared = worker.app.test_client(), {"X-API-Key": SHARED}
        for number in range(SCHEDULES):
            body = {
                "id": f"s{number}",
                "handler": "log-job",
                "data": {"message": "x"},
                "schedule": "every day at 02:00",
            }
            answer = client.put(f"{PATH}/s{number}", json=body, headers=shared)
            if answer.status_code != 201:
                raise MeasureFailed(f"a schedule was refused: {answer.text}")
        return _ways(worker) if account else {"open": {}}
    finally:
        worker.close()


def _ways(worker: Worker) -> dict[str, Headers]:
    database = worker.database
    users.ensure_admin(database, NAME, PASSWORD)
    token = sessions.log_in(database, NAME, PASSWORD)["token"]
    key = keys.create(database, users.COMMAND, name="measured", role=Role.VIEWER)["token"]
    return {
        "API_KEY": {"X-API-Key": SHARED},
        "API key": {"X-API-Key": key},
        "session": {"Authorization": f"Bearer {token}"},
    }


# ---------------------------------------------------------------- over a socket


def _measure(folder: Path, rounds: int, seconds: float, port: int) -> dict[str, list[float]]:
    """Return the requests a second of each way in, a figure a round."""
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        ways: dict[str, tuple[int, Headers]] = {}
        for at, account in enumerate((False, True)):
            home = folder / ("accounts" if account else "open")
            headers = _filled(home, port + at, account=account)
            program = stack.enter_context(
                running([sys.executable, "-m", "enschedule_worker.main"], home, _environ(home, port + at))
            )
            program.wait_until("the first answer", lambda at=at: _answers(port + at), seconds=START_SECONDS)  # type: ignore[misc]
            ways |= {name: (port + at, sent) for name, sent in headers.items()}
        for _ in range(rounds):
            for name, (where, sent) in ways.items():
                found.setdefault(name, []).append(_sample(where, sent, seconds))
    return found


def _answers(port: int) -> bool:
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/api/v1/healthz")
        return connection.getresponse().status == 200
    return False


def _sample(port: int, headers: Headers, seconds: float) -> float:
    """Return the requests a second over one connection of its own, once it is warm."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        for _ in range(_WARM_UP):
            _ask(connection, headers)
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            _ask(connection, headers)
            count += 1
        return count / (time.perf_counter() - began)
    except (OSError, http.client.HTTPException) as problem:
        raise MeasureFailed(f"the worker does not answer any more: {problem}") from None
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, headers: Headers) -> None:
    connection.request("GET", PATH, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200 or body.count(b'"handler"') < SCHEDULES:
        raise MeasureFailed(f"the answer is not the list: {answer.status} {body[:300]!r}")


def _tell(found: Mapping[str, Sequence[float]], rounds: int) -> None:
    base = 1000 / statistics.median(found["open"])
    print(f"GET {PATH}, {SCHEDULES} schedules, one connection; medians of {rounds} rounds in turns\n")
    print("| asked with | requests/s | ms a request | more than open |")
    print("| --- | --- | --- | --- |")
    for name, rates in found.items():
        each = 1000 / statistics.median(rates)
        more = "" if name == "open" else f"{each - base:+.2f} ms"
        print(f"| {name} | {statistics.median(rates):,.0f} | {each:.2f} | {more} |")


# ---------------------------------------------------------------- by function


def _profile(folder: Path, count: int, top: int) -> None:
    for account in (False, True):
        home = folder / ("accounts" if account else "open")
        headers = _filled(home, 1, account=account)
        registry = Registry()
        registry.register(log_job)
        worker = build_worker(read_settings(_environ(home, 1)), registry)
        try:
            for name, sent in headers.items():
                _profile_one(worker, name, sent, count, top)
        finally:
            worker.close()


def _profile_one(worker: Worker, name: str, headers: Headers, count: int, top: int) -> None:
    client: Any = worker.app.test_client()
    for _ in range(_WARM_UP):
        client.get(PATH, headers=headers)
    began = time.thread_time()
    for _ in range(count):
        client.get(PATH, headers=headers)
    each = (time.thread_time() - began) / count * 1000
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(count):
        client.get(PATH, headers=headers)
    profiler.disable()
    print(f"\n{name}: {each:.2f} ms of a processor a request, without the profiler\n")
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(r"enschedule_worker|sqlalchemy.engine", top)
