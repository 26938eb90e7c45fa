"""Schedules one by one: their rows, revisions and tags."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, delete, insert, select, update

from enschedule_core.actor import Scope
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.schedules import Revision, Schedule, ScheduleTag
from enschedule_worker.store.schedule_rows import visible, whole, within
from enschedule_worker.store.tables import table_of

DELETED_MARK = "~"
UNDO_SECONDS = 7 * 86_400
"""For how long a deletion can be undone."""
# Made once: to put a statement together takes longer than to run it, and an apply of files runs each a thousand times.
_INSERT_SCHEDULE = insert(table_of(Schedule))
_INSERT_REVISION = insert(table_of(Revision))
_INSERT_TAG = insert(table_of(ScheduleTag))
_DELETE_TAGS = delete(table_of(ScheduleTag)).where(table_of(ScheduleTag).c.schedule_key == bindparam("key"))
_TAKEN = select(table_of(Schedule).c.key).where(table_of(Schedule).c.id == bindparam("id"))
_MOST_REVISIONS = 2**31 - 1


def get(tx: Transaction, schedule_id: str, scope: Scope, *, lock: bool = False) -> Row[Any] | None:
    """Return one whole row (see :func:`store.schedule_lists.page`); ``lock`` holds it until the transaction ends."""
    # SQLite locks no rows: the transaction has the whole file.
    if lock and tx.dialect != "sqlite" and tx.execute(_one(scope, is_lock=True), {"id": schedule_id}).first() is None:
        return None
    there = (schedule_id, scope)
    return tx.seen("schedule", there, lambda: tx.execute(_one(scope), {"id": schedule_id, "now": tx.now}).first())


@lru_cache(maxsize=64)
def _one(scope: Scope, *, is_lock: bool = False) -> Select[Any]:
    """Return the statement for the row with the parameter ``id``, in ``scope``."""
    statement = select(Schedule.key).with_for_update() if is_lock else whole()
    return statement.where(Schedule.id == bindparam("id"), visible(scope))


@lru_cache(maxsize=64)
def _key(scope: Scope) -> Select[Any]:
    return select(Schedule.key).where(Schedule.id == bindparam("id"), visible(scope))


def find_key(tx: Transaction, schedule_id: str, scope: Scope) -> int | None:
    """Return the key of the schedule that has this id, else of the one deleted last that had it."""
    here = tx.seen("schedule key", (schedule_id, scope), lambda: tx.execute(_key(scope), {"id": schedule_id}).scalar())
    if here is not None:
        return int(here)
    gone = deleted(tx, schedule_id, scope)
    return None if gone is None else int(gone.key)


def deleted(tx: Transaction, schedule_id: str, scope: Scope) -> Row[Any] | None:
    """Return the row of the schedule deleted last that had this id."""
    statement = select(*Schedule.__table__.columns).where(
        Schedule.id.startswith(f"{schedule_id}{DELETED_MARK}", autoescape=True), Schedule.deleted_at.is_not(None)
    )
    statement = statement.where(within(Schedule.group_id, scope))
    return tx.execute(statement.order_by(Schedule.deleted_at.desc(), Schedule.key.desc()).limit(1)).first()


def add(tx: Transaction, values: Mapping[str, Any], tags: tuple[str, ...]) -> int:
    """Insert a schedule with the columns ``values`` and return its key."""
    key = tx.execute(_INSERT_SCHEDULE, dict(values)).inserted_primary_key
    if key is None:
        raise RuntimeError("the database did not say which key the schedule got")
    _add_tags(tx, int(key[0]), tags)
    return int(key[0])


def change(tx: Transaction, key: int, values: Mapping[str, Any]) -> None:
    """Set columns of a schedule; the caller has locked its row."""
    if tx.execute(update(Schedule).where(Schedule.key == key).values(**values)).rowcount != 1:
        raise RuntimeError(f"the schedule with the key {key} is gone")


def replace_tags(tx: Transaction, key: int, tags: tuple[str, ...]) -> None:
    """Make ``schedule_tags`` say what the schedule's ``tags`` say."""
    tx.execute(_DELETE_TAGS, {"key": key})
    _add_tags(tx, key, tags)


def _add_tags(tx: Transaction, key: int, tags: tuple[str, ...]) -> None:
    if tags:
        tx.execute(_INSERT_TAG, [{"tag": tag, "schedule_key": key} for tag in tags])


def add_revision(
    tx: Transaction, key: int, revision: int, *, data: str, env: str | None, definition: str, saved_by: str
) -> None:
    """Keep a definition as it was saved; runs point at it."""
    said = {"data": data, "env": env, "definition": definition, "saved_at": tx.now, "saved_by": saved_by}
    tx.execute(_INSERT_REVISION, {"schedule_key": key, "revision": revision, **said})


def revisions(tx: Transaction, key: int, *, limit: int, before: int | None = None) -> list[Row[Any]]:
    """Return up to ``limit`` revisions, newest first: revision, data, definition, saved_at, saved_by."""
    return list(
        tx.execute(
            select(*Revision.__table__.columns)
            .where(Revision.schedule_key == key, Revision.revision < (before or _MOST_REVISIONS))
            .order_by(Revision.revision.desc())
            .limit(limit)
        )
    )


def revision(tx: Transaction, key: int, number: int) -> Row[Any] | None:
    """Return one revision, if it was kept."""
    where = (Revision.schedule_key == key, Revision.revision == number)
    return tx.execute(select(*Revision.__table__.columns).where(*where)).first()


def id_taken(tx: Transaction, schedule_id: str) -> bool:
    """Return whether a schedule, visible to the asker or not, has this id."""
    return tx.execute(_TAKEN, {"id": schedule_id}).first() is not None
