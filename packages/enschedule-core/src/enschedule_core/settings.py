"""Settings come from the environment, through one table per distribution.

``os.environ`` is read in a program's ``main`` only and handed in. Every setting with ``secret`` is also
read from the file that ``<NAME>_FILE`` names, so that no secret needs to be in the environment.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from enschedule_core.errors import ConfigurationError

PREFIX = "ENSCHEDULE_"
MASK = "***"
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


class Kind(StrEnum):
    """What the text of a variable must look like."""

    TEXT = "text"
    FLAG = "true or false"
    INTEGER = "whole number"
    DURATION = "duration"
    PORT = "port"
    CHOICE = "choice"
    LIST = "comma-separated list"
    TIMEZONE = "time zone"


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its name, form, default and one sentence of help.

    ``example`` is a valid value, shown in every error. ``minimum`` bounds numbers and durations
    (in seconds). ``aliases`` are further names, used where the name itself is not set.
    """

    name: str
    kind: Kind
    default: Any
    help: str
    example: str = ""
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    secret: bool = False
    aliases: tuple[str, ...] = ()

    def parse(self, text: str, name: str) -> Any:
        """Turn the text of variable ``name`` into a value, or raise :class:`ConfigurationError`."""
        try:
            return _PARSERS[self.kind](self, text.strip())
        except ValueError as problem:
            shown = "the value" if self.secret else repr(text)
            hint = f"For example {name}={self._sample()}"
            raise ConfigurationError(f"{name}: {shown} {problem}.", hint=hint) from None

    @property
    def unit(self) -> str | None:
        """In what the value is counted; ``None`` where it is no measure."""
        if self.kind is Kind.DURATION:
            return "seconds"
        return next((unit for unit in ("bytes", "days") if self.name.endswith(f"_{unit.upper()}")), None)

    def _sample(self) -> str:
        if self.example:
            return self.example
        if self.choices:
            return self.choices[0]
        if self.default not in (None, ()):
            return _shown(self.default)
        return {Kind.FLAG: "true", Kind.INTEGER: "8", Kind.DURATION: "30s", Kind.PORT: "3000"}.get(self.kind, "")


def _flag(_: Setting, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError("is neither true nor false")


def _integer(setting: Setting, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", text):
        raise ValueError("is not a whole number")
    return int(_bounded(setting, int(text)))


def _bounded(setting: Setting, value: float) -> float:
    if setting.minimum is not None and value < setting.minimum:
        raise ValueError(f"is less than {setting.minimum:g}")
    return value


def _duration(setting: Setting, text: str) -> timedelta:
    match = _DURATION.fullmatch(text.lower())
    if match is None or match[2] not in _UNITS:
        raise ValueError("is not a duration (a number with s, min, h or d)")
    try:
        return timedelta(seconds=_bounded(setting, float(match[1]) * _UNITS[match[2]]))
    except OverflowError:
        raise ValueError("is too long") from None


def _port(_: Setting, text: str) -> int:
    if "://" in text:
        raise ValueError("is a service link of Kubernetes, not a port; set enableServiceLinks: false")
    if not re.fullmatch(r"\d{1,5}", text) or not 0 <= int(text) <= 65_535:
        raise ValueError("is not a port between 0 and 65535")
    return int(text)


def _choice(setting: Setting, text: str) -> str:
    if text.lower() not in setting.choices:
        raise ValueError(f"is not one of {', '.join(setting.choices)}")
    return text.lower()


def _timezone(_: Setting, text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(text, available_timezones(), n=1)
        raise ValueError("is not a time zone" + (f"; did you mean {near[0]}?" if near else "")) from None
    return text


_PARSERS: dict[Kind, Any] = {
    Kind.TEXT: lambda _, text: text,
    Kind.FLAG: _flag,
    Kind.INTEGER: _integer,
    Kind.DURATION: _duration,
    Kind.PORT: _port,
    Kind.CHOICE: _choice,
    Kind.LIST: lambda _, text: tuple(part.strip() for part in text.split(",") if part.strip()),
    Kind.TIMEZONE: _timezone,
}


class Values:
    """The values of a table, read from one environment."""

    def __init__(self, values: Mapping[str, Any], given: Iterable[str]) -> None:
        self._values = dict(values)
        self.given = frozenset(given)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self._values.items())

    def text(self, name: str) -> str | None:
        """Return a text setting, ``None`` where it is not set and has no default."""
        value = self._values[name]
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Return a setting that is true or false."""
        return bool(self._values[name])

    def number(self, name: str) -> int:
        """Return a whole number."""
        return int(self._values[name])

    def duration(self, name: str) -> timedelta:
        """Return a duration."""
        value = self._values[name]
        assert isinstance(value, timedelta)
        return value

    def items(self, name: str) -> tuple[str, ...]:
        """Return the parts of a comma-separated list."""
        return tuple(self._values[name])


def _raw(setting: Setting, environ: Mapping[str, str]) -> tuple[str, str] | None:
    for name in (setting.name, *setting.aliases):
        if environ.get(name, "").strip():
            return name, environ[name]
        path = environ.get(f"{name}_FILE", "").strip() if setting.secret else ""
        if path:
            try:
                return name, Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as problem:
                raise ConfigurationError(
                    f"{name}_FILE: {path!r} cannot be read: {getattr(problem, 'strerror', None) or problem}.",
                    hint=f"For example {name}_FILE=/run/secrets/{name.lower()}",
                ) from None
    return None


def read(table: Iterable[Setting], environ: Mapping[str, str]) -> Values:
    """Read every setting of ``table`` from ``environ``; an empty variable counts as not set.

    Raises :class:`ConfigurationError` that names the variable and shows a valid value.
    """
    values: dict[str, Any] = {}
    given: set[str] = set()
    for setting in table:
        found = _raw(setting, environ)
        values[setting.name] = setting.default if found is None else setting.parse(found[1], found[0])
        if found is not None:
            given.add(setting.name)
    return Values(values, given)


def unknown(table: Iterable[Setting], environ: Mapping[str, str]) -> list[str]:
    """Return one warning for each ``ENSCHEDULE_`` variable that no setting reads."""
    names = {name for setting in table for name in (setting.name, *setting.aliases)}
    names |= {f"{setting.name}_FILE" for setting in table if setting.secret}
    warnings = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
            warnings.append(f"{name} is not a setting" + (f"; did you mean {near[0]}?" if near else "."))
    return warnings


def in_force(table: Iterable[Setting], values: Values, **settled: Any) -> tuple[dict[str, Any], ...]:
    """Return every setting of ``table`` with its value, as the API shows it; secrets that are set read ``***``.

    ``settled`` are values that the program made out itself where nothing was given, such as a host name.
    """
    shown, found = [], dict(values)
    for setting in sorted(table, key=lambda one: one.name):
        value = _plain(settled.get(setting.name, found[setting.name]))
        shown.append(
            {
                "name": setting.name,
                "kind": setting.kind.value,
                "value": MASK if setting.secret and value is not None else value,
                "default": None if setting.secret else _plain(setting.default),
                "given": setting.name in values.given,
                "unit": setting.unit,
                "help": setting.help,
                "secret": setting.secret,
            }
        )
    return tuple(shown)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int) else str(value)


def describe(table: Iterable[Setting]) -> str:
    """Return the table as text for ``--help``: name, form, default, help."""
    lines = []
    for setting in table:
        form = "|".join(setting.choices) if setting.choices else str(setting.kind)
        default = "" if setting.default in (None, ()) else f" [default: {_shown(setting.default)}]"
        lines.append(f"  {setting.name}  ({form}){default}\n      {setting.help}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    return ",".join(value) if isinstance(value, tuple) else str(value)
