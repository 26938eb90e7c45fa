"""What the routes stand on, and who is asking."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app, g

from enschedule_core.actor import Actor
from enschedule_core.registry import Registry
from enschedule_worker.service.marks import AllMarks
from enschedule_worker.service.metrics import Meter
from enschedule_worker.service.retention import Keep
from enschedule_worker.service.sign_on import SignOn
from enschedule_worker.service.stats import Size
from enschedule_worker.service.users import Accounts
from enschedule_worker.store.database import Database

EXTENSION = "enschedule_api"
BODY_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AuthPolicy:
    """Who gets in; decided once, from the address that the server is bound to.

    ``api_key`` is never empty: without a setting, a random one is made at start. ``trusted_hosts`` are
    the names that a ``Host`` header may have; empty means any. ``password_login`` says whether accounts log in with
    a password, ``sign_on`` is the provider that they log in at.
    """

    api_key: str = field(repr=False)
    bound_to_loopback: bool
    trusted_hosts: tuple[str, ...] = ()
    password_login: bool = True
    sign_on: SignOn | None = None

    def __post_init__(self) -> None:
        """Refuse an empty key, which would let in whoever sends none."""
        if not self.api_key:
            raise ValueError("api_key must not be empty; make a random one where none is set")


class Bell:
    """Wakes requests that wait for something to change in the database of this process."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._count = 0
        self.is_muted = False

    @property
    def count(self) -> int:
        """How often it rang; remember it before looking, and pass it to :meth:`wait`."""
        return self._count

    def ring(self) -> None:
        """Wake everybody."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    def mute(self) -> None:
        """Wake everybody, and let nobody wait any more: the server stops, and open requests would hold it up."""
        self.is_muted = True
        self.ring()

    def unmute(self) -> None:
        """Let requests wait again."""
        self.is_muted = False

    def wait(self, seen: int, seconds: float) -> None:
        """Wait until it rings again after ``seen``, at most that long."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)


@dataclass(frozen=True, slots=True)
class ApiContext:
    """What the routes need of the process they run in.

    ``engine_ready`` says whether the engine runs, and a sentence about it; a process without one says so.
    ``settings`` are those in force, as the API shows them. ``read_only`` refuses every route that changes something.
    """

    database: Database
    registry: Registry
    auth: AuthPolicy
    engine_ready: Callable[[], tuple[bool, str]]
    version: str
    default_timezone: str = "UTC"
    keep: Keep = field(default_factory=Keep)
    size: Size = field(default_factory=Size)
    bell: Bell = field(default_factory=Bell)
    accounts: Accounts = field(default_factory=Accounts)
    meter: Meter = field(default_factory=Meter)
    marks: AllMarks = field(default_factory=AllMarks)
    settings: tuple[Mapping[str, Any], ...] = ()
    read_only: bool = False


def context() -> ApiContext:
    """Return the context of the app that handles this request."""
    return cast("ApiContext", current_app.extensions[EXTENSION])


def actor() -> Actor:
    """Return who makes this request."""
    return cast("Actor", g.actor)
