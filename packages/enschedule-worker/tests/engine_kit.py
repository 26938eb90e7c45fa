"""A real engine on a real database, with clocks moved by hand and turns made by hand."""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from database_kit import Place
from sqlalchemy import insert, select, update

from enschedule_core.actor import Actor, ActorKind
from enschedule_core.clock import parse_instant, to_micros
from enschedule_core.context import Context
from enschedule_core.executor import ExecutorFactory, ExecutorOptions
from enschedule_core.handler import Cancel, Fail, Retry, handler
from enschedule_core.registry import Registry
from enschedule_core.wire.definition import Definition
from enschedule_worker.engine import streams
from enschedule_worker.engine.executor import ThreadExecutor
from enschedule_worker.engine.housekeeping import Housekeeping
from enschedule_worker.engine.loop import Engine
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.service import pausing, runs, schedules
from enschedule_worker.store import census, picking
from enschedule_worker.store import runs as store_runs
from enschedule_worker.store.bindings import Reach
from enschedule_worker.store.clock import Clock, ManualClock
from enschedule_worker.store.holding import Holder
from enschedule_worker.store.models.runs import Output, Run, RunDetail
from enschedule_worker.store.models.schedules import Revision, Schedule, Skip

ACTOR = Actor(ActorKind.LOCAL, "ada")
NOON = to_micros(parse_instant("2026-11-24T12:00:00Z"))
PATIENCE_SECONDS = 60
MINUTE = 60_000_000
DAY_SECONDS = 86_400


def micros(text: str) -> int:
    """Return microseconds of an ISO instant, or of a time on the day that the clocks begin on."""
    return to_micros(parse_instant(text if "T" in text else f"2026-11-24T{text}Z"))


def minutes(*numbers: int) -> list[int]:
    """Return the instants so many minutes after noon."""
    return [NOON + number * MINUTE for number in numbers]


def raiser(problem: BaseException) -> Any:
    def work(_data: Any, _context: Any) -> None:
        print("still printed")
        raise problem

    return work


class Gate:
    """Where a handler waits until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()
        self.contexts: list[Context] = []

    def wait_entered(self) -> Context:
        """Wait until a handler is inside, and return what it was told."""
        assert self.entered.wait(PATIENCE_SECONDS), "no handler came"
        return self.contexts[-1]

    def hold(self, context: Context) -> None:
        """Keep the handler inside."""
        self.contexts.append(context)
        self.entered.set()
        assert self.released.wait(PATIENCE_SECONDS), "nobody opened the gate"

    def open(self) -> None:
        """Let everybody through."""
        self.released.set()


class Handlers:
    """Handlers that do what a test wants; ``calls`` is every call: (handler, data, attempt)."""

    def __init__(self) -> None:
        self.gates: defaultdict[str, Gate] = defaultdict(Gate)
        self.calls: list[tuple[str, Any, int]] = []
        self.custom: dict[str, Callable[[Any, Context], Any]] = {}

    def registry(self) -> Registry:
        """Return a registry with all of them."""
        made = Registry()
        for function in (self.ok, self.fail, self.block, self.obey, self.custom_call):
            name = function.__name__.removesuffix("_call")
            made.register(handler(id=name)(_plain(function)))
        made.register(handler(id="safe", idempotent=True)(_plain(self.block)))
        made.register(handler(id="single", max_running=1)(_plain(self.block)))
        return made

    def _note(self, name: str, data: Any, context: Context) -> None:
        self.calls.append((name, data, context.attempt))

    def ok(self, data: Any, context: Context) -> Any:
        self._note("ok", data, context)
        print(f"ran {data}")
        return data

    def fail(self, data: Any, context: Context) -> None:
        self._note("fail", data, context)
        if "after" in data:
            raise Retry(data["after"])
        if "stop" in data:
            raise Fail(data["stop"])
        if "cancel" in data:
            raise Cancel(data["cancel"])
        raise ValueError("no luck")

    def block(self, data: Any, context: Context) -> Any:
        self._note("block", data, context)
        print("before")
        self.gates[data.get("gate", "gate")].hold(context)
        print("after")
        return data

    def obey(self, data: Any, context: Context) -> None:
        """Stop when told to."""
        self._note("obey", data, context)
        gate = self.gates[data.get("gate", "gate")]
        gate.contexts.append(context)
        gate.entered.set()
        while not context.cancelled and not gate.released.wait(0.005):
            pass
        raise Cancel("stopped half way")

    def custom_call(self, data: Any, context: Context) -> Any:
        self._note("custom", data, context)
        return self.custom[data["name"]](data, context)


def _plain(method: Any) -> Any:
    def function(data: Any, context: Context) -> Any:
        return method(data, context)

    return function


class World:
    """One worker on a database that has its tables. ``advance`` moves both clocks; ``turn`` is one turn."""

    def __init__(
        self,
        place: Place,
        *,
        clock: Clock | None = None,
        handlers: Handlers | None = None,
        worker_id: str = "w1",
        tags: tuple[str, ...] = (),
        places: int = 4,
        executor: ExecutorFactory = ThreadExecutor,
        busy_seconds: float = 5.0,
        **options: Any,
    ) -> None:
        self.clock = clock or ManualClock(NOON)
        self.seconds = 1_000.0  # the monotonic clock
        self.handlers = handlers or Handlers()
        self.registry = self.handlers.registry()
        self.place = place
        self.database = place.open(self.clock, busy_seconds=busy_seconds)
        self.holder = Holder(worker_id, uuid.uuid4().hex, tags)
        self.engine = Engine(
            self.database,
            self.registry,
            executor(ExecutorOptions(self.registry, places)),
            self.holder,
            # Nobody heartbeats here unless the test does, so leases are long unless it says so.
            EngineOptions(**{"lease_seconds": 10_000_000.0, **options}),
            monotonic=lambda: self.seconds,
        )
        card = census.WorkerCard(
            instance_id=self.holder.instance_id,
            id=worker_id,
            title=worker_id,
            host="host",
            pid=7,
            version="0.1.0",
            executor=self.engine.executor.name,
            places=places,
            tags=tags,
        )
        self.housekeeping = Housekeeping(self.engine, card, monotonic=lambda: self.seconds)
        self.housekeeping.register()
        self.engine.executor.start(self.engine._finished)

    def close(self) -> None:
        """Let every handler go, and close the database."""
        for gate in self.handlers.gates.values():
            gate.open()
        self.engine.executor.stop()
        streams.uninstall()
        self.database.dispose()

    # ------------------------------------------------------------ time

    def advance(self, seconds: float) -> None:
        """Let time pass, for the database and for this process."""
        self.clock.advance(seconds=seconds)
        self.seconds += seconds

    def turn(self) -> float:
        """Make one turn; what was ready before it is seen by it."""
        streams.install()  # pytest puts its own streams back after each phase of a test
        self.engine._flag.clear()
        return self.engine.turn()

    def settle(self) -> None:
        """Turn until this worker holds nothing; only for handlers that end by themselves."""
        self.turn()
        while self.engine.in_flight:
            assert self.engine._flag.wait(PATIENCE_SECONDS), "a run does not end"
            self.turn()

    def until(self, condition: Callable[[], Any]) -> None:
        """Turn each time the executor reports something, until ``condition`` holds."""
        self.turn()
        while not condition():
            assert self.engine._flag.wait(PATIENCE_SECONDS), "it does not come true"
            self.turn()

    def go_live(self) -> None:
        """Let the engine's own loop make the turns, by the real clock."""
        self.engine._monotonic = time.monotonic
        streams.install()
        self.engine._thread = threading.Thread(target=self.engine._loop, daemon=True)
        self.engine._thread.start()

    # ------------------------------------------------------------ doing

    def add(self, id: str = "s", schedule: Any = "every minute", handler: str = "ok", **more: Any) -> Any:
        """Make a schedule through the service, and return its row."""
        trigger = "trigger" if isinstance(schedule, dict) else "schedule"
        body = {"id": id, "handler": handler, trigger: schedule, **more}
        schedules.create(self.database, self.registry, ACTOR, Definition.from_wire(body))
        return self.schedule(id)

    def multiply(self, id: str, count: int, *, due_at: int) -> None:
        """Turn one schedule into ``count`` of them (``s``, ``s1``, ``s2`` …) that are due at one instant."""
        due = {"due_at": due_at, "fire_at": due_at}
        row = {**self.schedule(id)._mapping, **due}
        with self.database.write() as tx:
            tx.execute(update(Schedule).where(Schedule.id == id).values(**due))
            revision = dict(tx.execute(select(*Revision.__table__.columns)).one()._mapping)
            copies = [{**row, "key": row["key"] + n, "id": f"{id}{n}"} for n in range(1, count)]
            tx.execute(insert(Schedule), copies)
            tx.execute(insert(Revision), [{**revision, "schedule_key": copy["key"]} for copy in copies])

    def run(self, id: str = "s", **more: Any) -> int:
        """Run a schedule by hand, and return the run's id."""
        found, _ = runs.run_now(self.database, self.registry, ACTOR, id, **more)
        return int(found["id"])

    def cancel(self, run_id: int) -> None:
        """Ask for the end of a run."""
        runs.cancel(self.database, ACTOR, run_id)

    def pause(self, id: str = "s", **more: Any) -> None:
        """Pause a schedule."""
        pausing.pause(self.database, ACTOR, id, **more)

    def resume(self, id: str = "s", **more: Any) -> None:
        """Resume a schedule."""
        pausing.resume(self.database, ACTOR, id, **more)

    def change(self, id: str, **values: Any) -> None:
        """Change columns of a schedule behind the service's back."""
        with self.database.write() as tx:
            tx.execute(update(Schedule).where(Schedule.id == id).values(**values))

    # ------------------------------------------------------------ seeing

    def rows(self, id: str | None = None) -> list[Any]:
        """Return the rows of all runs, or of those of one schedule, oldest first."""
        statement = select(*Run.__table__.columns).order_by(Run.id)
        if id is not None:
            statement = statement.where(Run.schedule_key == self.schedule(id).key)
        with self.database.read() as tx:
            return list(tx.execute(statement))

    def row(self, run_id: int) -> Any:
        """Return the row of a run."""
        return next(row for row in self.rows() if row.id == run_id)

    def statuses(self, id: str | None = None) -> list[str]:
        """Return the statuses of the runs, oldest first."""
        return [row.status for row in self.rows(id)]

    def slots(self, id: str = "s") -> list[int]:
        """Return the slots that became runs, oldest run first."""
        return [row.slot_at for row in self.rows(id) if row.attempt == 1]

    def schedule(self, id: str = "s") -> Any:
        """Return the row of a schedule."""
        with self.database.read() as tx:
            return tx.execute(select(*Schedule.__table__.columns).where(Schedule.id == id)).one()

    def skips(self, id: str = "s") -> list[tuple[str, int, int, int]]:
        """Return (reason, first slot, last slot, count) of each stretch of skipped slots, oldest first."""
        key = self.schedule(id).key
        statement = select(Skip.reason, Skip.first_slot_at, Skip.last_slot_at, Skip.count.label("n"))
        with self.database.read() as tx:
            rows = tx.execute(statement.where(Skip.schedule_key == key).order_by(Skip.id))
            return [(row.reason, row.first_slot_at, row.last_slot_at, row.n) for row in rows]

    def detail(self, run_id: int) -> Any:
        """Return the row of a run's details; ``None`` without."""
        with self.database.read() as tx:
            return tx.execute(select(*RunDetail.__table__.columns).where(RunDetail.run_id == run_id)).first()

    def chunks(self, run_id: int) -> list[tuple[str, str]]:
        """Return (stream, text) of the output of a run's present fence, in order."""
        fence = self.row(run_id).fence
        statement = select(Output.stream, Output.text).where(Output.run_id == run_id, Output.fence == fence)
        with self.database.read() as tx:
            return [(row.stream, row.text) for row in tx.execute(statement.order_by(Output.seq))]

    def printed(self, run_id: int) -> str:
        """Return the output of a run as one text."""
        return "".join(text for _, text in self.chunks(run_id))


def outcome(world: World, data: dict[str, Any], handler: str = "fail", **more: Any) -> Any:
    """Run a handler by hand and return the row of its first attempt."""
    world.add(schedule="manual", handler=handler, data=data, **more)
    run_id = world.run()
    world.settle()
    return world.row(run_id)


def take(tx: Any, holder: Holder, registry: Registry, *, limit: int, lease: int) -> Any:
    """Claim what a worker may claim, and return the rows."""
    chosen = picking.choose(tx, registry.offers(), Reach(holder.worker_id, holder.tags), limit=limit)
    return store_runs.claim(tx, holder, chosen.ids, lease=lease)


def going_on(world: World, handler: str = "block", **more: Any) -> int:
    """Return the id of a run that has just begun."""
    world.add(schedule="* * * * *", handler=handler, **more)
    world.advance(60)
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    return int(world.rows()[0].id)


def reap_after(world: World, seconds: float) -> None:
    """Let only the database's time pass, as for a worker that stands still, and look for lost runs."""
    world.clock.advance(seconds=seconds)
    world.housekeeping.reap()
