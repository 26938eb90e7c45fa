"""The contract between a worker and what runs its handlers: threads, child processes, or a plugin's own way.

A plugin implements :class:`Executor` and registers a factory in the hook ``enschedule_register_executors``; then
``ENSCHEDULE_EXECUTOR`` may name it. ``enschedule_worker.testing.EXECUTOR_CHECKS`` are the rules below as tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from enschedule_core.clock import from_micros
from enschedule_core.context import Channel, Context
from enschedule_core.errors import Conflict
from enschedule_core.failure import environment_hint
from enschedule_core.masking import NOTHING, Mask
from enschedule_core.outcome import Outcome, perform
from enschedule_core.registry import Registry

_NAME = re.compile(r"[a-z][a-z0-9-]{0,49}")


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is called with. Instants are microseconds since 1970, UTC; ``data`` is JSON text.

    ``env`` is a JSON object of environment variables that the handler sees besides those of its process, or ``None``;
    an executor that cannot give it these must not call it. ``secrets`` is a JSON list of the values in ``data`` and
    ``env`` that nobody may see: :meth:`perform` takes them out of the outcome, the worker out of what is written.

    Every member is a text, a number or ``None``, so that a call can be sent anywhere.
    """

    run_id: int
    handler_id: str
    version: int
    data: str = field(repr=False)
    attempt: int = 1
    slot_at: int | None = None
    schedule_id: str | None = None
    deadline: int | None = None
    idempotency_key: str | None = None
    env: str | None = field(default=None, repr=False)
    secrets: str | None = field(default=None, repr=False)

    def perform(
        self, registry: Registry, channel: Channel, *, hint: Callable[[BaseException], str] = environment_hint
    ) -> Outcome:
        """Call the handler here, with a context that talks through ``channel``; see :func:`outcome.perform`."""
        return perform(
            registry,
            handler_id=self.handler_id,
            version=self.version,
            data=json.loads(self.data),
            context=Context(
                channel,
                run_id=self.run_id,
                attempt=self.attempt,
                slot_at=None if self.slot_at is None else from_micros(self.slot_at),
                schedule_id=self.schedule_id,
                deadline=None if self.deadline is None else from_micros(self.deadline),
                idempotency_key=self.idempotency_key,
            ),
            hint=hint,
            mask=NOTHING if self.secrets is None else Mask(json.loads(self.secrets)),
        )


class HeldRun(Channel, Protocol):
    """A run that the worker holds, as an executor sees it.

    It is also the channel that its handler talks through: ``write(stream, data)`` captures output, ``progress`` notes
    how far it is, and ``cancelled`` turns true when the handler should stop. All of it may be called by any thread.
    """

    @property
    def run_id(self) -> int:
        """The id of the run."""

    def begin(self) -> bool:
        """Say that the handler is called now, which starts its deadline; False if the run was taken back."""

    def begin_late(self, *, seconds_ago: float = 0.0) -> None:
        """Say that the handler was called only now, or so long ago, and not at :meth:`begin`: its deadline moves."""

    def put_back(self) -> bool:
        """Take :meth:`begin` back, because the handler was not called and is not going to be before it is asked again.

        False if the worker has ended the run meanwhile: then it is to be :data:`Finished`.
        """

    def call(self) -> Call:
        """Return what to call. Asked after :meth:`begin`, because the deadline is known only then."""


Finished = Callable[[HeldRun, Outcome], None]


class Executor(Protocol):
    """Runs held runs, at most ``places`` at once.

    - ``submit`` may be called by any thread; runs begin in the order of submitting.
    - For each run ``begin()`` is asked before its handler is called, which it is only once. If it says False, the run
      is dropped without a word, and the next one begins.
    - ``finished(run, outcome)`` is called once for every run that has begun, by any thread, when its place is free
      again: when the handler has returned or is dead, also if the worker has ended the run meanwhile.
    - Before ``finished``, all that the handler wrote has gone to ``run.write``, in order; after it, nothing does.
    - ``outcome`` is what :meth:`Call.perform` returns, or a failure that says what became of the handler.
    """

    #: what ``ENSCHEDULE_EXECUTOR`` calls it
    name: str
    places: int
    #: True if :meth:`kill` ends a handler whatever it does
    kills: bool

    def start(self, finished: Finished) -> None:
        """Get ready; called once, before anything else. Must not wait for slow imports of handlers."""

    def submit(self, run: HeldRun) -> None:
        """Run it as soon as a place is free."""

    def interrupt(self, run: HeldRun) -> None:
        """Bring it to the handler that ``run.cancelled`` is true now. For a run that has not begun: nothing."""

    def kill(self, run: HeldRun) -> None:
        """End the handler, before this returns if that can be; ``finished`` follows. Without ``kills``: nothing."""

    def refresh(self) -> None:
        """Use the handlers that the registry has now for all runs that begin from here on; others go on as they are."""

    def stop(self) -> None:
        """Take nothing more. Handlers that still run are killed, or without ``kills`` left alone."""


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """What a worker tells the factory of its executor.

    ``environ`` is what handlers may see of the worker's environment, ``withheld`` the names of the rest of it, for
    messages. ``memory_max_bytes`` and ``runs_per_child`` are the settings of that name; 0 is no limit.
    """

    registry: Registry
    places: int
    environ: Mapping[str, str] = field(default_factory=dict)
    withheld: frozenset[str] = frozenset()
    memory_max_bytes: int = 0
    runs_per_child: int = 0


ExecutorFactory = Callable[[ExecutorOptions], Executor]


class ExecutorRegistration:
    """Collects factories by name; what ``enschedule_register_executors`` is given."""

    def __init__(self) -> None:
        self._factories: dict[str, ExecutorFactory] = {}

    def register(self, name: str, factory: ExecutorFactory) -> None:
        """Offer an executor as ``name`` (lower-case letters, digits, ``-``); a name that is taken is a conflict.

        ``factory`` is called once, when the worker is built; what is wrong with the settings it raises as
        :class:`enschedule_core.errors.ConfigurationError`.
        """
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"an executor's name has lower-case letters, digits and '-', at most 50, not {name!r}")
        if name in self._factories:
            raise Conflict(f"There is an executor {name} already.")
        self._factories[name] = factory

    def names(self) -> tuple[str, ...]:
        """Return the names that are known, sorted."""
        return tuple(sorted(self._factories))

    def find(self, name: str) -> ExecutorFactory | None:
        """Return the factory of ``name``, or ``None``."""
        return self._factories.get(name)
