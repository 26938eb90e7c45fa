"""The checks of a handler's declaration, so that a mistake is found where it was made, not at two at night."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from enschedule_core.actor import Role
from enschedule_core.schedule import is_valid_id
from enschedule_core.schema import check_json

if TYPE_CHECKING:
    from marshmallow import Schema

VERSION_LIMIT = 2**31
MAX_RUNNING_LIMIT = 10_000
_SHAPE = "it takes the data, and the context if it wants: def run(data, context)"


@dataclass(frozen=True, slots=True)
class Arguments:
    """How a handler's function is called: with how many positional arguments, and whether ``context=`` besides."""

    positional: int
    context_by_name: bool


def check_identity(handler_id: object, version: object) -> None:
    """Raise ``ValueError`` or ``TypeError`` unless id and version can be those of a handler."""
    if not isinstance(handler_id, str) or not is_valid_id(handler_id):
        rule = "a handler id is lower-case letters, digits and . _ - (at most 100), and neither new nor actions"
        raise ValueError(f"{rule}: not {handler_id!r}")
    if not isinstance(version, int) or isinstance(version, bool):
        raise TypeError(f"handler {handler_id}: version is an integer, for example 1, not {version!r}")
    if not 1 <= version < VERSION_LIMIT:
        raise ValueError(f"handler {handler_id}: version is 1 or more, not {version}")


def check_max_running(max_running: object, handler_id: str) -> None:
    """Raise ``ValueError`` or ``TypeError`` unless it is a limit on runs at once, or ``None`` for none."""
    if max_running is None:
        return
    if not isinstance(max_running, int) or isinstance(max_running, bool):
        raise TypeError(f"handler {handler_id}: max_running is an integer, for example 1, not {max_running!r}")
    if not 1 <= max_running <= MAX_RUNNING_LIMIT:
        raise ValueError(f"handler {handler_id}: max_running is 1 to {MAX_RUNNING_LIMIT:,}, not {max_running}")


def role_of(minimum_role: object, handler_id: str) -> Role | None:
    """Return the role that a handler demands, ``None`` for none; raise ``ValueError`` for what is no role."""
    if minimum_role is None:
        return None
    try:
        return Role(str(minimum_role))
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise ValueError(f"handler {handler_id}: minimum_role is one of {known}, not {minimum_role!r}") from None


def schema_instance(data_schema: Schema | type[Schema] | None, handler_id: str) -> Schema | None:
    """Return the schema to load data with, made from a class where one was given."""
    if data_schema is None:
        return None
    from marshmallow import Schema  # noqa: PLC0415 - see enschedule_core.handler

    schema = data_schema() if isinstance(data_schema, type) and issubclass(data_schema, Schema) else data_schema
    if not isinstance(schema, Schema):
        raise TypeError(f"handler {handler_id}: data_schema is a marshmallow Schema, not {data_schema!r}")
    if schema.many:
        raise ValueError(f"handler {handler_id}: data_schema has many=True, but data is one JSON object")
    return schema


def check_example(example: Mapping[str, Any] | None, handler_id: str) -> dict[str, Any] | None:
    """Return the example as a plain JSON object."""
    if example is None:
        return None
    if not isinstance(example, Mapping):
        raise TypeError(f"handler {handler_id}: example is a JSON object, not {example!r}")
    copy: dict[str, Any] = check_json(dict(example), field="example")
    return copy


def summary(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a function's docstring on one line; empty without one."""
    text = inspect.getdoc(function) if inspect.isroutine(function) else None
    return " ".join((text or "").split("\n\n", 1)[0].split())


def arguments(function: Callable[..., Any], handler_id: str) -> Arguments:
    """Read from the signature how the function is called.

    It takes ``()``, ``(data)``, ``(data, context)`` or ``(data, *, context)``; a second positional argument is the
    context if it is called so, or has no default. Raises ``TypeError`` for what could not be called, or would not run
    when called (a generator).
    """
    if not callable(function):
        raise TypeError(f"handler {handler_id}: {function!r} is not a function; {_SHAPE}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"handler {handler_id}: a function with `yield` would never run; {_SHAPE}")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # some builtins have no signature
        return Arguments(positional=1, context_by_name=False)
    positional = [one for one in parameters if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
    named = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    required = [one for one in positional if one.default is one.empty]
    foreign = [one.name for one in named if one.default is one.empty and one.name != "context"]
    if len(required) > 2 or foreign:
        signature = f"{_name(function)}{inspect.signature(function)}"
        raise TypeError(f"handler {handler_id}: {signature} cannot be called; {_SHAPE}")
    takes_context = len(required) == 2 or (len(positional) > 1 and positional[1].name == "context")
    variadic = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return Arguments(
        positional=2 if takes_context else min(len(positional), 1) or int(variadic),
        context_by_name=any(one.name == "context" for one in named),
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
