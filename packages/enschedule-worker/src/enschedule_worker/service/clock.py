"""What time it is, by the one clock that decides."""

from __future__ import annotations

from datetime import datetime

from enschedule_core.actor import Actor
from enschedule_core.clock import from_micros
from enschedule_worker.service.access import reading
from enschedule_worker.store.database import Database


def server_time(database: Database, actor: Actor) -> datetime:
    """Return the present instant by the database's clock."""
    with reading(database, actor) as tx:
        return from_micros(tx.now)
