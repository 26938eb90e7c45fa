"""One child process, from its worker's side: its pipes, its socket, the run that it has now."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import Any

from enschedule_core.context import Stream
from enschedule_core.executor import HeldRun
from enschedule_core.outcome import Outcome
from enschedule_worker.engine.control import READ_BYTES, Control
from enschedule_worker.engine.frames import BadMessage, Ended, ended_of, pack, pack_call
from enschedule_worker.engine.marks import MarkedOutput, new_token
from enschedule_worker.engine.starting import start

SAID_MAX_BYTES = 65_536
LEFT_IN_A_PIPE_BYTES = 1024 * 1024  # the most that a pipe of Linux holds for an ordinary user
OUTPUT, CONTROL, DEATH, PERMITS = (0, 1), 2, 3, 4
QUICK_SECONDS = 0.001
_PERMIT_VALUES = 256


class State(Enum):
    """What a child does."""

    STARTING = "starting"  # it imports the handlers
    IDLE = "idle"
    BUSY = "busy"
    LEAVING = "leaving"  # takes no more runs: told to end, or killed
    DEAD = "dead"


class ChildProcess:
    """Made by the thread that owns all children; what others may call too, under the executor's lock, stands first.

    A child has at most one run at a time, but while runs are quick it is sent a few ahead. For each run there is a
    permit, a byte in a pipe that both sides read from: the child takes it before it calls the handler, and the worker
    takes back those of runs that must not wait any longer. Whoever has the byte decides; so nobody has to answer.

    ``environ`` is all that the child sees of the environment, ``load`` what it is told first. What can be read of it is
    registered with ``selector``, with (child, number) as its data. After ``runs_left`` runs it should be replaced.
    """

    def __init__(
        self, selector: selectors.BaseSelector, environ: Mapping[str, str], load: Mapping[str, Any], *, runs_left: int
    ) -> None:
        self.state = State.STARTING
        self.since = time.monotonic()  # when it came into this state, or began with its present run
        self.runs_left = runs_left
        self.has_handlers = False  # it was ready once
        self.is_quick = False  # its last run was over at once
        self.trouble: str | None = None  # why its worker had to end it
        self.why: str | None = None  # not to be used again, because
        self.said = b""  # printed without a run
        self._sent: deque[tuple[int, HeldRun]] = deque()  # (permit, run): the one that it has, and those after it
        self._ended: deque[Ended] = deque()
        self._is_loaded = False
        self._next_permit = 0
        self._selector = selector
        self._heeded: set[int] = set()  # the numbers of those that the selector looks at
        token = new_token()
        self._output = MarkedOutput(token)
        self._process, control, out, err, permits, self._give_permit = start(environ)
        self.pid = self._process.pid
        self._control = Control(control, selector, (self, CONTROL))
        self._open = {0: out, 1: err, PERMITS: permits}  # number: descriptor
        if hasattr(os, "pidfd_open"):
            self._open[DEATH] = os.pidfd_open(self.pid)
        for number in (*OUTPUT, DEATH):
            self._listen(number)
        self._control.send(pack(["load", {**load, "token": token.decode()}]))

    # ------------------------------------------------------------ for any thread, under the executor's lock

    @property
    def load(self) -> int:
        """How many runs it has, those that wait in it included."""
        return len(self._sent)

    @property
    def run(self) -> HeldRun | None:
        """The run that it has now."""
        return self._sent[0][1] if self._sent else None

    def give(self, runs: Sequence[HeldRun]) -> None:
        """Have the child run these, which have begun, one after the other."""
        if not self._sent:
            self.state = State.BUSY
            self.since = time.monotonic()
        numbered = [((self._next_permit + n) % _PERMIT_VALUES, run) for n, run in enumerate(runs)]
        self._next_permit += len(runs)
        self._sent.extend(numbered)
        self.runs_left -= len(runs)
        os.write(self._give_permit, bytes(number for number, _ in numbered))
        self._control.send(b"".join(pack_call(number, run.call()) for number, run in numbered))

    def take_back(self, most: int) -> list[HeldRun]:
        """Return up to ``most`` runs that it has not begun with, in their order: it never will now."""
        if most <= 0 or PERMITS not in self._open:
            return []
        try:
            numbers = os.read(self._open[PERMITS], most)
        except BlockingIOError:
            return []
        taken = [run for number, run in self._sent if number in numbers]
        self._sent = deque(one for one in self._sent if one[0] not in numbers)
        self.runs_left += len(taken)
        return taken

    def interrupt(self) -> None:
        """Tell its handler to stop: by message, and by SIGTERM for it and all that it has started."""
        assert self.run is not None
        self.why = "its handler was told to stop"
        self._control.send(pack(["stop", self.run.run_id]))
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child and its group at once."""
        if self.state is not State.DEAD:
            self.state = State.LEAVING
            self._signal(signal.SIGKILL)

    def quit(self) -> None:
        """Let the idle child end by itself."""
        self.state = State.LEAVING
        self.since = time.monotonic()
        self._control.send(pack(["quit"]))

    @property
    def wants_to_send(self) -> bool:
        """True while a message waits for room in the socket."""
        return self._control.waits

    def send_rest(self) -> None:
        """Send more of what waits."""
        self._control.send(b"")

    def _signal(self, number: int) -> None:
        # The id is its own until it was waited for, which happens under the same lock.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    # ------------------------------------------------------------ for the owner

    def read(self, ready: Collection[int]) -> None:
        """Take in what is ready. The socket first: what it says of the outputs is in the pipes already."""
        if CONTROL in ready:
            self._read_control()
        is_complete = self._is_loaded or bool(self._ended)
        for number in OUTPUT:
            if number in ready or (is_complete and not self._output.has_ended(number)):
                self._read_output(number)
        self._output.emit(self._write)
        for number in OUTPUT:
            # What was printed before this on the other pipe was written before: it is there.
            while self._output.waits_for(number) and self._read_output(number):
                self._output.emit(self._write)
        if self._ended and not self._ended[0].is_marked:
            self._read_all_output()

    @property
    def is_ready(self) -> bool:
        """True once its handlers are loaded, until :meth:`next_output`."""
        return self._is_loaded and self._output.ended

    @property
    def has_ended_run(self) -> bool:
        """True if the run's outcome and all of its output are here."""
        return bool(self._ended) and self._output.ended

    def take_ended(self) -> tuple[HeldRun, Outcome]:
        """Return the run that has ended, and how; the next one's turn begins."""
        run, (outcome, _, seconds) = self._sent.popleft()[1], self._ended.popleft()
        run.begin_late(seconds_ago=seconds)  # the child knows best
        if self.run is not None:
            self.since = time.monotonic()
            self.run.begin_late()
        self.next_output()
        return run, outcome

    def next_output(self) -> None:
        """Begin with the next output."""
        self._is_loaded = False
        self._output.next_run()
        for number in self._heeded.intersection(OUTPUT):
            self._heeded.remove(number)
            self._selector.unregister(self._open[number])

    def follow_output(self) -> None:
        """Have the selector tell at once what is printed. Not worth it for a run that is over before one could look."""
        for number in OUTPUT:
            self._listen(number)

    @property
    def is_followed(self) -> bool:
        """True after :meth:`follow_output`, until the run ends."""
        return not self._heeded.isdisjoint(OUTPUT)

    def has_died(self) -> bool:
        """Look whether the process has ended, without waiting for it."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def bury(self) -> int:
        """Take in what the dead child has left, and return its exit code, or minus the signal that ended it.

        Whoever still writes into its pipes is not waited for: what the child itself wrote is in them.
        """
        self._signal(signal.SIGKILL)  # what it has started
        while self._control.is_open and self._read_control():
            pass
        self.state = State.DEAD
        return self._process.wait()

    def close(self) -> None:
        """Read the last of the output, and let go of everything."""
        self._read_all_output()
        for number in list(self._open):
            self._close(number)
        self._control.close()
        os.close(self._give_permit)

    # ------------------------------------------------------------ reading

    def _write(self, stream: Stream, data: bytes) -> None:
        if self.run is not None:
            self.run.write(stream, data)
        elif len(self.said) < SAID_MAX_BYTES:
            self.said += data

    def _read_all_output(self) -> None:
        """Read all that is in the pipes: of the present run, because there are no marks to go by."""
        for number in OUTPUT:
            left = LEFT_IN_A_PIPE_BYTES
            while left > 0 and (read := self._read_output(number)):
                left -= read
        self._output.give_up(self._write)

    def _read_output(self, number: int) -> int:
        """Read once, and return how many bytes there were."""
        if number not in self._open:
            return 0
        try:
            data = os.read(self._open[number], READ_BYTES)
        except BlockingIOError:
            return 0
        if data:
            self._output.feed(number, data)
        else:
            self._close(number)  # the handler has closed all that it had of it
        return len(data)

    def _read_control(self) -> int:
        data = self._control.read()
        if data is None:
            return 0
        if not data:
            self._control.close()
            self.kill()  # nobody will hear from it again
            return 0
        try:
            for message in self._control.messages(data):
                self._heard(message)
        except (BadMessage, TypeError, ValueError, LookupError) as problem:
            self.trouble = f"it sent what is no message ({problem})"
            self.kill()
        return len(data)

    def _heard(self, message: list[Any]) -> None:
        if message[0] == "ready":
            self._is_loaded = self.has_handlers = True
            return
        run = self._sent[len(self._ended)][1]
        if message[1] != run.run_id:
            raise BadMessage(f"{message[0]} of a run that it does not have")
        if message[0] == "progress":
            run.progress(float(message[2]), str(message[3]))
        elif message[0] == "ended":
            self._ended.append(ended_of(message))
            self.why = self.why or message[4]
            self.is_quick = message[5] < QUICK_SECONDS

    def _listen(self, number: int) -> None:
        if number in self._open and number not in self._heeded:
            self._heeded.add(number)
            self._selector.register(self._open[number], selectors.EVENT_READ, (self, number))

    def _close(self, number: int) -> None:
        fd = self._open.pop(number)
        if number in self._heeded:
            self._heeded.remove(number)
            self._selector.unregister(fd)
        os.close(fd)
