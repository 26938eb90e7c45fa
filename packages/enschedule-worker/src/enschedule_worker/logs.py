"""What a server says of itself: its log on stderr, as lines to read or as JSON (ENSCHEDULE_LOG_FORMAT).

Nothing here opens a database or imports SQLAlchemy, so that a dashboard in front of a remote worker can use it too.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

OWN = "enschedule"
_IDS = {"run_id": "run", "schedule_id": "schedule"}
_NOISY = ("apscheduler", "alembic", "httpx", "httpcore")


class LogSettings(Protocol):
    """What a log is told: how much it says, in which form, and which worker it is of."""

    @property
    def log_level(self) -> str:
        """``debug``, ``info``, ``warning`` or ``error``."""

    @property
    def log_format(self) -> str:
        """``text`` or ``json``."""

    @property
    def worker_id(self) -> str:
        """The id of the worker."""


class JsonLines(logging.Formatter):
    """A record as one JSON object in one line.

    ``time`` (UTC), ``level``, ``logger``, ``message`` and ``worker``; ``run`` and ``schedule`` where the record is
    about one (``extra={"run_id": 7}``), and ``exception``, a traceback, where there is one.
    """

    def __init__(self, worker_id: str) -> None:
        super().__init__()
        self._worker_id = worker_id

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        found: dict[str, Any] = {
            **_beginning(record.created, record.levelname, record.name, record.getMessage()),
            "worker": self._worker_id,
        }
        ids = {name: getattr(record, attribute, None) for attribute, name in _IDS.items()}
        found |= {name: value for name, value in ids.items() if value is not None}
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return encoded(found)


def _beginning(time: float, level: str, logger: str, message: str) -> dict[str, Any]:
    at = datetime.fromtimestamp(time, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return {"time": f"{at}Z", "level": level.lower(), "logger": logger, "message": message}


def printed(line: str, *, time: float, run_id: int, schedule_id: str | None, stream: str) -> str:
    """Return a line that a run has printed, as the log has it (ENSCHEDULE_LOG_JOBS)."""
    whose = {"run": run_id, **({} if schedule_id is None else {"schedule": schedule_id})}
    return encoded({**_beginning(time, "info", f"{OWN}.run", line), **whose, "stream": stream})


def encoded(found: dict[str, Any]) -> str:
    """Return a JSON object in one line."""
    return json.dumps(found, ensure_ascii=False, default=str)


def start(settings: LogSettings, *filters: Callable[[logging.LogRecord], bool]) -> None:
    """Send the server's log to stderr, one line a record; ``filters`` keep out what is not the server's own."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(JsonLines(settings.worker_id))
        logging.getLogger(OWN).setLevel(logging.INFO)  # where it is, and the link to log in with, are always said
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    for keep in filters:
        handler.addFilter(keep)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def is_json() -> bool:
    """Return whether this process logs JSON."""
    return any(isinstance(handler.formatter, JsonLines) for handler in logging.root.handlers)
