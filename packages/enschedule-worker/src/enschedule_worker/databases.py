"""Opening the database that the settings name."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.exc import DBAPIError

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_worker.settings import WorkerSettings
from enschedule_worker.store import connect, migrate, troubles
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import keyring_of
from enschedule_worker.store.models.base import Base

HTTP_THREADS = 16


def prepare(settings: WorkerSettings) -> None:
    """Migrate the database and close it again: whatever is wrong with it is known before a server forks."""
    open_database(settings).dispose()


def open_database(settings: WorkerSettings) -> Database:
    """Open the database alone, its tables up to date, for a command that works straight on it.

    Raises :class:`ConfigurationError` for whatever is wrong with it.
    """
    if settings.database is None:
        raise ConfigurationError("No database is named.", hint="For example SQLITE=enschedule.db")
    return open_for(Flask("enschedule_prepare", static_folder=None), settings)


def revision(settings: WorkerSettings) -> str | None:
    """Return the revision of the database, changing nothing; ``None`` for one that is empty or not made yet.

    Raises :class:`ConfigurationError` for a database that cannot be used.
    """
    location = settings.database
    if location is None:
        raise ConfigurationError("No database is named.", hint="For example SQLITE=enschedule.db")
    if location.dialect == "sqlite" and not Path(location.database).exists():
        return None  # :memory:, or gone: to connect would make the file
    engine = _bind(Flask("enschedule_look", static_folder=None), settings)
    database = Database(engine)
    try:
        connect.check(engine, location)
        with database.read() as tx:
            return migrate.current(tx)
    except (Unavailable, DBAPIError) as problem:
        raise (troubles.unusable(location, problem) or problem) from None
    finally:
        database.dispose()


def open_for(app: Flask, settings: WorkerSettings) -> Database:
    """Open the database that the settings name and bring its tables up to date."""
    assert settings.database is not None
    engine = _bind(app, settings)
    keyring = keyring_of(settings.database, settings.encryption_keys, make=settings.keeps_key)
    database = Database(engine, keyring=keyring)  # before the first connection, which has to hear its listeners too
    try:
        connect.wait(engine, settings.database, settings.database_wait_seconds)
        if settings.migrate == "check":
            migrate.check(database)
        else:
            migrate.upgrade(database)
    except (Unavailable, DBAPIError) as problem:
        raise (troubles.unusable(settings.database, problem) or problem) from None
    return database


def _bind(app: Flask, settings: WorkerSettings) -> SqlEngine:
    """Give ``app`` its engine. Flask-SQLAlchemy holds engine and metadata; the statements are the store's."""
    assert settings.database is not None
    threads = HTTP_THREADS + 4
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database.url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connect.engine_options(settings.database, threads)
    if settings.orm_logging:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
    extension = SQLAlchemy(metadata=Base.metadata)
    extension.init_app(app)
    with app.app_context():
        return extension.engine
