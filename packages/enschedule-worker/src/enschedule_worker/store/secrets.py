"""Secrets: sealed values by name, which schedules refer to them, and all else in the database that is sealed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from enschedule_core.secret import SEALED
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.models.people import Group
from enschedule_worker.store.models.runs import Run, RunDetail
from enschedule_worker.store.models.schedules import Revision, Schedule
from enschedule_worker.store.models.sharing import Secret, SecretUse
from enschedule_worker.store.tables import insert_unless_there, table_of


def page(tx: Transaction, name: str | None = None) -> list[Row[Any]]:
    """Return secrets by name, all or one, with ``group_name``."""
    statement = (
        select(*Secret.__table__.columns, Group.id.label("group_name"))
        .select_from(table_of(Secret).outerjoin(table_of(Group), Group.key == Secret.group_id))
        .order_by(Secret.name)
    )
    return list(tx.execute(statement if name is None else statement.where(Secret.name == name)))


def names(tx: Transaction, group: int | None) -> list[str]:
    """Return the names of the secrets that schedules of a group may use."""
    return list(tx.execute(select(Secret.name).where(_usable_in(group)).order_by(Secret.name)).scalars())


def values(tx: Transaction, wanted: Collection[str]) -> dict[str, Row[Any]]:
    """Return name, value (sealed) and group_id of secrets by name; those that are not there are left out."""
    statement = select(Secret.name, Secret.value, Secret.group_id).where(Secret.name.in_(sorted(wanted)))
    return {row.name: row for row in tx.execute(statement)} if wanted else {}


def groups_of_runs(tx: Transaction, run_ids: Collection[int]) -> dict[int, int | None]:
    """Return the group of each run."""
    rows = tx.execute(select(Run.id, Run.group_id).where(Run.id.in_(sorted(run_ids))))
    return {row.id: row.group_id for row in rows}


def number(tx: Transaction) -> int:
    """Return how many secrets there are."""
    return int(tx.execute(select(func.count()).select_from(Secret)).scalar_one())


def owned_by(tx: Transaction, group: int) -> int:
    """Return how many secrets are for a group alone."""
    return int(tx.execute(select(func.count()).select_from(Secret).where(Secret.group_id == group)).scalar_one())


def _usable_in(group: int | None) -> ColumnElement[bool]:
    everywhere = Secret.group_id.is_(None)
    return everywhere if group is None else or_(everywhere, Secret.group_id == group)


def put(tx: Transaction, name: str, value: str, *, group: int | None, by: str) -> bool:
    """Keep a sealed value under a name, new or instead of the one there; return whether it is new."""
    columns = {"value": value, "group_id": group, "updated_at": tx.now, "updated_by": by[:200]}
    change = update(Secret).where(Secret.name == name).values(**columns)
    if tx.execute(change).rowcount:
        return False
    made = {"name": name, **columns, "created_at": tx.now, "created_by": by[:200]}
    if insert_unless_there(tx, insert(Secret), made):
        return True
    tx.execute(change)  # somebody else has just made it
    return False


def remove(tx: Transaction, name: str) -> bool:
    """Remove a secret; ``False`` where there is none."""
    return tx.execute(delete(Secret).where(Secret.name == name)).rowcount == 1


# ---------------------------------------------------------------- who uses them


def set_uses(tx: Transaction, schedule_key: int, wanted: Collection[str], *, before: Collection[str] = ()) -> None:
    """Make the table say which secrets a schedule refers to; ``before`` are those that it did refer to."""
    if set(wanted) == set(before):
        return
    if before:
        tx.execute(delete(SecretUse).where(SecretUse.schedule_key == schedule_key))
    if wanted:
        tx.execute(insert(SecretUse), [{"name": name, "schedule_key": schedule_key} for name in sorted(set(wanted))])


def uses(tx: Transaction, name: str | None = None) -> list[Row[Any]]:
    """Return secret ``name``, schedule ``id`` and ``title`` of all that is in use, by name and title."""
    statement = (
        select(SecretUse.name, Schedule.id, Schedule.title)
        .join(Schedule, Schedule.key == SecretUse.schedule_key)
        .where(Schedule.deleted_at.is_(None))
        .order_by(SecretUse.name, Schedule.title, Schedule.id)
    )
    return list(tx.execute(statement if name is None else statement.where(SecretUse.name == name)))


def forget_uses(tx: Transaction, schedule_key: int) -> None:
    """Forget what a schedule referred to that is gone for good."""
    tx.execute(delete(SecretUse).where(SecretUse.schedule_key == schedule_key))


# ---------------------------------------------------------------- everything that is sealed

_MARK = f'"{SEALED}":"'
_ADDRESS = '"notify":"sealed:'


@dataclass(frozen=True, slots=True)
class SealedRow:
    """A row that has something sealed in it: where it is, and its texts by column."""

    kind: str
    place: tuple[Any, ...]
    texts: Mapping[str, str]


KINDS = ("secret", "schedule", "revision", "run")


def sealed_rows(tx: Transaction, kind: str, after: tuple[Any, ...] | None, limit: int) -> list[SealedRow]:
    """Return the next rows of a kind with something sealed in them, in the order of their keys, behind ``after``."""
    if kind == "secret":
        statement = select(Secret.name, Secret.value).order_by(Secret.name).limit(limit)
        rows = tx.execute(statement if after is None else statement.where(Secret.name > after[0]))
        return [SealedRow(kind, (row.name,), {"value": row.value}) for row in rows]
    if kind == "schedule":
        addresses = select(Schedule.key, Schedule.notify_address).where(Schedule.notify_address.is_not(None))
        addresses = addresses.where(Schedule.key > (after[0] if after else 0)).order_by(Schedule.key).limit(limit)
        found = tx.execute(addresses)
        return [SealedRow(kind, (row.key,), {"notify_address": row.notify_address or ""}) for row in found]
    if kind == "run":
        own = select(RunDetail.run_id, RunDetail.data).where(RunDetail.data.contains(_MARK, autoescape=True))
        own = own.where(RunDetail.run_id > (after[0] if after else 0)).order_by(RunDetail.run_id).limit(limit)
        return [SealedRow(kind, (row.run_id,), {"data": row.data or ""}) for row in tx.execute(own)]
    key, revision = after or (0, 0)
    place = or_(Revision.schedule_key > key, and_(Revision.schedule_key == key, Revision.revision > revision))
    has_some = or_(
        Revision.data.contains(_MARK, autoescape=True), Revision.definition.contains(_ADDRESS, autoescape=True)
    )
    revisions = (
        select(Revision.schedule_key, Revision.revision, Revision.data, Revision.definition)
        .where(place, has_some)
        .order_by(Revision.schedule_key, Revision.revision)
        .limit(limit)
    )
    return [
        SealedRow(kind, (row.schedule_key, row.revision), {"data": row.data, "definition": row.definition})
        for row in tx.execute(revisions)
    ]


def seal_anew(tx: Transaction, row: SealedRow, texts: Mapping[str, str]) -> bool:
    """Store other texts of a row; ``False`` where it has changed or gone meanwhile."""
    if row.kind == "secret":
        where = [Secret.name == row.place[0], Secret.value == row.texts["value"]]
        return tx.execute(update(Secret).where(*where).values(**texts)).rowcount == 1
    if row.kind == "schedule":
        where = [Schedule.key == row.place[0], Schedule.notify_address == row.texts["notify_address"]]
        return tx.execute(update(Schedule).where(*where).values(**texts)).rowcount == 1
    if row.kind == "run":
        return tx.execute(update(RunDetail).where(RunDetail.run_id == row.place[0]).values(**texts)).rowcount == 1
    own = [Revision.schedule_key == row.place[0], Revision.revision == row.place[1]]
    return tx.execute(update(Revision).where(*own).values(**texts)).rowcount == 1
