"""Admin: what was done and refused, newest first, narrowed by who, what, to what and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, request

from enschedule_core.errors import EnscheduleError, FieldError, InvalidInput
from enschedule_core.wire.types import AuditEntry, Page
from enschedule_dashboard.durations import duration_text
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.present import Viewer, number
from enschedule_dashboard.session import client
from enschedule_dashboard.voices import readable

blueprint = Blueprint("audit", __name__, url_prefix="/admin")

_FILTERS = ("actor", "action", "kind", "id", "group", "from", "to", "refused")


@blueprint.get("/audit")
def index() -> str | tuple[str, int]:
    """Show what was done and refused, newest first."""
    wanted = {name: request.args[name].strip() for name in _FILTERS if request.args.get(name, "").strip()}
    try:
        found = client().audit.list(limit=100, cursor=request.args.get("cursor"), **_asked(wanted))
    except InvalidInput as error:
        return _audit(wanted, {"items": [], "next_cursor": None}, error), error.status
    return _audit(wanted, found)


def _asked(wanted: dict[str, str]) -> dict[str, Any]:
    """Return the filters as the API takes them: days are whole, in the viewer's zone, and both are meant."""
    asked: dict[str, Any] = {name: value for name, value in wanted.items() if name not in {"from", "to"}}
    for name, more in (("from", 0), ("to", 1)):
        if name in wanted:
            try:
                day = date.fromisoformat(wanted[name]) + timedelta(days=more)
                asked[{"from": "from_"}.get(name, name)] = datetime.combine(day, time(), viewer().zone).astimezone(UTC)
            except (ValueError, OverflowError):
                message = f"“{wanted[name][:40]}” is not a day; write for example 2026-11-24."
                raise InvalidInput(f"{name}: {message}", errors=[FieldError(name, message)]) from None
    return asked


def _audit(wanted: dict[str, str], found: Page[AuditEntry], error: EnscheduleError | None = None) -> str:
    following = found["next_cursor"]
    return render_template(
        "admin_audit.html",
        error=error,
        entries=[(entry, said(entry), detail_lines(entry, viewer())) for entry in found["items"]],
        wanted=wanted,
        is_first=not request.args.get("cursor"),
        next_query=urlencode({**wanted, "cursor": following}) if following else None,
        first_query=urlencode(wanted),
    )


_WORDS = {
    "create": "made",
    "update": "changed",
    "delete": "deleted",
    "restore": "brought back",
    "run": "ran",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "retry": "ran again",
    "revoke": "revoked",
    "member": "changed the members of",
    "put": "set",
    "delete_all": "ended all sessions of",
    "rotate": "encrypted anew",
    "access": "changed who may use",
}


def said(entry: AuditEntry) -> str:
    """Return what was done in words: ``changed the schedule``; of what was refused, that it was."""
    kind = entry["object"]["kind"].replace("_", " ")
    if entry["refused"]:
        method = entry["action"].partition(".")[2].upper()
        return "could not log in:" if entry["object"]["kind"] == "user" else f"may not {method}"
    verb = entry["action"].rpartition(".")[2]
    if entry["action"] == "session.create":
        return "logged in: session"
    if entry["action"] == "session.delete":
        return "logged out: session"
    return f"{_WORDS.get(verb, verb)} {'' if kind == 'everything' else 'the '}{kind}"


def detail_lines(entry: AuditEntry, who: Viewer) -> list[str]:
    """Return what was there before and after, a line each; a value that may be a secret only by its name."""
    detail = entry["detail"] or {}
    before, after = detail.get("before"), detail.get("after")
    if isinstance(before, dict) or isinstance(after, dict):
        old, new = before or {}, after or {}
        lines = [
            _line(name, old[name], new[name])
            if name in old and name in new
            else _line(name, new.get(name, old.get(name)))
            for name in {**old, **new}
            if (old.get(name), new.get(name)) != (None, None)
        ]
    elif "user" in detail:
        lines = [f"{detail['user']}: {_shown(before)} → {_shown(after)}"]
    else:
        lines = [
            _line(name, value)
            for name, value in detail.items()
            if name not in {"changed", "reason"} and value not in (None, False)
        ]
    lines += [f"{name} changed" for name in detail.get("changed", ())]
    return [*(readable(line, who) for line in lines), *([str(detail["reason"])] if detail.get("reason") else [])]


def _line(name: str, *values: Any, after_name: str = ": ") -> str:
    """Return ``timeout: 2 h → 3 h``; a member whose name ends in ``_seconds`` is a length of time."""
    told = name.removesuffix("_seconds")
    if told != name:
        shown = [duration_text(value) if _is_number(value) else _shown(value) for value in values]
    else:
        shown = [_shown(value) for value in values]
    return f"{told.replace('_', ' ')}{after_name}{' → '.join(shown)}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """Return a value of a schedule in few words: a trigger by its phrase or kind, a handler with its version."""
    if isinstance(value, dict):
        return _member_words(value)
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return number(value) if _is_number(value) else str(value)


def _member_words(value: dict[str, Any]) -> str:
    if {"id", "version"} == set(value):
        return f"{value['id']}@{value['version']}"
    if "kind" in value:
        said = value.get("phrase") or value.get("expression") or value.get("at") or value["kind"]
        return f"{said} ({value['timezone']})" if value.get("timezone") else str(said)
    return ", ".join(_line(name, one, after_name=" ") for name, one in value.items() if one is not None)
