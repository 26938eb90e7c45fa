"""One thing done to many: what is asked before, what is said after, and how one request follows another.

A list is a form of checkboxes. What is sent is an action, the ids that are chosen or that all which match are meant,
and the address of the list. A request of the API does at most 1,000 and stops after some seconds; what is left is asked
for by the page in between, which sends itself on where scripts run.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request

from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import DoneRun, DoneSchedule, Pause
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
    """What a form asks for: an action on ``ids``, or on ``every`` one that matches the list at ``address``.

    So far it is ``done`` to some; others were ``kept`` as they are, since somebody has paused them already.
    """

    noun: str
    action: str
    ids: list[str]
    every: bool
    address: str
    sure: bool
    cursor: str | None = None
    done: int = 0
    kept: int = 0
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
        kept=_whole("kept"),
        refused_count=_whole("refused"),
    )


def _whole(name: str) -> int:
    text = request.form.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def said(wanted: Wanted) -> str:
    """Return what has been done: ``Paused 214 schedules. 1 was refused: …``, and what was paused already."""
    text = f"{wanted.deed.done} {wanted.things(wanted.done)}." if wanted.done else "Nothing was changed."
    if wanted.kept:
        one, many = "was paused already and stays as it is", "were paused already and stay as they are"
        text += f" {wanted.kept:,} {one if wanted.kept == 1 else many}."
    if not wanted.refused_count:
        return text
    count = f"{wanted.refused_count:,} {'was' if wanted.refused_count == 1 else 'were'} refused"
    return f"{text} {count}{': ' + wanted.refused[0] if wanted.refused else '.'}"


def without_kept(wanted: Wanted, done: Sequence[Any]) -> list[Any]:
    """Return what was changed: a pause leaves as it is what somebody has paused already."""
    if wanted.action != "pause":
        return list(done)
    return [one for one in done if not one["pause_before"] or one["pause_before"] != one["pause"]]


@dataclass(frozen=True, slots=True)
class Undo:
    """A button that takes back what was done: its label, and the fields of its form."""

    label: str
    fields: dict[str, str]


def undo_of(wanted: Wanted, done: Sequence[DoneSchedule | DoneRun]) -> Undo | None:
    """Return what takes it back; ``None`` where nothing does, or it is too much to carry.

    Only what this action has changed is taken back, and as it is now: not a schedule that was paused before or ran
    anyhow, nor (by ``pause_at``) a pause that somebody begins afterwards.
    """
    if wanted.deed.undo is None or not done:
        return None
    changed, label, more = list(done), "Undo", {}
    if wanted.action == "pause":
        more = {"pause_at": ",".join(dict.fromkeys(pause["at"] or "" for pause in _pauses(changed, "pause")))}
    elif wanted.action == "resume":
        changed = [one for one in done if one.get("pause_before")]
        reasons = {(pause["reason"] or "", pause["until"] or "") for pause in _pauses(changed, "pause_before")}
        if len(reasons) != 1:  # pauses of several kinds cannot be brought back at once
            return None
        label = "Pause them again" if len(changed) > 1 else "Pause it again"
        more = {"pause_at": "", **dict(zip(("reason", "until"), reasons.pop(), strict=True))}
    fields = {"action": wanted.deed.undo, "ids": ",".join(str(one["id"]) for one in changed), "sure": "1", **more}
    if not changed or len(zlib.compress("".join(fields.values()).encode())) > _UNDO_BYTES:
        return None
    return Undo(label, fields)


def _pauses(done: Sequence[Any], name: str) -> list[Pause]:
    return [one[name] for one in done if one.get(name)]
