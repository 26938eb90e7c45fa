"""Two people edit one schedule: what each of them changed, and both put together.

A schedule is compared member by member. What it was when the form was opened is not kept, only a short mark of each
member: enough to tell which of them somebody changed in the form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from enschedule_dashboard.form_fields import as_text, below
from enschedule_dashboard.present import brief

_SHOWN = 400
_WHOLE = frozenset({"trigger"})
_MARK_CHARACTERS = 10
_MARKS_MAX = 2_000
_ABSENT: Any = object()
_NAMES = {
    "title": "Title",
    "description": "Description",
    "tags": "Tags",
    "priority": "Priority",
    "trigger": "When",
    "timeout_seconds": "Stop after, seconds",
    "overlap": "If the previous run still goes",
    "on_lost": "If a worker vanishes",
    "on_success": "After a success, run",
    "on_failure": "After a failure, run",
    "notify": "Tell",
    "runbook": "Runbook",
    "max_running": "Runs at once, at most",
    "concurrency_group": "Group",
    "group": "Owned by",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One member where what stands in the form is not what is stored now.

    ``place`` is its JSON Pointer without the first slash, ``mine`` and ``theirs`` what stands there, in words.
    """

    place: str
    label: str
    mine: str
    theirs: str


def members(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the innermost members of a schedule by their places; a list and a trigger are one member each."""
    return dict(_members(body, ""))


def _members(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value and place not in _WHOLE:
        for name, part in value.items():
            yield from _members(part, below(place, str(name)).removeprefix("/"))
    else:
        yield place, value


def marks(body: Mapping[str, Any] | None) -> str:
    """Return the marks of what stands in a form, to be sent with it; nothing where it has too many members."""
    found = {} if body is None else {place: _mark(value) for place, value in members(body).items()}
    return json.dumps(found, separators=(",", ":")) if 0 < len(found) <= _MARKS_MAX else ""


def _mark(value: Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_MARK_CHARACTERS]


def read_marks(text: str) -> dict[str, str] | None:
    """Return the marks that were sent; None where there are none that can be read."""
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def differences(
    mine: Mapping[str, Any], theirs: Mapping[str, Any], before: Mapping[str, str] | None
) -> tuple[list[Difference], list[Difference]]:
    """Return what both changed, and what only they did; what was changed in the form alone is no difference.

    ``mine`` and ``theirs`` are schedules as the form sends them, ``before`` the marks of the form as it was opened;
    without them everything counts as changed by both.
    """
    ours, stored = members(mine), members({name: theirs.get(name) for name in mine})
    both: list[Difference] = []
    only_theirs: list[Difference] = []
    for place in dict.fromkeys((*ours, *stored)):
        left, right = ours.get(place, _ABSENT), stored.get(place, _ABSENT)
        if left == right or _covers(place, ours, stored):
            continue
        was = _ABSENT if before is None else before.get(place, _ABSENT)
        left_changed, right_changed = (before is None or _marked(side) != was for side in (left, right))
        if right_changed:
            found = Difference(place, _label(place), _words(left), _words(right))
            (both if left_changed else only_theirs).append(found)
    return both, only_theirs


def _marked(value: Any) -> Any:
    return value if value is _ABSENT else _mark(value)


def _covers(place: str, ours: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Return whether a place is an empty object on one side whose members the other side has: they are named."""
    for one, other in ((ours, stored), (stored, ours)):
        if one.get(place) == {} and any(name.startswith(f"{place}/") for name in other):
            return True
    return False


def taken(mine: Mapping[str, Any], theirs: Mapping[str, Any], places: list[str]) -> dict[str, Any]:
    """Return ``mine`` with the members at ``places`` as they are in ``theirs``."""
    found: dict[str, Any] = json.loads(json.dumps(mine))
    for place in places:
        _take(found, theirs, place)
    return found


def _take(found: dict[str, Any], theirs: Mapping[str, Any], place: str) -> None:
    here: Any = found
    there: Any = theirs
    names = parts(place)
    for index, name in enumerate(names):
        is_last = index == len(names) - 1
        there = there.get(name, _ABSENT) if isinstance(there, Mapping) else _ABSENT
        if there is _ABSENT:
            here.pop(name, None)
            return
        if is_last or not isinstance(there, Mapping) or not isinstance(here.get(name), dict):
            here[name] = there
            return
        here = here[name]


def parts(place: str) -> list[str]:
    """Return the names that lead to a place."""
    return [_unescaped(part) for part in place.split("/")]


def _unescaped(part: str) -> str:
    for escape, sign in (("~4", "*"), ("~3", ":"), ("~2", "#"), ("~1", "/"), ("~0", "~")):
        part = part.replace(escape, sign)
    return part


def _words(value: Any) -> str:
    if value is _ABSENT or value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, Mapping) and "kind" in value and "timezone" in value:
        every = f"every {value['seconds']} s" if "seconds" in value else value["kind"]
        said = value.get("phrase") or value.get("expression") or value.get("at") or every
        limits = [f"{name[:-3]} {value[name]}" for name in ("starts_at", "ends_at") if value.get(name)]
        return ", ".join([str(said), str(value["timezone"]), *limits])
    text = (
        ", ".join(value) if isinstance(value, list) and all(isinstance(part, str) for part in value) else as_text(value)
    )
    return brief(text, _SHOWN)


def _label(place: str) -> str:
    top, *rest = parts(place)
    if top in _NAMES and not rest:
        return _NAMES[top]
    words = " ".join(name.replace("_", " ") for name in (rest if top == "data" and rest else [top, *rest]))
    return words[:1].upper() + words[1:]
