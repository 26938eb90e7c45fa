"""Secrets in data: references to named ones, values that are sealed, and which fields of a schema hold some.

``{"$secret": "SLACK_TOKEN"}`` anywhere in data stands for the value that is kept under that name. ``{"$sealed": true}``
stands for a value that is stored sealed and never shown; sent back at its place, it keeps that value. Both stand for a
whole value, never for a part of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from enschedule_core.errors import FieldError, InvalidData
from enschedule_core.schema import join_path

REFERENCE: Final = "$secret"
SEALED: Final = "$sealed"
MARK: Final = "x-enschedule-secret"
NAMES: Final = "x-enschedule-secret-names"
NAME_PATTERN: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
VALUE_MAX: Final = 65_536
KEPT: Final[Mapping[str, Any]] = {SEALED: True}
_DEPTH: Final = 8
Path: TypeAlias = tuple[str | int, ...]


def name_in(value: Any) -> str | None:
    """Return the name if ``value`` is a reference to a secret."""
    name = value.get(REFERENCE) if isinstance(value, Mapping) and len(value) == 1 else None
    return name if isinstance(name, str) and NAME_PATTERN.fullmatch(name) else None


def is_sealed(value: Any) -> bool:
    """Return whether ``value`` stands for one that is sealed, as it is stored or as it is shown."""
    return isinstance(value, Mapping) and len(value) == 1 and isinstance(value.get(SEALED), bool | str)


def is_special(value: Any) -> bool:
    """Return whether ``value`` is, or tries to be, a reference or a sealed value."""
    return isinstance(value, Mapping) and (REFERENCE in value or SEALED in value)


def may_be_in(text: str | None) -> bool:
    """Return whether JSON text may have a reference or a sealed value in it; quick, for data that mostly has none."""
    return text is not None and '"$se' in text


def specials(value: Any, path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the references and sealed values in data, each with where it is."""
    if isinstance(value, Mapping):
        if is_special(value):
            yield path, value
            return
        for name, member in value.items():
            yield from specials(member, (*path, name))
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from specials(member, (*path, index))


def replaced(value: Any, replace: Callable[[Path, Any], Any], path: Path = ()) -> Any:
    """Return a copy of data with each reference and sealed value replaced by ``replace(path, it)``."""
    if isinstance(value, Mapping):
        if is_special(value):
            return replace(path, value)
        return {name: replaced(member, replace, (*path, name)) for name, member in value.items()}
    if isinstance(value, list):
        return [replaced(member, replace, (*path, index)) for index, member in enumerate(value)]
    return value


def shown(value: Any) -> Any:
    """Return stored data as it may be shown: of what is sealed, only that it is."""
    return replaced(value, lambda _, one: dict(KEPT) if is_sealed(one) else one)


def without_sealed(value: Any) -> Any:
    """Return a copy of data without what is sealed in it: for another schedule, which cannot keep that."""
    if isinstance(value, Mapping):
        return {name: without_sealed(member) for name, member in value.items() if not is_sealed(member)}
    if isinstance(value, list):
        return [without_sealed(member) for member in value if not is_sealed(member)]
    return value


def at(value: Any, path: Iterable[str | int]) -> Any:
    """Return what stands at a place in data, ``None`` if there is nothing."""
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return None
    return value


def names_in(value: Any) -> dict[Path, str]:
    """Return the names of the secrets that data refer to, by where they do."""
    found = {path: name_in(one) for path, one in specials(value)}
    return {path: name for path, name in found.items() if name is not None}


def check_shapes(value: Any, *, field: str = "data") -> None:
    """Raise :class:`InvalidData` for what looks like a reference or a sealed value and is none."""
    errors = []
    for path, one in specials(value):
        if name_in(one) is not None or is_sealed(one):
            continue
        if REFERENCE in one:
            message = (
                'A reference is {"$secret": "NAME"} and nothing beside it; '
                "a name has A-Z, 0-9 and _, begins with a letter, and is at most 64 long."
            )
        else:
            message = 'A sealed value is written {"$sealed": true}, which keeps it as it is.'
        errors.append(FieldError(join_path(field, path), message))
    if errors:
        raise InvalidData(f"{errors[0].field}: {errors[0].message}", errors=errors)


# ---------------------------------------------------------------- which fields of a schema hold secrets


def marked(schema: Mapping[str, Any] | None, data: Any) -> list[Path]:
    """Return where in ``data`` the values are that a JSON Schema marks as secret; of an object or list, each in it.

    A schema marks a value by ``x-enschedule-secret``, ``writeOnly`` or ``format: password``, and members of an object
    whose names match the regular expression in its ``x-enschedule-secret-names`` (upper and lower case alike).
    """
    return [] if schema is None else list(_marked(_all(schema, schema), data, schema, (), secret=False))


def _marked(
    rules: list[Mapping[str, Any]], value: Any, root: Mapping[str, Any], path: Path, *, secret: bool
) -> Iterator[Path]:
    secret = secret or any(_marks(rule) for rule in rules)
    if is_special(value) or value is None or value == "" or isinstance(value, bool):
        return
    if isinstance(value, Mapping):
        patterns = [rule[NAMES] for rule in rules if isinstance(rule.get(NAMES), str)]
        for name, member in value.items():
            named = any(_matches(pattern, name) for pattern in patterns)
            yield from _marked(_below(rules, name, root), member, root, (*path, name), secret=secret or named)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _marked(_below(rules, index, root), member, root, (*path, index), secret=secret)
    elif secret:
        yield path


def takes_text(schema: Mapping[str, Any] | None, path: Path) -> bool:
    """Return whether a text may stand at this place; true where the schema does not say."""
    if schema is None:
        return True
    rules = _all(schema, schema)
    for part in path:
        rules = _below(rules, part, schema)
    kinds = [rule["type"] for rule in rules if "type" in rule]
    return not kinds or any("string" in ([kind] if isinstance(kind, str) else kind) for kind in kinds)


def _marks(rule: Mapping[str, Any]) -> bool:
    return rule.get(MARK) is True or rule.get("writeOnly") is True or rule.get("format") == "password"


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name, re.IGNORECASE) is not None
    except re.error:
        return False


def _all(schema: Any, root: Mapping[str, Any], depth: int = 0) -> list[Mapping[str, Any]]:
    """Return a schema with what it refers to and its alternatives."""
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return []
    found = [schema]
    target = schema.get("$ref")
    if isinstance(target, str) and target.startswith("#/"):
        found += _all(at(root, target[2:].split("/")), root, depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(word) or ():
            found += _all(one, root, depth + 1)
    return found


def _below(rules: list[Mapping[str, Any]], part: str | int, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for rule in rules:
        if isinstance(part, int):
            found += _all(rule.get("items"), root)
            continue
        known = rule.get("properties")
        if isinstance(known, Mapping) and part in known:
            found += _all(known[part], root)
        else:
            found += _all(rule.get("additionalProperties"), root)
    return found
