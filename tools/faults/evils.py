"""What is done to workers and to their database's server: each evil, and how the victims come back."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from faults.asking import Worker
from faults.databases import Database
from faults.programs import Program
from faults.servers import Server


def running(worker: Worker) -> Program:
    """Return the process of a worker that was started."""
    assert worker.program is not None
    return worker.program


class Evils:
    """Does evil to ``workers``, never to all at once, and counts it in ``did``; ``fault`` is told what may not be."""

    def __init__(
        self,
        workers: Sequence[Worker],
        folder: Path,
        database: Database,
        server: Server | None,
        *,
        chances: random.Random,
        did: Counter[str],
        fault: Callable[[str], None],
    ) -> None:
        self.workers = workers
        self.server_harmed = False
        self._folder = folder
        self._database = database
        self._server = server
        self._random = chances
        self._did = did
        self._fault = fault
        self._later: list[tuple[float, Callable[[], None]]] = []

    def do(self, evil: str) -> None:
        """Do one: ``kill``, ``stop`` or ``freeze`` a worker, restart the ``server``, or let slots come ``again``."""
        {
            "kill": self._kill,
            "stop": self._stop,
            "freeze": self._freeze,
            "server": self._restart_server,
            "again": self._again,
        }[evil]()

    def do_what_is_due(self) -> None:
        """Do what was put off until now, and start workers again that have ended by themselves."""
        now = time.monotonic()
        due = [action for at, action in self._later if at <= now]
        self._later = [(at, action) for at, action in self._later if at > now]
        for action in due:
            action()
        for worker in self.workers:
            if worker.busy_until <= now and running(worker).process.poll() is not None:
                self._ended_by_itself(worker)

    def _ended_by_itself(self, worker: Worker) -> None:
        program = running(worker)
        if program.process.returncode == 2 and "Traceback" not in program.log:
            self._did["refused starts"] += 1  # the server was away when it began: it says so and ends
        else:
            self._fault(f"{worker.name} ended by itself with {program.process.returncode}: {program.log[-1500:]}")
        self.start(worker)

    # ------------------------------------------------------------ the processes

    def start(self, worker: Worker) -> None:
        """Start the worker's process; again, on the same port, if there was one."""
        port = {} if worker.program is None else {"PORT": str(worker.program.port)}
        worker.program = Program(self._folder, "worker", database=self._database, **worker.environ, **port)
        worker.starts += 1
        worker.busy_until = 0.0

    def _victim(self) -> Worker | None:
        free = [worker for worker in self.workers if worker.busy_until <= time.monotonic()]
        if len(free) < 2:  # somebody has to go on, or nothing is proved
            return None
        chosen = self._random.choice(free)
        chosen.harmed = True
        chosen.busy_until = float("inf")
        return chosen

    def _in(self, seconds: float, action: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, action))

    # ------------------------------------------------------------ evils

    def _kill(self) -> None:
        if (worker := self._victim()) is not None:
            self._did["kills"] += 1
            running(worker).kill()
            self._in(self._random.uniform(0.1, 2), lambda: self.start(worker))

    def _stop(self) -> None:
        if (worker := self._victim()) is not None:
            self._did["stops"] += 1
            program = running(worker)
            runs = program.log.count(f"Worker {worker.name} runs") == worker.starts  # else the signal comes too soon
            program.signal(signal.SIGTERM)
            self._in(1, lambda: self._stopped(worker, time.monotonic() + 30, 0 if runs else -signal.SIGTERM))

    def _stopped(self, worker: Worker, until: float, code: int) -> None:
        program = running(worker)
        if program.process.poll() is None and time.monotonic() < until:
            self._in(0.5, lambda: self._stopped(worker, until, code))
            return
        if program.process.returncode not in (0, code) and not self.server_harmed:
            self._fault(f"{worker.name}: SIGTERM ended it with {program.process.returncode}: {program.log[-1500:]}")
        program.kill()
        self.start(worker)

    def _freeze(self) -> None:
        if (worker := self._victim()) is not None:
            self._did["freezes"] += 1
            running(worker).signal(signal.SIGSTOP, group=True)
            # Not by this thread, which may itself wait for what the frozen one has locked.
            timer = threading.Timer(self._random.uniform(1, 5), self._thaw, [worker])
            timer.daemon = True
            timer.start()

    def _thaw(self, worker: Worker) -> None:
        running(worker).signal(signal.SIGCONT, group=True)
        worker.busy_until = time.monotonic() + 1

    def _restart_server(self) -> None:
        assert self._server is not None
        self._did["restarts"] += 1
        self.server_harmed = True
        if self._random.random() < 0.5:
            self._server.kill()
        else:
            self._server.stop()
        time.sleep(self._random.choice((0.1, 1.0, 3.5)))
        self._server.start()

    def _again(self) -> None:
        """Let slots of one schedule come again, as they do from a backup, or where a clock is set back."""
        self._did["again"] += 1
        self._database.change("UPDATE schedules SET due_at = due_at - 3000000, fire_at = 1 WHERE id = 'again'")
