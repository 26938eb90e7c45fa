"""What tests of secrets share: keys, a handler with a secret field, all that a database holds as text, and fixtures.

A module of tests takes those it wants by their names; they stand before the ones of all tests then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engine_kit import ACTOR, World
from marshmallow import Schema, fields, validate
from sqlalchemy import text

from enschedule_core.handler import handler
from enschedule_core.registry import Registry
from enschedule_worker.service import secrets
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import new_key
from enschedule_worker.store.models.base import Base
from enschedule_worker.store.seal import Keyring

OLD, NEW = new_key(), new_key()
VALUE = "hunter2-and-more"
SEALED = {"$sealed": True}
TOKEN = {"$secret": "SLACK_TOKEN"}


class Deliver(Schema):
    """Data with a secret field."""

    url = fields.String(required=True)
    token = fields.String(validate=validate.Length(max=40), metadata={"secret": True})
    retries = fields.Integer(strict=True)


def with_secret_field() -> Registry:
    """Return a registry with deliver, whose token is secret, and echo."""
    made = Registry()
    made.register(handler(id="deliver", data_schema=Deliver)(lambda data: data))
    made.register(handler(id="echo")(lambda data: data))
    return made


def deliver(**data: Any) -> dict[str, Any]:
    """Return a schedule of deliver."""
    return {"id": "s", "handler": "deliver", "data": {"url": "https://a.example", **data}}


def everything(database: Database) -> str:
    """Return all that is in the database, as text."""
    with database.read() as tx:
        quoted = map(tx.connection.dialect.identifier_preparer.quote, Base.metadata.tables)
        return "\n".join(str(row) for name in quoted for row in tx.execute(text(f"SELECT * FROM {name}")))


@pytest.fixture
def registry() -> Registry:
    """A registry with a handler that has a secret field."""
    return with_secret_field()


@pytest.fixture
def database(place: Any, clock: Any) -> Database:
    """A database with a key."""
    made: Database = place.open(clock)
    made.keyring = Keyring((OLD,))
    return made


@pytest.fixture
def stored(database: Database) -> Callable[[], str]:
    """Return a function that gives everything that is in the database, as text."""
    return lambda: everything(database)


@pytest.fixture
def safe(world: World) -> Iterator[World]:
    """A world with a key and a secret."""
    world.database.keyring = Keyring((OLD,))
    secrets.put(world.database, ACTOR, "SLACK_TOKEN", VALUE)
    yield world
    world.database.keyring = Keyring((OLD,))
