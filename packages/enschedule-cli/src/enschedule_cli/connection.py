"""How a command reaches its server, and how what the server refuses becomes a line on stderr and an exit code.

Each of address and key comes from the first of: the option (``--url``, ``--api-key``), the context that ``--context``
names, the environment (``ENSCHEDULE_URL``, ``ENSCHEDULE_API_KEY`` or ``ENSCHEDULE_API_KEY_FILE``), the current context;
the address at last is http://127.0.0.1:3000. A context's key or session goes to that context's own address and to no
other.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from enschedule_cli.contexts import Contexts
from enschedule_cli.terminal import clean

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.errors import EnscheduleError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

FAILED, USAGE, UNREACHABLE, DENIED, TIMED_OUT = 1, 2, 3, 4, 5
DEFAULT_URL = "http://127.0.0.1:3000"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a command sends its requests, as whom, and what said so (``"--url"``, ``"context home"`` …).

    It has a key, or the ``token`` of a person's session, or neither.
    """

    url: str
    url_from: str
    api_key: str | None = field(repr=False)
    key_from: str | None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command is started in; tests hand in their own as ``obj``."""

    environ: Mapping[str, str]
    open_client: Callable[[Target], Client]
    sleep: Callable[[float], None] = time.sleep


def open_client(target: Target, transport: Any = None) -> Client:
    """Return a client for ``target``, over another transport than a socket if one is given; nothing is sent yet.

    By its name the server knows that a run was started at the command line. Raises :class:`click.UsageError` for an
    address or a key that cannot be one, and says where it came from.
    """
    client_class = _client_class()
    from enschedule_core.errors import ConfigurationError  # noqa: PLC0415 - the client has imported it

    name = f"enschedule-cli/{version('enschedule-cli')}"
    try:
        return client_class(
            target.url, api_key=target.api_key, token=target.token, transport=transport, user_agent=name
        )
    except ConfigurationError as problem:
        argument, _, said = problem.detail.partition(": ")
        if argument == "url":
            raise click.UsageError(f"{target.url_from}: {said}") from None
        raise click.UsageError(
            f"{target.key_from}: a key is printable ASCII without spaces around it, as the server printed it."
        ) from None


def surroundings() -> Surroundings:
    """Return what the running command was started in."""
    found = click.get_current_context().find_root().obj
    return found if isinstance(found, Surroundings) else Surroundings(os.environ, open_client)


def find_target(
    options: Mapping[str, str | None], environ: Mapping[str, str], contexts: Contexts | None = None
) -> Target:
    """Return where to send requests, as the module's docstring says.

    ``options`` are ``url``, ``api_key`` and ``context``, where given. Raises :class:`click.UsageError` for a context
    that is not there, and for a key file that cannot be read.
    """
    contexts = Contexts.of(environ) if contexts is None else contexts
    wanted = options.get("context")
    named = contexts.named(wanted) if wanted else None
    current = named or contexts.current()
    own = f"context {current.name}" if current else ""
    addresses = [
        (options.get("url"), "--url"),
        (named.url if named else None, own),
        (environ.get("ENSCHEDULE_URL"), "ENSCHEDULE_URL"),
        (current.url if current else None, own),
        (DEFAULT_URL, "default"),
    ]
    url, url_from = next((value.rstrip("/"), said) for value, said in addresses if value)
    own_one = current if current and current.url == url else None
    key_of_context = (own_one.api_key or own_one.token) if own_one else None
    keys = [
        (options.get("api_key"), "--api-key"),
        (key_of_context if named else None, own),
        (_key_of_environment(environ), _variable_of_key(environ)),
        (key_of_context, own),
    ]
    key, key_from = next(((value, said) for value, said in keys if value), (None, None))
    if own_one is not None and own_one.token and key_from == own:
        return Target(url, url_from, None, key_from, own_one.token)
    return Target(url, url_from, key, key_from)


def _variable_of_key(environ: Mapping[str, str]) -> str:
    return "ENSCHEDULE_API_KEY" if environ.get("ENSCHEDULE_API_KEY") else "ENSCHEDULE_API_KEY_FILE"


def _key_of_environment(environ: Mapping[str, str]) -> str | None:
    file = environ.get("ENSCHEDULE_API_KEY_FILE")
    if environ.get("ENSCHEDULE_API_KEY") or not file:
        return environ.get("ENSCHEDULE_API_KEY")
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not text"
        raise click.UsageError(f"ENSCHEDULE_API_KEY_FILE: {file} cannot be read: {reason}.") from None


# --- The options, and the client they make ---

OPTIONS = {
    "url": ("URL", f"The server; {DEFAULT_URL} unless told otherwise."),
    "api_key": ("KEY", "The key; better in ENSCHEDULE_API_KEY, where ps does not show it."),
    "context": ("NAME", "A server that `enschedule login` has stored."),
}
_META = f"{__name__}.options"


def connection_options(*, hidden: bool) -> list[click.Option]:
    """Return the options that say which server is meant: shown by ``enschedule``, taken by each command as well."""
    return [
        click.Option(
            [f"--{name.replace('_', '-')}"],
            metavar=metavar,
            help=text,
            hidden=hidden,
            expose_value=False,
            callback=_note,
        )
        for name, (metavar, text) in OPTIONS.items()
    ]


def _note(context: click.Context, option: click.Parameter, value: str | None) -> None:
    assert option.name is not None
    if value is not None:
        # meta is shared by a context and its parents, so each notes under its own identity.
        context.meta.setdefault(_META, {}).setdefault(id(context), {})[option.name] = value


def given_options() -> dict[str, str | None]:
    """Return the options that say which server is meant; those behind the command win over those before it."""
    found: dict[str, str | None] = dict.fromkeys(OPTIONS)
    context: click.Context | None = click.get_current_context()
    while context is not None:
        for name, value in context.meta.get(_META, {}).get(id(context), {}).items():
            found[name] = found[name] or value
        context = context.parent
    return found


def connected(function: Callable[Concatenate[Client, P], R]) -> Callable[P, R]:
    """Hand the client to a command as its first argument, and take ``--url``, ``--api-key`` and ``--context``.

    What the client raises is left to travel up: :class:`enschedule_cli.main.Commands` makes a message of it.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        around = surroundings()
        target = find_target(given_options(), around.environ)
        with around.open_client(target) as client:
            return function(client, *args, **kwargs)

    for option in reversed(connection_options(hidden=True)):
        # As click's own decorators leave them, for @click.command to pick up.
        call.__dict__.setdefault("__click_params__", []).append(option)
    return call


def _client_class() -> type[Client]:
    """Import the client, without the command line that httpx brings where rich and pygments are installed.

    That takes 150 ms, more than all the rest. ``None`` in ``sys.modules`` is Python's way to say that there is no such
    module (The import system, 5.3.1), and httpx does without.
    """
    name = "httpx._main"
    before = sys.modules.get(name)
    if "httpx" not in sys.modules:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        from enschedule_client import Client  # noqa: PLC0415 - `enschedule --help` needs no client
    finally:
        if sys.modules.get(name) is None:
            sys.modules.pop(name, None)
        if before is not None:
            sys.modules[name] = before
    return Client


# --- What was refused ---


class Refused(click.ClickException):
    """What the server or the client refused: one line on stderr, one more per further field, and an exit code."""

    def __init__(self, lines: list[str], exit_code: int) -> None:
        super().__init__(lines[0])
        self.lines = lines
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance; its annotation says class

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        first, *others = self.lines
        click.echo(f"Error: {clean(first)}", file=file, err=file is None)
        for line in others:
            click.echo(f"  {clean(line)}", file=file, err=file is None)


# The server says what to do as requests; here there are commands for them.
_CURES = (
    (re.compile(r"\bGET /api/v1/(schedules|runs|handlers|workers)\b"), r"enschedule get \1"),
    (re.compile(r"\bPUT /api/v1/schedules/(\S+) replaces it"), r"enschedule edit \1 changes it"),
    (re.compile(r'\bPUT /api/v1/pause with \{"paused": false\}'), "enschedule resume --all"),
)


def _as_commands(text: str) -> str:
    for pattern, command in _CURES:
        text = pattern.sub(command, text)
    return text


def refused(error: EnscheduleError, about: str = "") -> Refused:
    """Return ``error`` as what a command ends with; ``about`` says what it is about (``run 7``)."""
    from enschedule_core import errors  # noqa: PLC0415 - not before there is one

    said = _as_commands(str(error))
    first = f"{about}: {said}" if about else said
    fields = [f"{one.field}: {one.message}" for one in error.errors if one.message not in first]
    match error:
        case errors.Unavailable():
            code = UNREACHABLE
        case errors.Unauthenticated() | errors.Forbidden():
            code = DENIED
        case errors.ConfigurationError():
            code = USAGE
        case _:
            code = FAILED
    if isinstance(error, errors.Unauthenticated):
        fields.append("Log in, or give a key: enschedule login URL, --api-key KEY or ENSCHEDULE_API_KEY.")
    return Refused([first, *fields], code)


def each(items: Iterable[T], do: Callable[[T], object], about: str) -> None:
    """Do something with each item, and go on where the server refuses one of them.

    Each refusal is a line on stderr, begun with ``about`` (``"run {}"``); the command then ends with the exit code of
    the last one. A server that cannot be reached, or lets us do nothing, ends it at once.
    """
    from enschedule_core.errors import EnscheduleError  # noqa: PLC0415

    code = 0
    for item in items:
        try:
            do(item)
        except EnscheduleError as error:
            problem = refused(error, about.format(item))
            if problem.exit_code in {UNREACHABLE, DENIED, USAGE}:
                raise problem from error
            problem.show()
            code = problem.exit_code
    if code:
        sys.exit(code)
