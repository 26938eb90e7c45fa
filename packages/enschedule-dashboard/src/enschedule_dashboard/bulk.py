"""One thing done to many: what is asked before, what is said after, and how one request follows another.

A list is a form of checkboxes. What is sent is an action, the ids that are chosen or that all which match are meant,
and the address of the list. A request of the API does at most 1,000 and stops after some seconds; what is left is asked
for by the page in between, which sends itself on where scripts run.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request

from enschedule_core.errors import InvalidInput
from enschedule_dashboard.present import plural

SHOWN = 6
_UNDO_BYTES = 1_800
"""What a notice may carry to take an action back: it travels in a cookie."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An action on many: how it is asked for and said, and what takes it back.

    ``asks`` is whether it is asked before also for those that were chosen one by one; all that match always ask.
    """

    verb: str
    done: str
    follows: str
    permission: str = "operate"
    asks: bool = False
    tone: str = "primary"
    undo: str | None = None


DEEDS: Mapping[str, Mapping[str, Deed]] = {
    "schedule": {
        "run": Deed("Run", "Started", "Each runs once, now. Their next slots stay where they are."),
        "pause": Deed("Pause", "Paused", "No slot of them runs until they are resumed.", undo="resume"),
        "resume": Deed(
            "Resume", "Resumed", "What becomes of the slots that they have missed?", asks=True, undo="pause"
        ),
        "delete": Deed(
            "Delete",
            "Deleted",
            "What waits is cancelled, what runs ends. Their runs stay until retention removes them, and for seven days "
            "this can be undone.",
            permission="edit",
            asks=True,
            tone="bad",
            undo="restore",
        ),
        "restore": Deed("Restore", "Restored", "They go on at their next slots.", permission="edit"),
    },
    "run": {
        "cancel": Deed(
            "Cancel", "Cancelled", "What waits does not start, and what runs is told to stop.", asks=True, tone="bad"
        ),
        "retry": Deed("Run again", "Started again", "Each runs once more, with the data it had then."),
        "delete": Deed(
            "Delete",
            "Deleted",
            "They and their output are gone for good. What is still open stays.",
            permission="edit",
            asks=True,
            tone="bad",
        ),
    },
}


@dataclass(slots=True)
class Wanted:
    """What a form asks for: an action on ``ids``, or on ``every`` one that matches the list at ``address``."""

    noun: str
    action: str
    ids: list[str]
    every: bool
    address: str
    sure: bool
    cursor: str | None = None
    done: int = 0
    refused: list[str] = field(default_factory=list)
    refused_count: int = 0

    @property
    def deed(self) -> Deed:
        """Return what the action is."""
        return DEEDS[self.noun][self.action]

    @property
    def asks(self) -> bool:
        """Return whether it has to be asked before."""
        return not self.sure and (self.every or self.deed.asks)

    def things(self, count: int) -> str:
        """Return ``1 schedule``, ``3 schedules``."""
        return plural(count, self.noun)


def read(noun: str, address: str) -> Wanted:
    """Read the form of a list. Raises :class:`InvalidInput` where nothing is chosen, or the action is none."""
    form = request.form
    action = form.get("action", "")
    if action not in DEEDS[noun]:
        raise InvalidInput(f"“{action}” is not one of: {', '.join(DEEDS[noun])}.")
    given = [*form.getlist("id"), *form.get("ids", "").split(",")]
    ids = list(dict.fromkeys(id.strip() for id in given if id.strip()))
    every = form.get("all") == "1"
    if not ids and not every:
        raise InvalidInput(f"No {noun} is chosen.", hint="Tick the boxes at the left of the list first.")
    return Wanted(
        noun,
        action,
        ids=[] if every else ids,
        every=every,
        address=address,
        sure=form.get("sure") == "1",
        cursor=form.get("cursor") or None,
        done=_whole("done"),
        refused_count=_whole("refused"),
    )


def _whole(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def said(wanted: Wanted) -> str:
    """Return what has been done: ``Paused 214 schedules. 1 was refused: …``."""
    text = f"{wanted.deed.done} {wanted.things(wanted.done)}." if wanted.done else "Nothing was changed."
    if not wanted.refused_count:
        return text
    count = f"{wanted.refused_count:,} {'was' if wanted.refused_count == 1 else 'were'} refused"
    return f"{text} {count}{': ' + wanted.refused[0] if wanted.refused else '.'}"


def undo_of(wanted: Wanted, done: list[str]) -> dict[str, str] | None:
    """Return the fields of a form that takes it back; ``None`` where nothing does, or they are too many to carry."""
    if wanted.deed.undo is None or not done:
        return None
    ids = ",".join(done)
    if len(zlib.compress(ids.encode())) > _UNDO_BYTES:
        return None
    return {"action": wanted.deed.undo, "ids": ids, "sure": "1"}
