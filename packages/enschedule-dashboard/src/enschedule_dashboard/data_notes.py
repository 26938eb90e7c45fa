"""The data of a run beside that of the last success: the same, or what differs, which is where a failure often lies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from enschedule_client import Client
from enschedule_core.wire.types import RunDetail, Schedule
from enschedule_dashboard import forms
from enschedule_dashboard.present import brief
from enschedule_dashboard.reordering import spelled

_MOST = 12
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """What one member was and is, as JSON; "" where it is not there."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Data:
    """The data as it is drawn, a sentence about it, and what differs from the run ``other``."""

    lines: list[tuple[str, str, str]]
    note: str = ""
    other: int | None = None
    differences: tuple[Difference, ...] = ()


def read(asking: Client, run: RunDetail, schedule: Schedule | None) -> Data:
    """Compare a run that did not succeed with the last success before it, any other with its schedule."""
    lines = forms.json_lines(run["data"])
    if schedule is None or run["schedule"] is None:
        return Data(lines)
    if run["status"] in ("failed", "timed_out", "lost"):
        before = asking.runs.list(schedule=schedule["id"], status="succeeded", to=run["queued_at"], limit=1)["items"]
        if before:
            other = asking.runs.get(before[0]["id"])
            found = tuple(differences(other["data"], run["data"]))
            return Data(lines, "" if found else "the same as in the last success", other["id"], found)
    same = run["data"] == schedule["data"]
    return Data(lines, "the same as the schedule's now" if same else "not the schedule's present data")


def differences(before: Any, after: Any, name: str = "") -> Iterator[Difference]:
    """Yield what differs between two JSON values, members of objects one by one; not more than a dozen."""
    for count, found in enumerate(_differences(before, after, name)):
        if count == _MOST:
            return
        yield found


def _differences(before: Any, after: Any, name: str) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            inner = f"{name}.{key}" if name else str(key)
            yield from _differences(before.get(key, _ABSENT), after.get(key, _ABSENT), inner)
    elif before is _ABSENT or after is _ABSENT or _text(before) != _text(after):
        yield Difference(name or "data", _short(before), _short(after))


def _text(value: Any) -> str:
    return spelled(json.dumps(value, ensure_ascii=False, sort_keys=True))


def _short(value: Any) -> str:
    return "" if value is _ABSENT else brief(_text(value), 200)
