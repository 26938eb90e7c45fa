"""The statements of claiming and firing, as each dialect is told them."""

from __future__ import annotations

import pytest
from sqlalchemy import Select, create_mock_engine, select

from enschedule_core import triggers
from enschedule_worker.store import due_schedules, limits, picking, queue, schedule_rows
from enschedule_worker.store.models.schedules import Schedule

OFFERS = frozenset({("ok", 1), ("fetch", 2)})
URLS = {
    "sqlite": "sqlite://",
    "postgresql": "postgresql+psycopg://",
    "mariadb": "mariadb+pymysql://",
    "mysql": "mysql+pymysql://",
    "mssql": "mssql+pymssql://",
}
LOCKING = {
    "pick": queue._pick(OFFERS, frozenset({3, 4})),
    "due": due_schedules._due(frozenset(triggers.KINDS)),
    "gate": limits._ENTER,
    "schedules": picking._LOCK,
}
READING = {
    "running": limits._RUNNING,
    "status": select(schedule_rows.status_of_row()).select_from(Schedule),
}


def compiled(kind: str, statement: Select[tuple[object]]) -> str:
    dialect = create_mock_engine(URLS[kind], lambda *_: None).dialect
    return str(statement.compile(dialect=dialect)).replace("\n", " ")


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize("name", [*LOCKING, *READING])
def test_a_statement_is_one_for_each_dialect_and_locks_without_waiting(kind: str, name: str) -> None:
    text = compiled(kind, (LOCKING | READING)[name])
    assert text.startswith("SELECT ")
    locks = name in LOCKING
    assert ("SKIP LOCKED" in text) is (locks and kind in ("postgresql", "mariadb", "mysql"))
    assert ("WITH (ROWLOCK, READPAST, UPDLOCK)" in text) is (locks and kind == "mssql")
