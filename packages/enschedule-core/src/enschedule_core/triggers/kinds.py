"""Which kinds of triggers there are; plugins add theirs."""

from __future__ import annotations

import inspect
from typing import TypeVar

from enschedule_core.triggers.base import Trigger
from enschedule_core.triggers.cron import Cron
from enschedule_core.triggers.every import Every
from enschedule_core.triggers.once import Manual, Once

COMMON = ("timezone", "starts_at", "ends_at", "max_runs", "phrase")
"""The wire members that every kind has."""

KINDS: dict[str, type[Trigger]] = {}
"""Kind by its name on the wire, in the order in which they were registered."""

_Kind = TypeVar("_Kind", bound=type[Trigger])


def register_kind(cls: _Kind) -> _Kind:
    """Add a kind of trigger (usable as a decorator) and return it.

    Raises ``ValueError`` for a name that is taken (naming both classes) or reserved, for members that
    collide with the common ones, and for a class that does not implement all of :class:`Trigger`.
    """
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise ValueError(f"{cls.__qualname__} is not a whole trigger: it lacks {missing}")
    if cls.kind in ("", "phrase"):
        raise ValueError(f"{cls.__qualname__}.kind may not be {cls.kind!r}")
    taken = KINDS.get(cls.kind)
    if taken is cls:
        return cls
    if taken is not None:
        names = f"{taken.__module__}.{taken.__qualname__} and {cls.__module__}.{cls.__qualname__}"
        raise ValueError(f"two triggers of the kind {cls.kind!r}: {names}")
    collisions = sorted({"kind", *COMMON}.intersection(cls.members))
    if collisions:
        raise ValueError(f"{cls.__qualname__} may not have members called {', '.join(collisions)}")
    KINDS[cls.kind] = cls
    return cls


for _kind in (Cron, Every, Once, Manual):
    register_kind(_kind)
