"""The real programs: the dashboard with a worker of its own, and one before a worker elsewhere; asked over HTTP."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.competitors.own_database import HANDLERS, Place
from benchmarks.competitors.own_worker import API_KEY, BIN, START_SECONDS, check_log, free_port
from benchmarks.measures import MeasureFailed
from benchmarks.processes import running, thread_nanos, tree_of

WORKER_ID = "measured"


@dataclass(frozen=True, slots=True)
class Site:
    """A running dashboard: its port, and the processes that serve it."""

    port: int
    pids: tuple[int, ...]

    def cpu_ms(self) -> float:
        """Return the milliseconds on a processor of all threads that serve, so far."""
        return sum(thread_nanos(self.pids).values()) / 1e6


@contextmanager
def inline(place: Place, folder: Path) -> Iterator[Site]:
    """Run `enschedule up` on the database."""
    port = free_port()
    environ = {**place.environ, "HANDLERS_DIR": str(HANDLERS), "ENSCHEDULE_WORKER_ID": WORKER_ID}
    told = {**environ, "ENSCHEDULE_PORT": str(port)}
    with _started(BIN / "enschedule", ["up"], folder / "inline", told, port) as pids:
        yield Site(port, pids)


@contextmanager
def external(place: Place, folder: Path) -> Iterator[Site]:
    """Run a worker with its REST API on the database, and a dashboard before it."""
    behind, port = free_port(), free_port()
    environ = {**place.environ, "HANDLERS_DIR": str(HANDLERS), "API_ENDPOINT": "true", "API_KEY": API_KEY}
    environ |= {"ENSCHEDULE_WORKER_ID": WORKER_ID, "ENSCHEDULE_PORT": str(behind)}
    before = {"WORKER_URL": f"http://127.0.0.1:{behind}", "API_KEY": API_KEY, "ENSCHEDULE_PORT": str(port)}
    with (
        _started(BIN / "enschedule-worker", [], folder / "worker", environ, behind) as worker,
        _started(BIN / "enschedule-dashboard", [], folder / "dashboard", before, port) as dashboard,
    ):
        yield Site(port, (*worker, *dashboard))


@contextmanager
def _started(
    program: Path, words: list[str], folder: Path, environ: Mapping[str, str], port: int
) -> Iterator[tuple[int, ...]]:
    folder.mkdir(parents=True)
    with running([program, *words], folder, environ) as process:
        process.wait_until("the first answer", lambda: _answers(port), seconds=START_SECONDS, every=0.1)
        yield tuple(tree_of(process.process.pid))
        check_log(process)


def _answers(port: int) -> bool:
    try:
        return Browser(port).get("/static/none")[0] in (404, 200)
    except OSError:
        return False


class Browser:
    """One connection that stays open, as a browser's does, and takes answers compressed."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str) -> tuple[int, float, int]:
        """Return the status, the milliseconds to the last byte, and how many bytes came."""
        headers = {"Accept": "text/html,application/json;q=0.9", "Accept-Encoding": "gzip"}
        began = time.perf_counter()
        self._connection.request("GET", path, headers=headers)
        answer = self._connection.getresponse()
        size = len(answer.read())
        return answer.status, 1000 * (time.perf_counter() - began), size

    def took(self, path: str) -> float:
        """Return the milliseconds of an answer with status 200. Raises :class:`MeasureFailed` for another one."""
        status, took, _ = self.get(path)
        if status != 200:
            raise MeasureFailed(f"GET {path}: {status}")
        return took

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
