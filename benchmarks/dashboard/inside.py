"""What a page asks: how many calls of the REST API and statements of SQL, and what the statements alone take."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from flask import request_started
from sqlalchemy import select

from benchmarks.competitors.own_database import HANDLERS, Place
from benchmarks.competitors.own_reads import heard, replay
from benchmarks.dashboard.visits import CALLS, PAGES, Known, Visit
from benchmarks.measures import MeasureFailed
from enschedule_dashboard.main import pages_over, read_plan
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.store import census
from enschedule_worker.store.models.runs import Output, Run
from enschedule_worker.store.models.schedules import Schedule

TIMES = 9
SAMPLES = 40


@dataclass(frozen=True, slots=True)
class Asked:
    """What one page asks: ``calls`` of the API, ``statements``, and the shortest time of these in milliseconds."""

    calls: int
    statements: int
    sql_ms: float


@contextmanager
def opened(place: Place) -> Iterator[Worker]:
    """Give a worker on the database that runs nothing, but counts as one that does."""
    worker = build_worker(_plan(place).worker)
    card = census.WorkerCard(
        instance_id=worker.instance_id, id="measured", title="", host="", pid=1, version="", executor="", places=8,
        heartbeat_seconds=3600,
    )  # fmt: skip
    with worker.database.write() as tx:
        census.register(tx, card, worker.registry)
    try:
        yield worker
    finally:
        with worker.database.write() as tx:
            census.forget(tx, worker.instance_id)
        worker.close()


def _plan(place: Place) -> Any:
    return read_plan({**place.environ, "HANDLERS_DIR": str(HANDLERS)})


def look_up(place: Place, worker: Worker) -> Known:
    """Return what the visits need to know of the database."""
    pages = pages_over(lambda: worker, _plan(place)).test_client()
    with worker.database.read() as tx:
        chosen = select(Schedule.id).where(Schedule.id.like("listed-%"), Schedule.paused.is_(False))
        schedules = tx.execute(chosen.order_by(Schedule.key).limit(SAMPLES)).scalars().all()
        newest = tx.execute(select(Run.id).order_by(Run.id.desc()).limit(SAMPLES)).scalars().all()
        printed = tx.execute(select(Output.run_id).where(Output.fence == 7).limit(1)).scalar_one()
        failed = tx.execute(select(Run.id).where(Run.status == "failed").order_by(Run.id.desc()).limit(1)).scalar_one()
        ran_by = tx.execute(select(Run.worker_id).where(Run.id == failed)).scalar_one()
    cursors = [_cursor(pages.get(f"/{name}").get_data(as_text=True)) for name in ("schedules", "runs")]
    return Known(schedules, newest, printed, failed, str(ran_by), *cursors)


def _cursor(page: str) -> str:
    """Return where the link to the second page of a list leads."""
    found = re.search(r'href="[^"]*[?&;]cursor=([^"&]+)', page)
    if found is None:
        raise MeasureFailed("the list has no second page")
    return unquote(found[1])


def ask(place: Place, worker: Worker, known: Known) -> dict[str, Asked]:
    """Return what each page and each call asks, by its name."""
    calls: list[str] = []
    pages = pages_over(lambda: worker, _plan(place)).test_client()
    api = worker.app.test_client()

    def counted(_app: object) -> None:
        calls.append("")

    with request_started.connected_to(counted, worker.app):
        found = {visit.name: _asked(worker, visit, known, pages.get, calls) for visit in PAGES}
        found |= {visit.name: _asked(worker, visit, known, api.get, calls) for visit in CALLS}
    return found


def _asked(worker: Worker, visit: Visit, known: Known, get: Callable[[str], Any], calls: list[str]) -> Asked:
    for number in range(2):  # what is put together or looked up once is not what a page costs
        answer = get(visit.path(known, number))
        if answer.status_code != 200:
            raise MeasureFailed(f"GET {visit.path(known, number)}: {answer.status}")
    calls.clear()
    with heard(worker.database.engine) as statements:
        get(visit.path(known, 2))
    raw = worker.database.engine.raw_connection()
    try:
        took = 1000 * min(replay(raw, statements) for _ in range(TIMES))  # the rest is waiting for a processor
    finally:
        raw.close()
    return Asked(len(calls), len(statements), took)
