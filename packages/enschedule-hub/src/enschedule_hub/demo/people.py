"""Who does something to the shop's schedules, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from enschedule_core.actor import Actor, ActorKind
from enschedule_core.clock import to_micros
from enschedule_worker.store.clock import ManualClock
from enschedule_worker.store.database import Database

_ADDRESSES = {"ada": "10.0.4.11", "olaf": "10.0.4.23", "vera": "10.0.7.5", "edith": "10.0.4.40", "deploys": "10.0.9.2"}


def person(name: str) -> Actor:
    """Return somebody of the shop; ``deploys`` is a program with a key."""
    kind = ActorKind.KEY if name == "deploys" else ActorKind.SESSION
    return replace(Actor(kind, name), address=_ADDRESSES.get(name))


def stand_at(database: Database, at: datetime) -> None:
    """Let the database's clock stand at an instant."""
    database.clock = ManualClock(to_micros(at))
