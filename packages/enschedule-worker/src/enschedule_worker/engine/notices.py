"""Sends notices: a thread that looks for what is due, and a few more that wait for receivers.

It shares nothing with the engine but the database, so a receiver that is dead, slow or hostile costs nobody else
anything. A notice is sent at least once: when a sender dies between the answer and its note of it, it is sent again
with the same id.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

from enschedule_core.addresses import AddressGuard
from enschedule_core.errors import EnscheduleError
from enschedule_worker.engine.webhook import NotDeliveredError, post
from enschedule_worker.service import notices as wording
from enschedule_worker.store import notices as store
from enschedule_worker.store.database import Database
from enschedule_worker.store.seal import VARIABLE

logger = logging.getLogger(__name__)
POLL_SECONDS = 5.0
SENDERS = 4
SENDERS_PER_RECEIVER = 2
LOOKED_AT = 50
DEADLINE_SECONDS = 10.0
LEASE_SECONDS = 90.0
ATTEMPTS = 10
FIRST_DELAY_SECONDS = 10.0
LONGEST_DELAY_SECONDS = 12 * 3600.0
GIVE_UP_SECONDS = 26 * 3600.0
REST_SECONDS = 10.0
"""How long other notices of a receiver wait after one that did not get through."""
_MICROS = 1_000_000


def delay_after(attempt: int) -> float:
    """Return after how many seconds to try again: 10 s, 30 s, 90 s … 12 h; nine of them make 21 hours."""
    return min(FIRST_DELAY_SECONDS * 3.0 ** (attempt - 1), LONGEST_DELAY_SECONDS)


class NoticeSender:
    """Sends the notices of all workers on this database, as far as other workers do not.

    ``notify_url`` is the operator's, who may name any address; others pass the ``guard``.
    """

    def __init__(
        self, database: Database, *, notify_url: str | None, base_url: str | None, guard: AddressGuard
    ) -> None:
        self._database = database
        self._notify_url = notify_url
        self._base_url = base_url
        self._guard = guard
        self._flag = threading.Event()
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._silent_until: dict[str, float] = {}
        self._stopping = False
        self._thread: threading.Thread | None = None
        database.on_notice(self._flag.set)

    def start(self) -> None:
        """Start looking."""
        self._thread = threading.Thread(target=self._loop, name="enschedule-notices", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more; what is under way is not waited for, and is sent again later if need be."""
        self._stopping = True
        self._flag.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _loop(self) -> None:
        while not self._stopping:
            self._flag.clear()
            wait = POLL_SECONDS
            try:
                for notice in self.take():
                    thread = threading.Thread(target=self._send, args=(notice,), name="enschedule-notice", daemon=True)
                    thread.start()
                wait = self._wait()
            except EnscheduleError as problem:
                logger.warning("notices: %s", problem)
            except Exception:
                logger.exception("looking for notices failed")
            self._flag.wait(wait)

    def _wait(self) -> float:
        """Return when to look again; what is due and was not taken waits for a sender, who sets the flag."""
        with self._database.read() as tx:
            at, now = store.next_at(tx), tx.now
        due_in = POLL_SECONDS if at is None else max((at - now) / _MICROS, 0.1)
        return min(due_in, POLL_SECONDS)

    def take(self) -> list[store.Due]:
        """Take as many due notices as there are senders for them; each must be passed to :meth:`deliver`."""
        with self._database.read() as tx:
            found = store.due(tx, LOOKED_AT)
        taken: list[store.Due] = []
        for notice in found:
            if sum(self._busy.values()) >= SENDERS:
                break
            receiver = _receiver(notice)
            silent = self._silent_until.get(receiver, 0.0) > time.monotonic()
            if not silent and self._busy[receiver] >= SENDERS_PER_RECEIVER:
                continue
            with self._database.write() as tx:
                if silent:
                    store.put_off(tx, notice, until=tx.now + round(_spread(REST_SECONDS) * _MICROS))
                elif store.take(tx, notice, lease=round(LEASE_SECONDS * _MICROS)):
                    with self._lock:
                        self._busy[receiver] += 1
                    taken.append(notice)
        return taken

    def _send(self, notice: store.Due) -> None:
        try:
            self.deliver(notice)
        except EnscheduleError as problem:
            logger.warning("notice %s: %s", notice.id, problem)
        except Exception:
            logger.exception("sending notice %s failed", notice.id)
        self._flag.set()

    def deliver(self, notice: store.Due) -> bool:
        """Send a notice that was taken, and note how that went; returns whether it arrived."""
        receiver = _receiver(notice)
        try:
            error = self._post(notice)
        finally:
            with self._lock:
                self._busy[receiver] -= 1
        if error is None:
            self._silent_until.pop(receiver, None)
            with self._database.write() as tx:
                store.sent(tx, notice)
            return True
        self._silent_until[receiver] = time.monotonic() + REST_SECONDS
        self._note_failure(notice, error)
        return False

    def _post(self, notice: store.Due) -> str | None:
        """Return why it did not arrive; no transaction is open while somebody is waited for."""
        if not notice.url:
            return f"no key in {VARIABLE} opens its address"
        with self._database.read() as tx:
            document = wording.document(tx, notice, self._base_url)
        body = json.dumps(document, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Enschedule",
            "Idempotency-Key": wording.identity(notice),
        }
        guard = AddressGuard(everything=True) if notice.url == self._notify_url else self._guard
        try:
            post(notice.url, body, headers, guard=guard, seconds=DEADLINE_SECONDS)
        except NotDeliveredError as problem:
            return str(problem)
        return None

    def _note_failure(self, notice: store.Due, error: str) -> None:
        attempt = notice.attempts + 1
        with self._database.write() as tx:
            too_old = tx.now - notice.created_at >= GIVE_UP_SECONDS * _MICROS
            give_up = attempt >= ATTEMPTS or too_old
            again_at = None if give_up else tx.now + round(_spread(delay_after(attempt)) * _MICROS)
            store.failed(tx, notice, error, again_at=again_at)
        if give_up:
            logger.error("notice %s is given up after %s attempts: %s", notice.id, attempt, error)
        else:
            logger.warning("notice %s did not arrive (attempt %s of %s): %s", notice.id, attempt, ATTEMPTS, error)


def _receiver(notice: store.Due) -> str:
    return urlsplit(notice.url).netloc.rpartition("@")[2]


def _spread(seconds: float) -> float:
    """Add up to a tenth, so that many that failed together do not come back together."""
    return seconds * (1 + random.random() / 10)  # noqa: S311 - no secret
