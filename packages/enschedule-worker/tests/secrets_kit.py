"""What tests of secrets share: keys, a handler with a secret field, and all that a database holds as text."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import text

from enschedule_core.handler import handler
from enschedule_core.registry import Registry
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import new_key
from enschedule_worker.store.models.base import Base

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
