"""Putting a worker together: database, engine, API. The public factory of this distribution."""

from __future__ import annotations

import gc
import logging
import os
import secrets
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import metadata

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from enschedule_core.errors import ConfigurationError, Unavailable
from enschedule_core.plugins import load_handlers, open_folder
from enschedule_core.registry import Registry
from enschedule_worker import api, parts
from enschedule_worker.databases import open_for
from enschedule_worker.engine import executors
from enschedule_worker.engine.folder_watch import FolderWatch
from enschedule_worker.engine.housekeeping import Housekeeping
from enschedule_worker.engine.streams import is_server_record
from enschedule_worker.service import rezoning, sessions, users
from enschedule_worker.service import secrets as secrets_service
from enschedule_worker.service.sign_on import SignOn
from enschedule_worker.settings import WorkerSettings
from enschedule_worker.store import census, state
from enschedule_worker.store.listen import Listener

__all__ = ["Worker", "build_worker", "is_server_record", "load_registry"]

logger = logging.getLogger(__name__)
__version__ = metadata.version("enschedule-worker")
READY_WITHIN_SECONDS = 15.0
START_PATIENCE_SECONDS = 60.0
START_PAUSE_SECONDS = 0.5


class Worker:
    """A worker in this process. ``app`` serves its REST API under ``/api/v1``; ``start`` begins to run schedules."""

    def __init__(
        self, settings: WorkerSettings, registry: Registry, *, retry_delay: Callable[[int], float] | None = None
    ) -> None:
        if settings.database is None:
            raise ConfigurationError("No database is named.", hint="For example SQLITE=enschedule.db")
        self.settings = settings
        self.registry = registry
        self.api_key = settings.api_key or secrets.token_urlsafe(32)
        sign_on = None if settings.sign_on is None else settings.sign_on.open(settings.base_url)
        self.app = Flask("enschedule_worker", static_folder=None)
        self.database = open_for(self.app, settings)
        if settings.admin_account is not None:
            users.ensure_admin(self.database, *settings.admin_account)
        self.instance_id = uuid.uuid4().hex
        self.engine = parts.engine_of(settings, self.database, registry, self.instance_id, retry_delay)
        card = parts.card_of(settings, self.instance_id, self.engine.executor.name, __version__)
        self._keep = parts.keep_of(settings)
        self._housekeeping = Housekeeping(self.engine, card, keep=self._keep)
        self._listener = Listener(self.database)
        self._folder_watch = self._watch_of(settings)
        self._notices = parts.sender_of(settings, self.database)
        self._pid: int | None = None
        self._bell = api.Bell()
        self._mount_api(sign_on)

    def _mount_api(self, sign_on: SignOn | None) -> None:
        settings = self.settings
        api.register(
            self.app,
            api.ApiContext(
                database=self.database,
                registry=self.registry,
                auth=api.AuthPolicy(
                    api_key=self.api_key,
                    bound_to_loopback=settings.is_loopback,
                    trusted_hosts=settings.trusted_hosts,
                    password_login=settings.password_login,
                    sign_on=sign_on,
                ),
                engine_ready=self._readiness,
                version=__version__,
                default_timezone=settings.default_timezone,
                keep=self._keep,
                bell=self._bell,
                settings=settings.in_force,
                read_only=settings.read_only,
            ),
        )
        if settings.trusted_proxies:
            hops = settings.trusted_proxies
            self.app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
                self.app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops
            )

    def start(self) -> None:
        """Enter the worker in the database and start its engine; a second call does nothing.

        Raises :class:`Unavailable` if the database, which was there a moment ago, has been gone for a minute.
        """
        if self._pid is not None:
            return
        self._pid = os.getpid()
        self._bell.unmute()
        # What was loaded until now stays: the collector need not look through it again and again.
        gc.collect()
        gc.freeze()
        self._enter()
        self.engine.start()
        self._notices.start()
        self._listener.start()
        if self._folder_watch is not None:
            self._folder_watch.start()

    def _enter(self) -> None:
        """Do what a start does in the database; all of it again while that goes down at this very moment."""
        give_up_at = time.monotonic() + START_PATIENCE_SECONDS
        while True:
            try:
                rezoning.recompute(self.database)
                secrets_service.warn_of_unreadable(self.database)
                self._housekeeping.start()
            except Unavailable as problem:
                if time.monotonic() >= give_up_at:
                    raise
                logger.warning("the start waits for the database: %s", problem)
                time.sleep(START_PAUSE_SECONDS)
            else:
                return

    def stop(self, *, grace_seconds: float | None = None) -> None:
        """Claim nothing more, let runs end within the grace, give back what has not begun, and sign off."""
        if self._pid != os.getpid():
            return
        self._pid = None
        self._bell.mute()  # whoever follows a run asks again, and finds the next start
        if self._folder_watch is not None:
            self._folder_watch.stop()
        self.engine.stop(grace_seconds=grace_seconds)
        self._notices.stop()
        self._listener.stop()
        self._housekeeping.stop()

    def together(self) -> AbstractContextManager[None]:
        """Answer everything that this thread asks of the API within, as long as it only looks, as of one moment."""
        return self.database.together()

    def enter_handlers(self) -> None:
        """Enter the handlers in the database, so that schedules can name them; again after more were registered.

        Before :meth:`start`, only that they exist is entered, after it, also that this worker has them.
        """
        if self._pid is None:
            self.database.retrying(lambda tx: census.register_handlers(tx, self.registry))
        else:
            self._housekeeping.register()

    def close(self) -> None:
        """Close the connections of a worker that does not run; needed before a fork."""
        self.database.dispose()

    def left_behind(self) -> None:
        """Let go of the connections in a process that was forked from the worker's own: they are that one's."""
        self.database.engine.dispose(close=False)

    def secret(self, name: str) -> str:
        """Return a secret that all parts on this database share and that survives restarts; made at first use."""
        return self.database.retrying(
            lambda tx: state.get_or_create(tx, f"secret:{name}", lambda: secrets.token_urlsafe(32))
        )

    def login_token(self) -> str:
        """Return a token that opens one browser session, for the link that a start prints."""
        return sessions.new_link_token(self.database)

    def exposure(self, *, behind_proxy: bool = False) -> list[str]:
        """Return what is missing for an address that others reach, each with what to do; nothing on loopback."""
        if self.settings.is_loopback:
            return []
        found = []
        if not behind_proxy:
            found.append("others on the way can read everything: put a proxy with TLS in front (docs: operations)")
        if self.settings.api_key is None:
            found.append("API_KEY is not set: programs get in with keys of Admin only, after the first account is made")
        if not self.has_accounts():
            found.append("there is no account yet: set ADMIN_ACCOUNT, or use: enschedule users add NAME")
        return [f"listening on {self.settings.host}: {one}" for one in found]

    def has_accounts(self) -> bool:
        """Return whether anybody has an account."""
        return users.Accounts().exist(self.database)

    def setup_token(self) -> str | None:
        """Return a token that makes the first account within an hour.

        ``None`` once there is one, and where nobody logs in with a password.
        """
        return sessions.new_setup_token(self.database) if self.settings.password_login else None

    def _watch_of(self, settings: WorkerSettings) -> FolderWatch | None:
        if settings.handlers_dir is None:
            return None
        folder = open_folder(self.registry, settings.handlers_dir)
        return FolderWatch(folder, self.engine, self._housekeeping.register)

    def _readiness(self) -> tuple[bool, str]:
        """Say whether the engine runs: for readyz."""
        if self._pid is None:
            return False, "The engine has not been started."
        silent = time.monotonic() - self.engine.turned_at
        if silent > READY_WITHIN_SECONDS:
            return False, f"The engine has not turned for {silent:.0f} s."
        if self.engine.stuck >= self.engine.executor.places:
            return False, f"All {self.engine.executor.places} places are taken by handlers that do not stop."
        return True, f"{self.engine.in_flight} of {self.engine.executor.places} places taken."


def build_worker(
    settings: WorkerSettings,
    registry: Registry | None = None,
    *,
    retry_delay: Callable[[int], float] | None = None,
) -> Worker:
    """Return a worker that is ready to start: its database migrated, its handlers loaded.

    ``retry_delay(attempt)`` is how many seconds after a failed attempt the next one comes, where the schedule leaves
    the delay as it is.

    Raises :class:`ConfigurationError` for whatever is wrong with the settings, the database or the list of handlers.
    Build it in the process that will run it: connections and threads do not survive a fork.
    """
    return Worker(settings, registry or load_registry(settings), retry_delay=retry_delay)


def load_registry(settings: WorkerSettings, own: Registry | None = None) -> Registry:
    """Load the handlers that the settings name, and see that there is the executor that they name.

    ``own`` are the handlers of the program itself. A program that has some gets no others, unless they are named.
    """
    registry = load_handlers(
        import_handlers=settings.import_handlers,
        handlers_dir=settings.handlers_dir,
        registry=own,
        installed=own is None or not (own.sources or own.broken),
    )
    executors.find(settings.executor, executors.offers(registry))
    return registry
