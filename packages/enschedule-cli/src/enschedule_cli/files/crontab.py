"""Crontabs as schedules of the handler ``shell``, with notes on what a schedule does otherwise than cron.

The format is that of crontab(5) in Debian, and CRON_TZ of cronie.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from enschedule_core.errors import InvalidTrigger
from enschedule_core.schedule import is_valid_id, slug
from enschedule_core.triggers import from_wire

HANDLER = "shell"
_LOCALTIME = Path("/etc/localtime")
_SETTING = re.compile(r"\s*(?P<quote>[\"']?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)\s*=\s*(?P<value>.*?)\s*")
_ENTRY = re.compile(r"(?P<when>@\w+|(?:\S+\s+){4}\S+)\s+(?P<command>.*)")
_SYSTEM_ENTRY = re.compile(r"(?P<when>@\w+|(?:\S+\s+){4}\S+)\s+(?P<user>\S+)\s+(?P<command>.*)")
_DEFAULT_SHELLS = {"/bin/sh", "sh"}
_ZONES = {"CRON_TZ", "TZ"}
_COMMANDS = re.compile(r"[;&|()]+")
_ASSIGNMENT = re.compile(r"\w+=.*")
_AROUND = frozenset({"env", "exec", "nice", "ionice", "sudo", "time", "nohup", "chronic", "if", "then"})
_NOTHING = frozenset({"cd", "test", "[", "[[", "sleep", "true", "set", "export", "flock", "."})


@dataclass(frozen=True, slots=True)
class Note:
    """What needs a look, and on which line of the crontab."""

    line: int
    text: str


@dataclass(slots=True)
class Found:
    """The ``spec`` of each schedule, and what needs a look."""

    specs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    """What the lines so far say about those that follow."""

    zone: str
    system: bool
    tags: list[str]
    env: dict[str, str] = field(default_factory=dict)
    shell: str = "/bin/sh"
    home: str = ""
    comment: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    found: Found = field(default_factory=Found)

    def note(self, line: int, text: str) -> None:
        self.found.notes.append(Note(line, text))


def machine_zone(environ: Mapping[str, str], localtime: Path = _LOCALTIME) -> tuple[str, str]:
    """Return the time zone of this machine, and in brackets how it is known."""
    named = environ.get("TZ", "").lstrip(":")
    if named and _is_zone(named):
        return named, " (by TZ)"
    _, found, zone = localtime.resolve().as_posix().partition("/zoneinfo/")
    if found and _is_zone(zone):
        return zone, " (this machine's)"
    return "UTC", " (this machine names none; --timezone says another)"


def check_zone(name: str) -> None:
    """Raise ``ValueError`` unless there is a time zone of this name."""
    if not _is_zone(name):
        raise ValueError("There is no such time zone; write for example Europe/Stockholm.")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def read(text: str, *, zone: str, system: bool = False, tags: Iterable[str] = ()) -> Found:
    """Return the schedules of a crontab; ``system``: each line names a user, as in /etc/crontab."""
    state = _State(zone, system, list(tags))
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            state.comment.append(line.lstrip("#").strip())
        elif setting := _SETTING.fullmatch(line):
            _set(state, number, setting["name"], _unquoted(setting["value"]))
            state.comment.clear()
        elif line:
            _entry(state, number, line)
            state.comment.clear()
        else:
            state.comment.clear()
    return state.found


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _set(state: _State, number: int, name: str, value: str) -> None:
    match name:
        case "SHELL":
            state.shell = value
        case "MAILTO" if value:
            state.note(number, f"MAILTO={value}: nobody is mailed; a schedule's notify tells a URL when it fails.")
        case "MAILTO" | "MAILFROM" | "LOGNAME" | "USER":
            state.note(number, f"{name} means nothing here and is left out.")
        case "RANDOM_DELAY":
            state.note(number, "RANDOM_DELAY is left out: schedules begin at their slot.")
        case "HOME":
            state.home = value
        case _ if name in _ZONES:
            if _is_zone(value):
                state.zone = value
                if name == "TZ":
                    state.env[name] = value
                    state.note(number, f"TZ={value}: taken as the zone of what follows; Debian's cron would not.")
            else:
                state.note(number, f"{name}={value}: there is no such time zone; {state.zone} is used.")
        case _:
            state.env[name] = value


def _entry(state: _State, number: int, line: str) -> None:
    match = (_SYSTEM_ENTRY if state.system else _ENTRY).fullmatch(line)
    if match is None:
        state.note(number, f"This line is no entry of a crontab and is left out: {line[:60]}")
        return
    when, command = match["when"], match["command"]
    spec: dict[str, Any] = {"id": _id(state, command), "handler": HANDLER, "data": _data(state, number, command)}
    if state.comment:
        spec["description"] = "\n".join(filter(None, state.comment))
    if when.lower() == "@reboot":
        state.note(number, f"{spec['id']}: @reboot has no counterpart; this schedule runs by hand only.")
    else:
        expression = when if when.startswith("@") else " ".join(when.split())
        try:
            trigger = from_wire({"kind": "cron", "expression": expression}, default_timezone=state.zone)
        except InvalidTrigger as problem:
            state.note(number, f"This line is left out: {problem.errors[0].message if problem.errors else problem}")
            state.ids.discard(spec["id"])
            return
        spec |= {"cron": expression, "timezone": trigger.timezone}
    if state.system and match["user"] != "root":
        state.note(number, f"{spec['id']}: ran as {match['user']}; here every command runs as the worker does.")
    elif state.system:
        state.note(number, f"{spec['id']}: ran as root; here every command runs as the worker does.")
    if state.tags:
        spec["tags"] = state.tags
    state.found.specs.append(spec)


def _data(state: _State, number: int, command: str) -> dict[str, Any]:
    """Return the data of the handler; what stands behind the first % is what the command reads (crontab(5))."""
    script, *rest = (part.replace(r"\%", "%") for part in re.split(r"(?<!\\)%", command))
    data: dict[str, Any] = {"command": script.strip()}
    if state.shell not in _DEFAULT_SHELLS:
        data["command"] = [state.shell, "-c", script.strip()]
    if rest:
        text = "\n".join(rest)
        data["stdin"] = text if text.endswith("\n") else f"{text}\n"
        state.note(number, "% outside of \\%: what stands behind the first one is the command's standard input.")
    if state.env:
        data["env"] = dict(state.env)
    if state.home:
        data["cwd"] = state.home
    elif not script.strip().startswith(("/", "cd /")):
        state.note(number, "cron starts in the home folder, a schedule in the worker's: give it cwd if that matters.")
    return data


def _id(state: _State, command: str) -> str:
    """Return an id made of the first program of a command that says something."""
    base = next(filter(None, map(_program, _COMMANDS.split(command))), "command")
    found, count = base, 1
    while found in state.ids or not is_valid_id(found):
        count += 1
        found = f"{base}-{count}"
    state.ids.add(found)
    return found


def _program(command: str) -> str:
    """Return the name of the program of a simple command, fit for an id; empty if it says nothing."""
    for word in command.split():
        name = word.strip("\"'").rstrip("/").rpartition("/")[2]
        if name in _NOTHING:
            return ""
        if name in _AROUND or word.startswith("-") or word.isdecimal() or _ASSIGNMENT.fullmatch(word):
            continue
        return slug(name.partition(".")[0])[:80]
    return ""
