"""One instant, and no instant at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from enschedule_core.clock import format_instant
from enschedule_core.triggers.base import Trigger
from enschedule_core.triggers.members import read_instant
from enschedule_core.triggers.problems import refuse
from enschedule_core.triggers.words import long_date, time_of_day
from enschedule_core.triggers.zones import zone_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Once(Trigger):
    """A single slot, at the instant ``at`` (aware)."""

    kind: ClassVar[str] = "once"
    members: ClassVar[tuple[str, ...]] = ("at",)

    at: datetime

    def _check(self) -> None:
        object.__setattr__(self, "at", read_instant(self.at, "at"))

    @property
    def expression(self) -> str:
        """The instant, in UTC."""
        return format_instant(self.at) or ""

    def describe(self) -> str:
        """Return the date and time by the clocks of the zone: ``Once, on Tue 24 Nov 2026 at 09:00``."""
        local = self.at.astimezone(zone_of(self.timezone))
        return f"Once, on {long_date(local)} at {time_of_day(local)}"

    def own_wire(self) -> dict[str, Any]:
        """Return ``{at}``."""
        return {"at": format_instant(self.at)}

    @classmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        """Make one from ``{at}``."""
        if own.get("at") is None:
            raise refuse("at", "at is missing; write an instant, for example 2027-03-28T09:30:00Z.")
        return cls(at=own["at"], **common)

    def _next(self, instant: datetime) -> datetime | None:
        return self.at if self.at > instant else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual(Trigger):
    """No slots: it runs only when somebody, or another schedule, asks for it."""

    kind: ClassVar[str] = "manual"
    members: ClassVar[tuple[str, ...]] = ()

    @property
    def expression(self) -> str:
        """``manual``."""
        return "manual"

    def describe(self) -> str:
        """Return ``By hand``."""
        return "By hand"

    def own_wire(self) -> dict[str, Any]:
        """Return nothing: it has no members of its own."""
        return {}

    @classmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:  # noqa: ARG003 - it has no members
        """Make one from the common members."""
        return cls(**common)

    def _next(self, instant: datetime) -> datetime | None:  # noqa: ARG002 - there never is one
        return None
