"""What a plugin can do better, found without running it: `enschedule handlers check`, and checks for plugins' tests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from enschedule_core.errors import InvalidData
from enschedule_core.failure import describe, one_line
from enschedule_core.handler import Handler
from enschedule_core.registry import Registry
from enschedule_core.schema import check_data, validate_json_schema
from enschedule_core.source import Source


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend: of which plugin, of which handler (``None``: of the plugin itself), and what."""

    plugin: str
    handler: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.plugin}: {self.text}" if self.handler is None else f"{self.handler}: {self.text}"


def check_registry(registry: Registry) -> list[Finding]:
    """Return what is to be mended of all plugins of a registry, the broken ones first."""
    found = [Finding(plugin.name, None, f"cannot be loaded. {plugin.error}") for plugin in registry.broken]
    for handler in registry.handlers():
        plugin = name_of(registry.source(handler))
        others = {one.version for one in registry.handlers() if one.id == handler.id}
        newest = max(others)
        found += [
            Finding(plugin, f"{handler.id}@{handler.version}", text)
            for text in check_handler(handler, beside=others, is_newest=handler.version == newest)
        ]
    return found


def name_of(source: Source) -> str:
    """Return how people call the plugin of a source: by its distribution, else by where it is."""
    return source.distribution or str(source)


def check_handler(handler: Handler, *, beside: Collection[int] = (), is_newest: bool = True) -> list[str]:
    """Return what is to be mended of one handler, each as a sentence that says how.

    ``beside`` are the versions that are there besides; old data need no migration where their version is.
    """
    return [
        *_check_words(handler),
        *_check_schema(handler),
        *_check_example(handler),
        *(_check_migrations(handler, beside) if is_newest else ()),
    ]


def _check_words(handler: Handler) -> Iterator[str]:
    if handler.title == handler.id:
        yield "has no title: give title=, which people read before the id."
    if not handler.description.strip():
        yield "has no description: give description=, or a docstring, that says what it does."


def _check_schema(handler: Handler) -> Iterator[str]:
    schema = handler.json_schema()
    if schema is None:
        return
    for path, field in _fields(schema, "data"):
        if not str(field.get("description", "")).strip() and not field.get("readOnly"):
            yield f'{path} has no description: add metadata={{"description": "…"}} to it, which the form shows.'


def _fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field with its path; of a list and of a nested object what is in it, of a recursive one nothing."""
    for name, field in (schema.get("properties") or {}).items():
        here = f"{path}.{name}"
        yield here, field
        yield from _fields(field, here)
        items = field.get("items")
        if isinstance(items, Mapping):
            yield from _fields(items, f"{here}.0")


def _check_example(handler: Handler) -> Iterator[str]:
    schema = handler.json_schema()
    if handler.example is None:
        if schema is not None and schema.get("required"):
            yield "has no example, though its data has required fields: give example=, which the form starts with."
        return
    try:
        handler.load(check_data(handler.example))
    except InvalidData as refused:
        mistakes = "; ".join(f"{one.field}: {one.message}" for one in refused.errors) or refused.detail
        yield f"its example does not fit its own data_schema: {one_line(mistakes)}"
        return
    except Exception as error:  # noqa: BLE001 - the plugin's own code
        yield f"its data_schema fails over its own example: {one_line(describe(error))}"
        return
    if schema is None:
        return
    try:
        validate_json_schema(handler.example, schema)
    except InvalidData as refused:
        mistakes = "; ".join(f"{one.field}: {one.message}" for one in refused.errors) or refused.detail
        yield (
            "its example fits its data_schema, but not the JSON Schema made of it, which is all that a server without "
            f"this package has: {one_line(mistakes)}"
        )


def _check_migrations(handler: Handler, beside: Collection[int]) -> Iterator[str]:
    for version in range(1, handler.version):
        if version not in beside and version not in handler.migrations:
            yield (
                f"data of version {version} has no way to version {handler.version}: add a function with "
                f"@….migrate(from_version={version}), or keep version {version} beside it."
            )
