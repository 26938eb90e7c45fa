"""JSON given on the command line: as it is, from a file (``@data.json``) or from standard input (``@-``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click


class Data(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A JSON object; becomes a ``dict``."""

    name = "JSON"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read it; anything else is a usage error that says where it breaks off."""
        if isinstance(value, dict):
            return value
        text = str(value)
        if text.startswith("@"):
            try:
                text = _read(text[1:])
            except (OSError, UnicodeDecodeError) as problem:
                reason = getattr(problem, "strerror", None) or "it is not text in UTF-8"
                self.fail(f"{str(value)[1:]} cannot be read: {reason}.", param, ctx)
        try:
            found = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError) as problem:
            self.fail(f'this is not JSON: {problem}; write for example {{"message": "hello"}}.', param, ctx)
        if not isinstance(found, dict):
            self.fail(f'must be a JSON object, for example {{"message": "hello"}}, not {text[:40]}.', param, ctx)
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of an object; one that stands there twice is a mistake, as it is for the API."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    return Path(name).read_text(encoding="utf-8")


def json_value(text: str) -> Any:
    """Return JSON where ``text`` is that, else the text itself (``--set title=Nightly``)."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
