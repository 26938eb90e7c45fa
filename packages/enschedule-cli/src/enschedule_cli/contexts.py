"""The context file: servers by name, with their keys or sessions, and which of them is the current one."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Context:
    """A server that somebody has logged in to: with a key, or as a person, with the token of a session."""

    name: str
    url: str
    api_key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Contexts:
    """What the file says; a change is a new value, which :meth:`save` writes."""

    path: Path
    entries: Mapping[str, Context] = field(default_factory=dict)
    current_name: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Contexts:
        """Read ``ENSCHEDULE_CONTEXT_FILE``, else ``enschedule/contexts.json`` in the user's configuration folder.

        A file that is not there holds nothing. Raises :class:`click.UsageError` for one that cannot be read.
        """
        path = _path(environ)
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            entries = {str(name): _entry(str(name), one) for name, one in raw["contexts"].items()}
            return cls(path, entries, raw.get("current"))
        except FileNotFoundError:
            return cls(path)
        except OSError as problem:
            raise click.UsageError(f"{path} cannot be read: {problem.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise click.UsageError(
                f"{path} is not a context file; remove it, and enschedule login makes a new one."
            ) from None

    @classmethod
    def none(cls) -> Contexts:
        """Return no contexts at all, whatever the file says."""
        return cls(Path(os.devnull))

    def current(self) -> Context | None:
        """Return the context in use, if there is one."""
        return self.entries.get(self.current_name or "")

    def named(self, name: str) -> Context:
        """Return the context called ``name``; :class:`click.UsageError` where there is none."""
        if name not in self.entries:
            known = ", ".join(sorted(self.entries)) or "none yet; enschedule login URL makes one"
            raise click.UsageError(f"There is no context “{name}” (there is: {known}).")
        return self.entries[name]

    def with_context(self, entry: Context) -> Contexts:
        """Return these with ``entry`` added or replaced, and in use."""
        return replace(self, entries={**self.entries, entry.name: entry}, current_name=entry.name)

    def without(self, name: str) -> Contexts:
        """Return these without one; none is in use where it was that one."""
        rest = {one: entry for one, entry in self.entries.items() if one != name}
        return replace(self, entries=rest, current_name=None if self.current_name == name else self.current_name)

    def save(self) -> None:
        """Write the file, whole or not at all, for its owner only: it holds keys and sessions."""
        raw = {
            "current": self.current_name,
            "contexts": {
                one.name: {"url": one.url}
                | ({"api_key": one.api_key} if one.api_key else {})
                | ({"token": one.token} if one.token else {})
                for one in self.entries.values()
            },
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # mkstemp makes it readable by its owner alone.
            handle, made = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(raw, file, indent=2)
                    file.write("\n")
                Path(made).replace(self.path)
            except BaseException:
                Path(made).unlink(missing_ok=True)
                raise
        except OSError as problem:
            raise click.ClickException(f"{self.path} cannot be written: {problem.strerror}.") from None


def _path(environ: Mapping[str, str]) -> Path:
    if environ.get("ENSCHEDULE_CONTEXT_FILE"):
        return Path(environ["ENSCHEDULE_CONTEXT_FILE"])
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - Path's fails for a user without a home
    return Path(environ.get("XDG_CONFIG_HOME") or Path(home, ".config")) / "enschedule" / "contexts.json"


def _entry(name: str, raw: Any) -> Context:
    key, token = raw.get("api_key"), raw.get("token")
    return Context(
        name, str(raw["url"]).rstrip("/"), None if key is None else str(key), None if token is None else str(token)
    )
