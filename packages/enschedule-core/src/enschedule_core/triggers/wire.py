"""Triggers from what people and programs send: short texts and JSON objects."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from enschedule_core.clock import format_instant
from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers.base import Trigger
from enschedule_core.triggers.cron import Cron
from enschedule_core.triggers.cron_fields import LONGEST, MACROS
from enschedule_core.triggers.every import Every
from enschedule_core.triggers.kinds import COMMON, KINDS
from enschedule_core.triggers.members import instant_of, read_instant, read_text
from enschedule_core.triggers.once import Manual, Once
from enschedule_core.triggers.phrases import EXAMPLES, compile_phrase
from enschedule_core.triggers.problems import Mistake, refuse, refuse_text, renamed, type_of

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}([Tt ].*)?")
_CRON_FIELD = re.compile(r"[0-9*][0-9A-Za-z*/,#?-]*|[?L]|LW")
_MANUAL = frozenset({"manual", "by hand"})
_HINT = f"Write for example: {'; '.join(EXAMPLES)}; or a cron expression such as 30 2 * * *."


def parse(text: str, timezone: str = "UTC") -> Trigger:
    """Return the trigger of a phrase, a cron expression, a macro, an ISO instant, or ``manual``.

    Raises :class:`InvalidTrigger` about ``schedule`` (or ``timezone``).
    """
    return from_wire(text, default_timezone=timezone, field="schedule")


def from_wire(
    value: str | Mapping[str, Any],
    *,
    default_timezone: str = "UTC",
    field: str = "trigger",
    now: datetime | None = None,
) -> Trigger:
    """Return the trigger of a short text, or of an object ``{kind, …}`` as :meth:`Trigger.to_wire` writes it.

    ``default_timezone`` holds where the object names none. With ``now``, the trigger is about to be
    created: a past ``once``, an expression without any slot after ``now``, and a phrase that does not mean
    what stands beside it are refused. Without it (reading what was stored) they are not.

    Raises :class:`InvalidTrigger`: the errors of an object are about ``{field}.{member}``, those of a text
    about ``field``, and those of ``default_timezone`` about ``timezone``.
    """
    if isinstance(value, str):
        trigger = _renaming(lambda: _from_text(value, default_timezone), lambda name: _in_text(name, field))
    elif isinstance(value, Mapping):
        trigger = _renaming(lambda: _from_object(value, default_timezone), lambda name: f"{field}.{name}".rstrip("."))
    else:
        message = f"{field} must be a text such as “every day at 02:00”, or an object; this is {type_of(value)}."
        raise refuse(field, message, hint=_HINT)
    if now is not None:
        check_fires(trigger, value, now, field=field)
    return trigger


def check_fires(trigger: Trigger, value: str | Mapping[str, Any], now: datetime, *, field: str = "trigger") -> None:
    """Refuse a trigger, read from ``value``, that is about to be created and would never fire after ``now``.

    Also a phrase that does not mean what stands beside it. Raises :class:`InvalidTrigger` as :func:`from_wire` does.
    """
    own = field if isinstance(value, str) else f"{field}.{_telling_member(value)}"
    _check_creation(trigger, now, own)


def _from_text(text: str, timezone: str, **common: Any) -> Trigger:
    """Return the trigger of a short text; errors are about ``phrase`` (or a common member)."""
    stripped = text.strip()
    if not stripped:
        raise refuse("phrase", "There is nothing here.", span=(0, len(text)), hint=_HINT)
    if len(text) > LONGEST:
        message = f"This has {len(text):,} characters; a schedule has at most {LONGEST}."
        raise refuse("phrase", message, span=(LONGEST, len(text)))
    if stripped.lower() in _MANUAL:
        return Manual(timezone=timezone, **common)
    if _INSTANT.fullmatch(stripped):
        return Once(at=instant_of(stripped, "phrase"), timezone=timezone, **common)
    if stripped.startswith("@"):
        macro = stripped.lower()
        return Cron(expression=text, timezone=timezone, **{**common, "phrase": macro if macro in MACROS else None})
    if looks_like_cron(stripped):
        return Cron(expression=text, timezone=timezone, **common)
    return _from_phrase(text, timezone, **common)


def _from_phrase(text: str, timezone: str, **common: Any) -> Trigger:
    try:
        meaning = compile_phrase(text)
    except Mistake as mistake:
        raise refuse_text("phrase", mistake, compile_phrase, _HINT) from None
    members = {**common, "timezone": timezone, "phrase": text.strip()}
    if meaning.expression is not None:
        return Cron(expression=meaning.expression, **members)
    return Every(seconds=meaning.seconds, **members)


def looks_like_cron(text: str) -> bool:
    """Return whether ``text`` is meant as a cron expression rather than as words."""
    fields = text.split()
    starts = [_CRON_FIELD.fullmatch(part) is not None for part in fields[:2]]
    return "*" in text or (len(fields) > 1 and all(starts))


def _from_object(value: Mapping[str, Any], default_timezone: str) -> Trigger:
    kind = _kind_of(value)
    own_names = KINDS[kind].members if kind != "phrase" else ()
    _check_names(value, own_names, kind)
    zone = default_timezone if value.get("timezone") is None else value["timezone"]
    common: dict[str, Any] = {
        "timezone": read_text(zone, "timezone", "Europe/Stockholm"),
        "starts_at": read_instant(value.get("starts_at"), "starts_at"),
        "ends_at": read_instant(value.get("ends_at"), "ends_at"),
        "max_runs": value.get("max_runs"),
    }
    phrase = value.get("phrase")
    if kind == "phrase":
        return _from_text(read_text(phrase, "phrase", "every day at 02:00"), **common)
    common["phrase"] = None if phrase is None else _short(read_text(phrase, "phrase", "every day at 02:00"))
    trigger = KINDS[kind].read({name: value[name] for name in own_names if name in value}, common)
    if phrase is None and isinstance(trigger, Cron):
        macro = str(value.get("expression")).strip().lower()
        return replace(trigger, phrase=macro) if macro in MACROS else trigger
    return trigger


def _short(phrase: str) -> str:
    if len(phrase) > LONGEST:
        raise refuse("phrase", f"phrase has at most {LONGEST} characters; this has {len(phrase):,}.")
    return phrase


def _kind_of(value: Mapping[str, Any]) -> str:
    kind = value.get("kind")
    known = [*KINDS, "phrase"]
    if kind is None:
        if "phrase" in value:
            return "phrase"
        likely = next((name for name, cls in KINDS.items() if set(cls.members) & set(value)), None)
        message = f"kind is missing; it is one of {', '.join(known)}."
        raise refuse("kind", message, suggestion=likely)
    if isinstance(kind, str) and kind in known:
        return kind
    if not isinstance(kind, str):
        raise refuse("kind", f"kind must be one of {', '.join(known)}; this is {type_of(kind)}.")
    near = difflib.get_close_matches(kind.lower(), known, n=1)
    message = f"“{kind[:40]}” is not a kind of trigger; there are {', '.join(known)}."
    raise refuse("kind", message, span=(0, len(kind)), suggestion=near[0] if near else None)


def _check_names(value: Mapping[str, Any], own_names: tuple[str, ...], kind: str) -> None:
    known = ["kind", *own_names, *COMMON]
    for name in value:
        if name in known:
            continue
        near = difflib.get_close_matches(str(name), known, n=1)
        message = f"{str(name)[:40]} is not a member of a trigger of the kind {kind}; there are {', '.join(known)}."
        raise refuse(str(name)[:40], message + (f" Did you mean {near[0]}?" if near else ""))


def _check_creation(trigger: Trigger, now: datetime, field: str) -> None:
    """Refuse what would never run although somebody expects it to."""
    if isinstance(trigger, Manual):
        return
    if trigger.phrase is not None and isinstance(trigger, Cron | Every):
        _check_phrase(trigger, field)
    if trigger.next_after(now) is not None:
        return
    if isinstance(trigger, Once) and trigger.at <= now:
        raise refuse(field, f"{format_instant(trigger.at)} is in the past; it is {format_instant(_whole(now))}.")
    if trigger.ends_at is None and trigger.starts_at is None:
        raise refuse(field, "Never fires: no date ever matches it.")
    first = replace(trigger, ends_at=None).next_after(now)
    parent = field.rpartition(".")[0] or field
    if trigger.ends_at is None or first is None:
        raise refuse(field, f"Never fires: it has no slot after starts_at ({format_instant(trigger.starts_at)}).")
    ended = format_instant(trigger.ends_at)
    message = f"Never fires: its first slot would be {format_instant(first)}, after ends_at ({ended})."
    raise refuse(f"{parent}.ends_at", message)


def _check_phrase(trigger: Trigger, field: str) -> None:
    """Refuse a phrase beside an expression that means something else: people would be shown the wrong one."""
    try:
        meant = _from_text(trigger.phrase or "", trigger.timezone).expression
    except InvalidTrigger as error:
        parent = field.rpartition(".")[0]
        raise renamed(error, lambda _: f"{parent}.phrase" if parent else field) from None
    if meant != trigger.expression:
        message = f"“{trigger.phrase}” means {meant}, not {trigger.expression}. Send one of them."
        raise refuse(f"{field.rpartition('.')[0] or field}.phrase", message)


def _telling_member(value: Mapping[str, Any]) -> str:
    """Return the member that says when: the one that errors about the whole are shown at."""
    kind = value.get("kind", "phrase")
    cls = KINDS.get(kind) if isinstance(kind, str) else None
    return cls.members[0] if cls is not None and cls.members else "phrase"


def _in_text(name: str, field: str) -> str:
    return name if name == "timezone" else field


def _renaming(make: Callable[[], Trigger], rename: Callable[[str], str]) -> Trigger:
    try:
        return make()
    except InvalidTrigger as error:
        raise renamed(error, rename) from None


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
