"""What every trigger is: a pure value that says when a schedule is due."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, ClassVar, Self

from enschedule_core.clock import format_instant
from enschedule_core.triggers.members import read_instant, read_text
from enschedule_core.triggers.problems import refuse, type_of
from enschedule_core.triggers.zones import check_timezone

MICROSECOND = timedelta(microseconds=1)
COUNT_LIMIT = 1_000_000
MAX_RUNS_LIMIT = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger(ABC):
    """When a schedule is due, as an immutable value; two triggers are equal if all their members are.

    ``timezone`` is an IANA name and says what wall-clock times mean. ``starts_at`` and ``ends_at`` are
    aware and inclusive: a slot at exactly that instant counts. ``max_runs`` is carried here and counted
    by the engine. ``phrase`` is the text somebody wrote, where the trigger was compiled from one.

    A kind is a subclass that sets :attr:`kind` and :attr:`members` and implements :meth:`_next`,
    :meth:`own_wire`, :meth:`read`, :meth:`describe` and :attr:`expression`. Raises
    :class:`~enschedule_core.errors.InvalidTrigger` when made with a value that cannot be.
    """

    kind: ClassVar[str]
    members: ClassVar[tuple[str, ...]]
    """The names of its own wire members, beside the common ones."""

    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_runs: int | None = None
    phrase: str | None = None

    def __post_init__(self) -> None:
        """Check the common members and turn instants into UTC."""
        check_timezone(read_text(self.timezone, "timezone", "Europe/Stockholm"))
        for name in ("starts_at", "ends_at"):
            object.__setattr__(self, name, read_instant(getattr(self, name), name))
        if self.starts_at and self.ends_at and self.ends_at < self.starts_at:
            ended, started = format_instant(self.ends_at), format_instant(self.starts_at)
            raise refuse("ends_at", f"ends_at ({ended}) lies before starts_at ({started}).")
        _check_max_runs(self.max_runs)
        self._check()

    def _check(self) -> None:  # noqa: B027 - most plugins' kinds have nothing to check
        """Check the kind's own members; called once, while the trigger is made."""

    @abstractmethod
    def _next(self, instant: datetime) -> datetime | None:
        """Return the first slot strictly later than ``instant`` (aware UTC), without regard to start and end."""

    @property
    @abstractmethod
    def expression(self) -> str:
        """The trigger in one short technical text: ``30 2 * * *``, ``every 90s``, an instant, ``manual``."""

    @abstractmethod
    def describe(self) -> str:
        """Return plain English without a final full stop and without the zone: ``Every day at 02:30``."""

    @abstractmethod
    def own_wire(self) -> dict[str, Any]:
        """Return the kind's own wire members, by the names in :attr:`members`."""

    @classmethod
    @abstractmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        """Make a trigger from its own wire members (as sent) and the common ones (already read).

        Raises :class:`~enschedule_core.errors.InvalidTrigger` whose errors name the bare member.
        """

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first slot strictly later than ``instant``, in UTC; ``None`` when there is none any more.

        ``instant`` must be aware (``ValueError`` otherwise). The slot lies within ``starts_at`` and
        ``ends_at``, both inclusive. The result is later than ``instant`` compared in UTC, always.
        """
        if instant.tzinfo is None:
            raise ValueError(f"an instant needs an offset: {instant.isoformat()}")
        after = instant.astimezone(UTC)
        if self.starts_at is not None and after < self.starts_at:
            after = self.starts_at - MICROSECOND
        try:
            found = self._next(after)
        except OverflowError:  # past the year 9999
            return None
        if found is None or (self.ends_at is not None and found > self.ends_at):
            return None
        return found

    def slots_between(self, start: datetime, end: datetime, limit: int) -> Iterator[datetime]:
        """Yield the slots with ``start < slot <= end``, oldest first, at most ``limit`` of them."""
        return islice(self._walk(start, end), limit)

    def clip(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Return ``(start, end]`` cut down to ``starts_at`` and ``ends_at``, still open at its start."""
        if self.starts_at is not None and start < self.starts_at:
            start = self.starts_at - MICROSECOND
        if self.ends_at is not None and end > self.ends_at:
            end = self.ends_at
        return start.astimezone(UTC), end.astimezone(UTC)

    def latest_and_count(
        self, start: datetime, end: datetime, *, limit: int = COUNT_LIMIT
    ) -> tuple[datetime | None, int]:
        """Return the newest slot in ``(start, end]`` and how many there are; ``(None, 0)`` without any.

        The newest slot is exact. Counting stops at ``limit``, so that a long outage stays cheap; the
        built-in kinds count without walking and are exact far beyond it.
        """
        count = sum(1 for _ in self.slots_between(start, end, limit))
        return (self._latest(start, end) if count else None), count

    def count_between(self, start: datetime, end: datetime) -> int:
        """Return how many slots there are in ``(start, end]``, as :meth:`latest_and_count` counts them."""
        return self.latest_and_count(start, end)[1]

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form that :func:`~enschedule_core.triggers.from_wire` reads back to an equal trigger."""
        return {
            "kind": self.kind,
            **self.own_wire(),
            "timezone": self.timezone,
            "starts_at": format_instant(self.starts_at),
            "ends_at": format_instant(self.ends_at),
            "max_runs": self.max_runs,
            "phrase": self.phrase,
        }

    def _walk(self, start: datetime, end: datetime) -> Iterator[datetime]:
        slot = self.next_after(start)
        while slot is not None and slot <= end:
            yield slot
            slot = self.next_after(slot)

    def _latest(self, start: datetime, end: datetime) -> datetime | None:
        """Find the newest slot from the end backwards, in windows that grow until one holds a slot."""
        span = timedelta(minutes=1)
        while True:
            since = max(start, end - span) if end - start > span else start
            latest = None
            for latest in self._walk(since, end):  # noqa: B007 - the last one is what is wanted
                pass
            if latest is not None or since == start:
                return latest
            span *= 4


def _check_max_runs(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse("max_runs", f"max_runs must be a whole number, for example 10; this is {type_of(value)}.")
    if not 1 <= value <= MAX_RUNS_LIMIT:
        raise refuse("max_runs", f"max_runs must be from 1 to {MAX_RUNS_LIMIT}; leave it out for no limit.")
