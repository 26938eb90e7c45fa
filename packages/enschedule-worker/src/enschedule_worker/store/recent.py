"""The last 30 outcomes of a schedule, as they are kept in its row: what the rail and "usually" are drawn from.

A place is one slot or one run by hand, with the outcome of its *last* attempt so far. The stored form is a JSON list
of ``[id of the first attempt, second of the place, letter, milliseconds or count]``, oldest first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from statistics import median

from enschedule_core.json_text import decode as decode_json
from enschedule_core.run import RunStatus

PLACES = 30
_LETTERS = {
    RunStatus.SUCCEEDED: "s",
    RunStatus.FAILED: "f",
    RunStatus.TIMED_OUT: "t",
    RunStatus.LOST: "l",
    RunStatus.CANCELLED: "c",
    RunStatus.SKIPPED: "k",
}
_STATUSES = {letter: status for status, letter in _LETTERS.items()}


@dataclass(slots=True)  # not frozen, which takes three times as long to make, and a list has thousands
class Place:
    """One place on the rail: ``at`` in microseconds, ``duration`` in microseconds, ``count`` of skipped slots."""

    run_id: int
    at: int
    status: RunStatus
    duration: int | None = None
    count: int = 0


def decode(text: str) -> list[Place]:
    """Read the stored form."""
    places = []
    for run_id, second, letter, amount in decode_json(text):
        status, at = _STATUSES[letter], second * 1_000_000
        if status is RunStatus.SKIPPED:
            places.append(Place(run_id, at, status, None, amount))
        else:
            places.append(Place(run_id, at, status, None if amount is None else amount * 1000))
    return places


def add(text: str, place: Place) -> str:
    """Return the stored form with ``place`` added; a place of the same first attempt is replaced where it stands."""
    quick = _appended(text, place)
    if quick is not None:
        return quick
    rows = json.loads(text)
    amount = place.count if place.status is RunStatus.SKIPPED else place.duration
    if place.status is not RunStatus.SKIPPED and amount is not None:
        amount = round(amount / 1000)
    row = [place.run_id, place.at // 1_000_000, _LETTERS[place.status], amount]
    if place.status is RunStatus.SKIPPED and rows and rows[-1][2] == "k":
        rows[-1][3] += place.count
    else:
        same = next(
            (at for at, old in enumerate(rows) if place.run_id and old[0] == place.run_id),
            None,
        )
        if same is None:
            rows.append(row)
        else:
            rows[same] = row
    return json.dumps(rows[-PLACES:], separators=(",", ":"))


def _appended(text: str, place: Place) -> str | None:
    """Return what :func:`add` would, without reading it all, for a run that has no place yet; else ``None``."""
    if place.status is RunStatus.SKIPPED or not place.run_id or f"[{place.run_id}," in text:
        return None
    amount = "null" if place.duration is None else round(place.duration / 1000)
    row = f'[{place.run_id},{place.at // 1_000_000},"{_LETTERS[place.status]}",{amount}]'
    if text == "[]":
        return f"[{row}]"
    begin = text.index("],") + 2 if text.count("[") > PLACES else 1  # the oldest one has to go
    return f"[{text[begin:-1]},{row}]"


def usual(places: list[Place]) -> int | None:
    """Return the median duration of the runs that succeeded, in microseconds; ``None`` without any."""
    durations = [
        place.duration for place in places if place.status is RunStatus.SUCCEEDED and place.duration is not None
    ]
    return round(median(durations)) if durations else None
