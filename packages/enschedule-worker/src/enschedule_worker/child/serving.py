"""The loop of a child: load the handlers, then call one after the other and say how each ended."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from types import FrameType
from typing import Any

from enschedule_core import kept
from enschedule_core.context import Stream
from enschedule_core.failure import one_line, unset_variable
from enschedule_core.outcome import Outcome
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind
from enschedule_core.source import Source
from enschedule_worker.child import tether
from enschedule_worker.child.leftovers import Surroundings
from enschedule_worker.child.output import Outputs, RunLog
from enschedule_worker.engine.frames import Unpacker, call_of, outcome_to_wire, pack

_READ_BYTES = 65_536
AGAIN_SECONDS = 0.005
_OURS = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - as code objects spell it
_OUT_OF_MEMORY = "the run took all the memory that it may"


class Stopped(BaseException):
    """Raised in a handler that is told to stop and does not look at ``context.cancelled``, so that it can clean up."""


class Control:
    """The socket to the worker. ``take`` waits for a message; ``peek`` takes in what is there already."""

    def __init__(self, control: socket.socket, permits_fd: int) -> None:
        self._socket = control
        self._permits_fd = permits_fd
        self._permit: int | None = None
        self._unpacker = Unpacker()
        self._inbox: deque[list[Any]] = deque()
        self._reading = threading.Lock()
        self._writing = threading.Lock()

    def take(self) -> list[Any]:
        """Return the next message; the process ends if there will be none."""
        while not self._inbox:
            self._read(0)
        return self._inbox.popleft()

    def may_run(self, permit: int) -> bool:
        """Take the permit of a run; False if the worker has taken that back, and the run with it."""
        if self._permit is None:
            try:
                self._permit = os.read(self._permits_fd, 1)[0]
            except BlockingIOError:
                return False
        if self._permit != permit:
            return False  # it is that of a later run
        self._permit = None
        return True

    def told_to_stop(self, run_id: int) -> bool:
        """Return whether a message says that this run should stop."""
        with self._reading:
            with contextlib.suppress(BlockingIOError):
                self._read(socket.MSG_DONTWAIT)
            return ["stop", run_id] in self._inbox

    def _read(self, flags: int) -> None:
        data = self._socket.recv(_READ_BYTES, flags)
        if not data:
            os._exit(0)  # the worker has gone
        self._inbox.extend(self._unpacker.feed(data))

    def send(self, message: list[Any]) -> None:
        """Send a message; the process ends if that cannot be."""
        with self._writing:
            self._socket.sendall(pack(message))


class Child:
    """One run at a time; also the channel that its handler talks through."""

    def __init__(self, control: Control) -> None:
        self._control = control
        kind, options = control.take()
        assert kind == "load"
        self._outputs = Outputs(options["token"].encode("latin-1"))
        logging.root.addHandler(RunLog(self._outputs))
        logging.root.setLevel(options["log_level"])
        sys.path.extend(path for path in options["path"] if path not in sys.path)
        self._withheld: frozenset[str] = frozenset(options["withheld"])
        self._memory_max_bytes: int = options["memory_max_bytes"]
        self._out_of_memory = self._is_spoilt = False
        self._pid = os.getpid()
        self._run_id: int | None = None
        self._told = False
        self._looks = False
        self._stop_waits = False  # a stop came in the middle of our own code, and is raised as soon as that is through
        self._outputs.after_write = self._stop_now
        signal.signal(signal.SIGTERM, self._heard)
        for folder, texts in options["texts"].items():
            kept.keep(folder, {path: text.encode("latin-1") for path, text in texts.items()})
        self._registry = Registry.load(Source.from_dict(raw) for raw in options["sources"])
        if self._memory_max_bytes:
            _limit_memory(self._memory_max_bytes)
        gc.collect()
        gc.freeze()
        for one in threading.enumerate():
            if isinstance(one, threading.Timer):
                one.join(1)  # those that watched over the imports, or the first thread left behind would go unseen
        self._surroundings = Surroundings()

    def serve(self) -> None:
        """Run what the worker sends until it says that it is enough."""
        self._outputs.end()
        self._control.send(["ready"])
        while True:
            message = self._control.take()
            if message[0] == "run":
                # After a run that has spoilt this process, it only waits for its end.
                if not self._is_spoilt and self._control.may_run(message[1]):
                    self._run(message)
            elif message[0] == "quit":
                return

    def _run(self, message: list[Any]) -> None:
        call = call_of(message)
        self._told = self._looks = self._stop_waits = False
        began = time.perf_counter()
        try:
            self._run_id = call.run_id
            if call.env is not None:
                _set_environment(call.env)
            outcome = call.perform(self._registry, self, hint=self._hint)
        finally:
            self._run_id = None
        if os.getpid() != self._pid:
            os._exit(outcome.exit_code or 0)  # a fork of the handler has come back here
        if outcome.kind is OutcomeKind.NO_HANDLER:
            outcome = self._missing(outcome)
        leftover = self._surroundings.restore()
        if call.env is not None:
            time.tzset()
        marked = self._outputs.end()
        why = leftover or (None if marked else "the run closed descriptors that are not its own")
        if self._out_of_memory:
            why = _OUT_OF_MEMORY
        if self._told:
            why = why or "it was told to stop"
        self._is_spoilt = why is not None
        seconds = time.perf_counter() - began
        self._control.send(["ended", call.run_id, outcome_to_wire(outcome), marked, why, seconds])

    # ------------------------------------------------------------ messages

    def _hint(self, error: BaseException) -> str:
        """Return which setting would have helped."""
        if isinstance(error, MemoryError):
            self._out_of_memory = True
            if self._memory_max_bytes:
                return f" - a run may take {self._memory_max_bytes:,} bytes here (ENSCHEDULE_MEMORY_MAX_BYTES)"
        name = unset_variable(error)
        if name is None:
            return ""
        if name in self._withheld:
            return (
                f" - the worker's environment has {name}, but handlers do not see it: "
                f"add it to ENSCHEDULE_HANDLER_ENV, and start the worker again"
            )
        return (
            f" - the environment variable {name} is not set: set it for the worker, "
            f"add it to ENSCHEDULE_HANDLER_ENV, and start the worker again"
        )

    def _missing(self, outcome: Outcome) -> Outcome:
        """Say so if the plugin could be loaded in the worker, but not here for want of a variable."""
        unseen = sorted(name for name in self._withheld if repr(name) in (outcome.message or ""))
        if not unseen:
            return outcome
        hint = f" Handlers do not see {unseen[0]}: add it to ENSCHEDULE_HANDLER_ENV, and start the worker again."
        return replace(outcome, message=one_line((outcome.message or "") + hint))

    # ------------------------------------------------------------ being told to stop

    def _heard(self, _number: int, frame: FrameType | None) -> None:
        """SIGTERM: a handler that looks at ``context.cancelled`` ends by itself, another one is interrupted."""
        if os.getpid() != self._pid:
            os._exit(128 + signal.SIGTERM)
        self._told = True
        if self._run_id is None or self._looks:
            return
        self._stop_waits = True
        if frame is not None and frame.f_code.co_filename.startswith(_OURS):
            # Half a message or one mark of two would be the end of all understanding. A handler that does little but
            # print is told at the end of what it writes, any other one shortly.
            threading.Timer(AGAIN_SECONDS, self._tell_again).start()
        else:
            self._stop_now()

    def _tell_again(self) -> None:
        if self._stop_waits:
            os.kill(self._pid, signal.SIGTERM)

    def _stop_now(self) -> None:
        """Raise :class:`Stopped` in the handler if it is to stop and was not told yet."""
        if self._stop_waits and threading.current_thread() is threading.main_thread():
            self._stop_waits = False
            if self._run_id is not None and not self._looks:
                raise Stopped("told to stop (SIGTERM)")

    # ------------------------------------------------------------ enschedule_core.context.Channel

    def write(self, stream: Stream, data: bytes) -> None:
        """Write to the run's output."""
        self._outputs.write(stream, data)

    def progress(self, fraction: float, text: str) -> None:
        """Report progress."""
        self._control.send(["progress", self._run_id, fraction, text])
        self._stop_now()

    @property
    def cancelled(self) -> bool:
        """True once the handler should stop."""
        self._looks = True
        if not self._told and self._run_id is not None:
            self._told = self._control.told_to_stop(self._run_id)
        return self._told


def _set_environment(env: str) -> None:
    """Set the variables of the run's schedule; afterwards they are taken back with whatever the handler has set."""
    os.environ.update(json.loads(env))
    time.tzset()


def _limit_memory(limit: int) -> None:
    """Bound what this process may allocate. Of each kind of limit only the hard one below ours stays as it is."""
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, hard = resource.getrlimit(kind)
    most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(kind, (most, hard))


def serve(control: socket.socket, permits_fd: int) -> None:
    """Be a child until the worker has had enough, or is gone."""
    control.set_inheritable(False)
    os.set_inheritable(permits_fd, False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable(file=2, all_threads=False)  # a segmentation fault then says where in Python it was
    tether.watch(control)
    Child(Control(control, permits_fd)).serve()
