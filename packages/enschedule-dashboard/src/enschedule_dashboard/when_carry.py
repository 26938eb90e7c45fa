"""From one way to say when to another: cron in place of a phrase, an interval in place of cron, what it means kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from enschedule_core.clock import format_instant
from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import Preview
from enschedule_dashboard import present
from enschedule_dashboard.session import client
from enschedule_dashboard.when_form import WhenForm, local_time, split_seconds

_ALIKE = 5
"""So many slots are compared to tell whether two ways to say it mean the same."""


def carry(when: WhenForm, *, always: bool) -> None:
    """Fill the controls of the chosen way with what those of the way before (``when.was``) mean.

    Where that cannot be said in the new way, or cannot be read, they stay as they are; without ``always`` also where
    something stands in them already.
    """
    if when.mode in (when.was, "manual") or not (always or when.is_empty):
        return
    trigger = dataclasses.replace(when, mode=when.was, errors={}).trigger() if when.was else None
    meant = None if trigger is None else _ask(trigger)
    if meant is None or not meant["next"]:
        return
    if when.mode == "cron":
        found = next(_same(meant, [meant["expression"], *_intervals(meant)]), None)
        when.cron = found["expression"] if found else when.cron
    elif when.mode == "words":
        texts = [when.phrase, meant["description"], *_intervals(meant), meant["next"][0]]
        when.phrase = next((text for text in texts if any(_same(meant, [text], kinds=None))), when.phrase)
    elif when.mode == "every":
        gap = _gap(meant)
        if gap:
            (when.every, when.unit), when.anchor = split_seconds(gap), meant["next"][0]
    else:
        when.at = local_time(format_instant(present.as_instant(meant["next"][0])), meant["timezone"])


def _ask(trigger: Any, zone: str | None = None) -> Preview | None:
    try:
        return client().triggers.preview(trigger, timezone=zone, count=_ALIKE)
    except InvalidInput:
        return None


def _same(meant: Preview, texts: list[str], *, kinds: tuple[str, ...] | None = ("cron",)) -> Iterator[Preview]:
    """Yield what each short text means that has the same slots, where it is one of ``kinds``."""
    for text in texts:
        found = _ask(text, meant["timezone"]) if text.strip() else None
        if found and found["next"] == meant["next"] and (kinds is None or found["kind"] in kinds):
            yield found


def _gap(meant: Preview) -> float:
    """Return the seconds between the slots, 0 where they differ or there is but one."""
    instants = [present.as_instant(at) for at in meant["next"]]
    gaps = {(later - earlier).total_seconds() for earlier, later in pairwise(instants)}
    return gaps.pop() if len(gaps) == 1 and len(instants) == _ALIKE else 0


def _intervals(meant: Preview) -> list[str]:
    gap = _gap(meant)
    if not gap:
        return []
    count, unit = split_seconds(gap)
    return [f"every {unit.removesuffix('s')}" if count == "1" else f"every {count} {unit}"]
