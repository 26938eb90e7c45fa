"""The sentence a page opens with: how a schedule stands, what became of a run.

A sentence has a verdict (``lead``, in the tone of its status) and what follows from it (``rest``). Numbers
that do not change what the reader does next are not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from enschedule_dashboard import present
from enschedule_dashboard.present import Viewer, as_instant

_INSTANT = re.compile(r"\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z")
_UNUSUAL = 3.0
_SLOW_FROM_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said: ``lead`` in the tone ``ok``, ``bad``, ``warn``, ``run`` or ``idle``, then ``rest``."""

    lead: str = ""
    rest: str = ""
    tone: str = "idle"

    @property
    def text(self) -> str:
        """Return all of it."""
        return f"{self.lead} {self.rest}".strip()


def moment(instant: str, viewer: Viewer) -> str:
    """Return ``14:35:10, in 3 min``; seconds only where they are near and not zero."""
    distance = abs((as_instant(instant) - viewer.now).total_seconds())
    near = distance < present.DAY
    local = viewer.local(as_instant(instant))
    is_close = distance < present.HOUR and local.second and local.date() == viewer.local(viewer.now).date()
    written = present.clock_time(instant, viewer) if is_close else present.day_time(instant, viewer)
    return f"{written}, {present.relative(instant, viewer)}" if near else written


def _ended(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?…" else f"{text}."


def readable(text: str, viewer: Viewer) -> str:
    """Return ``text`` with the instants in it (ISO 8601 with ``Z``) as the viewer reads them.

    Such a text may name days on both sides of today (``since Thu 19 Nov 11:32 until Thu 14:32``), so a weekday alone is
    always one to come.
    """
    return _INSTANT.sub(lambda found: _on_its_side(found[0], viewer), text)


def _on_its_side(instant: str, viewer: Viewer) -> str:
    written = present.slot_time(instant, viewer)
    local, now = viewer.local(as_instant(instant)), viewer.local(viewer.now)
    if not 0 < (now.date() - local.date()).days <= 6:
        return written
    date = present.ordinal_date(local, year=local.year != now.year)
    return written.replace(" ", f" {date} ", 1)  # behind the weekday


def zone_words(zone: str, viewer: Viewer) -> str:
    """Return ``Stockholm time``, or nothing where it is the viewer's own zone."""
    if zone == viewer.zone.key:
        return ""
    return "UTC" if zone in ("UTC", "Etc/UTC") else f"{present.place(zone)} time"


def schedule_voice(schedule: Mapping[str, Any], viewer: Viewer) -> Sentence:
    """Return how a schedule stands and what comes next."""
    status = str(schedule.get("status"))
    if status == "broken":
        reason = _ended(str(schedule.get("broken_reason") or "its trigger or its data cannot be used"))
        return Sentence("Broken:", f"{reason} Nothing runs until that is mended.", "bad")
    if status == "paused" or schedule.get("paused"):
        return _paused(schedule, viewer)
    lead, tone = _verdict(schedule, status, viewer)
    return Sentence(lead, _coming(schedule, status, viewer), tone)


def _paused(schedule: Mapping[str, Any], viewer: Viewer) -> Sentence:
    pause = schedule.get("pause") or {}
    lead = "Paused"
    if pause.get("by"):
        lead += f" by {pause['by']}"
    if pause.get("until"):
        lead += f" until {present.day_time(pause['until'], viewer)}"
    elif pause.get("at"):
        lead += f" since {present.day_time(pause['at'], viewer)}"
    reason = f": “{pause['reason']}”." if pause.get("reason") else "."
    return Sentence(
        lead + reason,
        f"{_rule(schedule, viewer)}; no slot runs until {'then' if pause.get('until') else 'it is resumed'}.",
        "idle",
    )


def _verdict(schedule: Mapping[str, Any], status: str, viewer: Viewer) -> tuple[str, str]:
    if schedule.get("failing_since"):
        since = present.day_time(schedule["failing_since"], viewer)
        count = int(schedule.get("failures_in_row") or 1)
        return f"Failing since {since}, {f'{present.times(count)} in a row' if count > 1 else 'once so far'}.", "bad"
    if status == "waiting":
        return f"Waiting: {_who_is_missing(schedule)}.", "warn"
    if status == "running":
        return "Running now.", "run"
    if status == "retrying":
        return "The last attempt failed; it will be tried again.", "warn"
    return "", "idle"


def _who_is_missing(schedule: Mapping[str, Any]) -> str:
    """Return ``no worker tagged gpu that is up offers images v2``, or what else a waiting schedule waits for."""
    handler, bound = schedule["handler"], schedule.get("worker") or {}
    offers = f"{handler['id']} v{handler['version']}"
    if bound.get("id"):
        return f"worker {bound['id']} is not up, or does not offer {offers}"
    tagged = f" tagged {' and '.join(bound['tags'])}" if bound.get("tags") else ""
    return f"no worker{tagged} that is up offers {offers}"


def _rule(schedule: Mapping[str, Any], viewer: Viewer) -> str:
    """Return the trigger in words, with its zone where that is not the viewer's."""
    trigger = schedule["trigger"]
    zone = zone_words(str(trigger.get("timezone") or "UTC"), viewer) if trigger["kind"] in ("cron", "once") else ""
    return str(trigger.get("description") or "") + (f", {zone}" if zone else "")


def _coming(schedule: Mapping[str, Any], status: str, viewer: Viewer) -> str:
    kind = schedule["trigger"]["kind"]
    if kind == "manual":
        return "It runs only when somebody says so."
    rule = _rule(schedule, viewer)
    if schedule.get("retry_at"):
        return f"{rule}; the next attempt starts at {moment(schedule['retry_at'], viewer)}."
    due = schedule.get("due_at")
    if due is None:
        return f"{rule}. Nothing more is planned." if status == "finished" else f"{rule}."
    if as_instant(due) < viewer.now and status != "running":
        return f"{rule}; it was due at {moment(due, viewer)}."
    return f"{rule}; the next run is {_preposition(due, viewer)}{moment(due, viewer)}."


def _preposition(instant: str, viewer: Viewer) -> str:
    return "at " if present.day(instant, viewer) == "" else "on "


def run_voice(run: Mapping[str, Any], viewer: Viewer, schedule: Mapping[str, Any] | None = None) -> Sentence:
    """Return what became of a run; ``schedule`` (if it still exists) says what is usual and what comes next."""
    status = str(run["status"])
    said = _RUN_VOICES.get(status, _other)(run, viewer, schedule)
    follows = _follows(run, viewer, schedule) if status in ("failed", "timed_out", "lost") else ""
    return Sentence(said.lead, f"{said.rest} {follows}".strip(), said.tone)


def _queued(run: Mapping[str, Any], viewer: Viewer, _: Mapping[str, Any] | None) -> Sentence:
    later = run.get("not_before")
    if later and as_instant(later) > viewer.now:
        return Sentence("Waiting:", f"attempt {run['attempt']} starts at {moment(later, viewer)}.", "idle")
    waited = present.since(run["queued_at"], viewer)
    return Sentence(
        "Waiting", f"for a free place on a worker that has {run['handler']['id']}, for {waited} now.", "idle"
    )


def _running(run: Mapping[str, Any], viewer: Viewer, schedule: Mapping[str, Any] | None) -> Sentence:
    elapsed = (viewer.now - as_instant(run["started_at"])).total_seconds() if run.get("started_at") else 0.0
    where = f" on {run['worker']['id']}" if run.get("worker") else ""
    lead = f"Running for {present.duration(max(elapsed, 0.0), True)}{where}"
    if run.get("cancel_requested"):
        return Sentence(f"{lead}.", "It was told to stop; the handler has not answered yet.", "warn")
    usual = (schedule or {}).get("usual_seconds")
    if usual and elapsed > _UNUSUAL * usual and elapsed > _SLOW_FROM_SECONDS:
        return Sentence(f"{lead}:", f"{elapsed / usual:.0f} × its usual time of {present.duration(usual)}.", "warn")
    return Sentence(f"{lead};" if usual else f"{lead}.", f"usually {present.duration(usual)}." if usual else "", "run")


def _succeeded(run: Mapping[str, Any], _: Viewer, schedule: Mapping[str, Any] | None) -> Sentence:
    took = run.get("duration_seconds")
    usual = (schedule or {}).get("usual_seconds")
    lead = f"Succeeded in {present.duration(took, True)}" if took is not None else "Succeeded"
    lines = int((run.get("output") or {}).get("lines") or 0)
    printed = present.plural(lines, "line") if lines else "with no output"
    if took is not None and usual and max(took, usual) > _SLOW_FROM_SECONDS and _is_unusual(took, usual):
        return Sentence(f"{lead},", f"which is unusual: it takes {present.duration(usual)} as a rule.", "ok")
    return Sentence(f"{lead},", f"{printed}.", "ok")


def _is_unusual(took: float, usual: float) -> bool:
    return took > _UNUSUAL * usual or took * _UNUSUAL * 2 < usual


def _failed(run: Mapping[str, Any], _: Viewer, __: Mapping[str, Any] | None) -> Sentence:
    outcome = run.get("outcome") or {}
    took = run.get("duration_seconds")
    lead = "Failed" + (f" after {present.duration(took, True)}" if took is not None else "")
    if outcome.get("kind") == "exit" and outcome.get("exit_code") is not None:
        return Sentence(f"{lead}", f"with exit code {outcome['exit_code']}.", "bad")
    message = _ended(str(outcome.get("message") or ""))
    return Sentence(f"{lead}:" if message else f"{lead}.", message, "bad")


def _first_sentence(run: Mapping[str, Any], without: str) -> tuple[str, str]:
    """Return the first sentence of what the worker said of a run, and the rest of it."""
    first, _, rest = str((run.get("outcome") or {}).get("message") or without).partition(". ")
    return first, rest


def _timed_out(run: Mapping[str, Any], _: Viewer, __: Mapping[str, Any] | None) -> Sentence:
    said, rest = _first_sentence(run, "")
    if said.startswith("Timed out"):  # as the worker says it, with what became of the handler
        return Sentence(f"{said.rstrip('.')}.", rest, "bad")
    took = run.get("duration_seconds")
    lead = f"Timed out after {present.duration(took, True)}." if took is not None else "Timed out."
    return Sentence(lead, "", "bad")


def _lost(run: Mapping[str, Any], viewer: Viewer, _: Mapping[str, Any] | None) -> Sentence:
    who = run["worker"]["id"] if run.get("worker") else "the worker"
    when = f" at {present.clock_time(run['finished_at'], viewer)}" if run.get("finished_at") else ""
    message = _ended(str((run.get("outcome") or {}).get("message") or f"{who} was given up{when}"))
    newest = max((int(link["attempt"]) for link in run.get("attempts") or ()), default=0)
    is_repeated = bool(run.get("retry_at")) or newest > int(run.get("attempt") or 1)
    rest = "" if is_repeated else "; it is not repeated unless you say so"
    return Sentence("Lost:", f"{message} Whether it finished is not known{rest}.", "bad")


def _cancelled(run: Mapping[str, Any], _: Viewer, __: Mapping[str, Any] | None) -> Sentence:
    took = run.get("duration_seconds")
    when = f" after {present.duration(took, True)}" if took is not None else " before it started"
    said, rest = _first_sentence(run, "Cancelled.")
    return Sentence(f"{said.rstrip('.').removesuffix(when)}{when}.", rest, "idle")


def _other(run: Mapping[str, Any], _: Viewer, __: Mapping[str, Any] | None) -> Sentence:
    word = "Expired:" if run["status"] == "skipped" else f"{str(run['status']).replace('_', ' ').capitalize()}."
    return Sentence(word, _ended(str((run.get("outcome") or {}).get("message") or "")), "idle")


_RUN_VOICES = {
    "queued": _queued,
    "running": _running,
    "succeeded": _succeeded,
    "failed": _failed,
    "timed_out": _timed_out,
    "lost": _lost,
    "cancelled": _cancelled,
}


def _follows(run: Mapping[str, Any], viewer: Viewer, schedule: Mapping[str, Any] | None) -> str:
    """Return what comes after a run that went wrong."""
    attempt, most = int(run.get("attempt") or 1), int(run.get("max_attempts") or 1)
    if run.get("retry_at"):
        return f"Attempt {attempt} of {most}; the next starts at {moment(run['retry_at'], viewer)}."
    said = ""
    newest = max((int(link["attempt"]) for link in run.get("attempts") or ()), default=attempt)
    if newest > attempt:
        return f"Attempt {attempt} of {most}; attempt {newest} followed."
    if most > 1:
        said = "Both attempts are used" if most == 2 else f"All {most} attempts are used"
        said = said if attempt >= most else f"Attempt {attempt} of {most}"
    due = (schedule or {}).get("due_at")
    if due and not (schedule or {}).get("paused") and as_instant(due) > viewer.now:
        slot = f"he next slot is {_preposition(due, viewer)}{moment(due, viewer)}."
        return f"{said}; t{slot}" if said else f"T{slot}"
    return f"{said}." if said else ""
