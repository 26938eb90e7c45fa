"""Conditions that lists share, on each database: a text in a column, a key among some."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from enschedule_worker.store.database import Database
from enschedule_worker.store.matching import contains, is_one_of
from enschedule_worker.store.models.schedules import Schedule


@pytest.fixture
def titled(api: Any) -> None:
    for number, title in enumerate(("Nightly Backup", "ÅTERSTÄLL Lager", "100% done_now", "K\N{KELVIN SIGN}"), 1):
        body = {"id": f"s{number}", "title": title, "handler": "log-job", "data": {"message": "hi"}}
        api.ok("POST", "schedules", {**body, "schedule": "every hour"})


def found(database: Database, condition: Any) -> list[str]:
    with database.read() as tx:
        return list(tx.execute(select(Schedule.id).where(condition).order_by(Schedule.key)).scalars())


@pytest.mark.usefixtures("titled")
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("backup", ["s1"]),
        ("BACKUP", ["s1"]),
        ("lager", ["s2"]),
        ("ÅTER", ["s2"]),
        ("återställ", ["s2"]),
        ("0%", ["s3"]),
        ("done_n", ["s3"]),
        ("e_n", ["s3"]),
        ("nothing", []),
        ("%", ["s3"]),
    ],
)
def test_a_text_is_found_whatever_the_case_of_its_letters(database: Database, text: str, ids: list[str]) -> None:
    assert found(database, contains(Schedule.title, text)) == ids


@pytest.mark.usefixtures("titled")
def test_keys_are_found_among_none_some_and_many(database: Database) -> None:
    with database.read() as tx:
        keys = {row.id: row.key for row in tx.execute(select(Schedule.id, Schedule.key))}
    assert found(database, is_one_of(Schedule.key, ())) == []
    assert found(database, is_one_of(Schedule.key, [keys["s2"], keys["s2"], 2**62])) == ["s2"]
    both = is_one_of(Schedule.key, [keys["s1"], keys["s3"]]) & is_one_of(Schedule.key, [keys["s3"], keys["s4"]])
    assert found(database, both) == ["s3"]
    assert found(database, is_one_of(Schedule.key, range(1000))) == ["s1", "s2", "s3", "s4"]
    assert found(database, ~is_one_of(Schedule.key, [keys["s1"], keys["s3"]])) == ["s2", "s4"]
