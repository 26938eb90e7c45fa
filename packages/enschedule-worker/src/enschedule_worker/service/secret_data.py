"""Secrets in the data of a definition or a run: checked and sealed before it is stored, opened when it is run."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from enschedule_core import secret
from enschedule_core.errors import FieldError, InvalidData
from enschedule_core.masking import Mask, recent, texts_of
from enschedule_core.registry import Registry
from enschedule_core.schema import invalid_data, join_path
from enschedule_core.wire.definition import Definition, canonical
from enschedule_worker.service import present
from enschedule_worker.service.handlers import check_fits, schema_of
from enschedule_worker.store import secrets
from enschedule_worker.store.database import Transaction
from enschedule_worker.store.seal import NoKey, Unreadable

_STANDS_FOR = "secret"
"""What a schema is shown in place of a value that is not there yet, or that nobody looks at."""


def with_kept(data: dict[str, Any], stored: Mapping[str, Any] | None, *, why_not: str = "") -> dict[str, Any]:
    """Return data with the stored value wherever it says that what is sealed there is kept.

    Raises :class:`InvalidData` for what is no reference, and where ``stored`` has nothing sealed; ``why_not`` says why
    that is so.
    """
    secret.check_shapes(data)
    errors: list[FieldError] = []

    def kept(path: secret.Path, one: Any) -> Any:
        if not secret.is_sealed(one):
            return one
        before = secret.at(stored, path)
        # A sealed text that somebody sends is taken only where it stands already: it opens for nobody else.
        if secret.is_sealed(before) and one[secret.SEALED] in (True, before[secret.SEALED]):
            return before
        message = f"There is no sealed value here to keep{why_not}; write the value, or a reference to a secret."
        errors.append(FieldError(join_path("data", path), message))
        return one

    found: dict[str, Any] = secret.replaced(data, kept)
    if errors:
        raise InvalidData(f"{errors[0].field}: {errors[0].message}", errors=errors)
    return found


def check_names(tx: Transaction, used: Mapping[secret.Path, str], group: int | None, *, field: str) -> None:
    """Raise :class:`InvalidData` for references to secrets that schedules of ``group`` do not have."""
    if not used:
        return
    known = secrets.names(tx, group)
    errors = [
        FieldError(join_path(field, path), _unknown(name, known)) for path, name in used.items() if name not in known
    ]
    if errors:
        raise InvalidData(
            f"{errors[0].field}: {errors[0].message}",
            hint="An admin keeps secrets: on the page Admin, or with enschedule secrets set NAME.",
            errors=errors,
        )


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"There is no secret {name}." + (f" Did you mean {near[0]}?" if near else "")


def checked(
    tx: Transaction,
    registry: Registry,
    handler: Row[Any],
    data: dict[str, Any],
    *,
    stored: Mapping[str, Any] | None,
    group: int | None,
) -> dict[str, Any]:
    """Return data that fits the handler as it is stored: what its schema marks as secret is sealed.

    ``data`` has been through :func:`with_kept`. A value that ``stored`` has at the same place stays sealed as it is, so
    that the same data twice is no change. Raises :class:`InvalidData`, also where there is no key.
    """
    check_names(tx, secret.names_in(data), group, field="data")
    schema = schema_of(registry, handler)
    places = secret.marked(schema, data)
    _check_fits(registry, handler, schema, data, places)
    if not places:
        return data
    if not tx.keyring:
        problem = NoKey()
        errors = [FieldError(join_path("data", path), problem.detail) for path in places]
        raise InvalidData(f"{errors[0].field}: {problem.detail}", hint=problem.hint, errors=errors)
    return _sealed(tx, data, set(places), stored)  # type: ignore[no-any-return]  # a mapping stays one


def _sealed(
    tx: Transaction, value: Any, places: set[secret.Path], stored: Mapping[str, Any] | None, path: secret.Path = ()
) -> Any:
    if path in places:
        before = secret.at(stored, path)
        if secret.is_sealed(before) and _is_same(tx, before[secret.SEALED], value):
            return before
        return {secret.SEALED: tx.keyring.seal(value)}
    if secret.is_special(value):
        return value
    if isinstance(value, dict):
        return {name: _sealed(tx, one, places, stored, (*path, name)) for name, one in value.items()}
    if isinstance(value, list):
        return [_sealed(tx, one, places, stored, (*path, index)) for index, one in enumerate(value)]
    return value


def _is_same(tx: Transaction, sealed: str, value: Any) -> bool:
    try:
        before = tx.keyring.open(sealed)
    except Unreadable:
        return False
    return type(before) is type(value) and bool(before == value)


def _check_fits(
    registry: Registry,
    handler: Row[Any],
    schema: Mapping[str, Any] | None,
    data: dict[str, Any],
    places: Iterable[secret.Path],
) -> None:
    """Check data as far as its values are known; those of secrets are checked when they are, by the run."""
    specials = dict(secret.specials(data))
    wrong = [
        FieldError(join_path("data", path), "A secret is a text, and this takes none.")
        for path, one in specials.items()
        if secret.name_in(one) is not None and not secret.takes_text(schema, path)
    ]
    unseen = [join_path("data", path) for path in specials]
    values = [text for path in places for text in texts_of(secret.at(data, path))]
    recent.add(values)
    mask = Mask(values)
    try:
        check_fits(registry, handler, secret.replaced(data, lambda *_: _STANDS_FOR) if specials else data)
    except InvalidData as problem:
        wrong += [
            FieldError(one.field, mask.text(one.message), one.start, one.end, one.suggestion)
            for one in problem.errors
            if not any(f"{one.field}.".startswith(f"{path}.") for path in unseen)
        ]
    if wrong:
        raise invalid_data(wrong)


# ---------------------------------------------------------------- a whole definition


def settled(
    tx: Transaction,
    registry: Registry,
    definition: Definition,
    handler: Row[Any],
    row: Row[Any] | None,
    *,
    group: int | None,
    said: dict[str, Any] | None,
) -> Definition:
    """Return the definition with its data as they are stored, once they fit the handler; what is as it was passes."""
    before = None if row is None else present.definition(row)
    same_handler = before is not None and before["handler"]["id"] == handler.id
    stored = said["data"] if said is not None else (before["data"] if before is not None and same_handler else None)
    why_not = " for another handler" if before is not None and not same_handler else ""
    data = with_kept(definition.data, stored, why_not=why_not)
    moved = row is None or row.group_id != group
    after = definition.as_dict()
    if moved or before is None or canonical(before["env"]) != canonical(after["env"]):
        check_names(tx, secret.names_in(definition.env), group, field="env")
    if (
        before is None
        or before["handler"] != after["handler"]
        or canonical(before["data"]) != canonical(data)
        or (moved and secret.names_in(data))
    ):
        data = checked(tx, registry, handler, data, stored=stored, group=group)
    return replace(definition, data=data)


def names_of(data: Any, env: Any) -> frozenset[str]:
    """Return which secrets a definition refers to."""
    return frozenset([*secret.names_in(data).values(), *secret.names_in(env).values()])
