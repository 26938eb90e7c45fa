"""The data of a run with every secret in its place: made when the run is handed to its executor, and never stored."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.masking import texts_of
from enschedule_core.schema import encode_json, join_path
from enschedule_worker.store.seal import VARIABLE, Keyring, Unreadable


class CannotOpen(Exception):
    """A secret of a run is not there, or no key opens it; the text is for people."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a handler gets, as JSON text, and the ``values`` in it that nobody may see."""

    data: str = field(repr=False)
    env: str | None = field(default=None, repr=False)
    values: tuple[str, ...] = field(default=(), repr=False)


def names(data: str, env: str | None) -> frozenset[str]:
    """Return the names of the secrets that stored data and variables refer to."""
    found = [json.loads(text) for text in (data, env) if text is not None and secret.may_be_in(text)]
    return frozenset(name for value in found for name in secret.names_in(value).values())


def usable(known: Mapping[str, Row[Any]], wanted: Collection[str], group: int | None) -> dict[str, str]:
    """Return the sealed values of those secrets that runs of a group may use."""
    return {name: known[name].value for name in wanted if name in known and known[name].group_id in (None, group)}


def opened(data: str, env: str | None, named: Mapping[str, str], keyring: Keyring) -> Opened:
    """Return stored data and variables with every secret in its place. Raises :class:`CannotOpen`."""
    values: list[str] = []

    def opener(field: str) -> Any:
        def value_of(path: secret.Path, one: Any) -> Any:
            value = _value(one, join_path(field, path), named, keyring)
            values.extend(texts_of(value))
            return value

        return value_of

    whole = encode_json(secret.replaced(json.loads(data), opener("data")))
    variables = None if env is None else encode_json(secret.replaced(json.loads(env), opener("env")))
    return Opened(whole, variables, tuple(dict.fromkeys(values)))


def _value(one: Any, place: str, named: Mapping[str, str], keyring: Keyring) -> Any:
    name = secret.name_in(one)
    if name is not None and name not in named:
        raise CannotOpen(f"{place}: There is no secret {name}, or it is for another group.")
    sealed = named[name] if name is not None else one.get(secret.SEALED)
    what = "It" if name is None else f"The secret {name}"
    try:
        return keyring.open(str(sealed))
    except Unreadable:
        raise CannotOpen(
            f"{place}: {what} cannot be opened: it was sealed with a key that is not in {VARIABLE} of this worker."
            if keyring
            else f"{place}: {what} cannot be opened: {VARIABLE} is not set for this worker."
        ) from None
