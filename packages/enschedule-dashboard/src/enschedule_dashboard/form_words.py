"""What a form says about a field of a JSON Schema: its label and unit, its bounds, what an empty control shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from enschedule_dashboard.form_fields import Field, Kind, as_text

_UNITS = {"_seconds": "seconds", "_minutes": "minutes", "_ms": "ms", "_bytes": "bytes", "_percent": "%"}
_TYPE_WORDS = {
    "string": "text",
    "integer": "whole number",
    "boolean": "yes or no",
    "array": "list",
    "object": "object",
    "number": "number",
}


def shape(schema: Mapping[str, Any], types: Iterable[str]) -> str:
    """Return what a shape of a union is called: its title, what marks it, else its type."""
    if isinstance(schema.get("title"), str) and schema["title"].strip():
        return str(schema["title"]).strip()
    if "const" in schema:
        return as_text(schema["const"])
    members = schema.get("properties")
    parts = members.values() if isinstance(members, Mapping) else ()
    marks = [as_text(part["const"]) for part in parts if isinstance(part, Mapping) and "const" in part]
    if marks:
        return marks[0]
    return " or ".join(_TYPE_WORDS[name] for name in types) or ("object" if members else "JSON")


def placeholder(found: Field, schema: Mapping[str, Any]) -> str:
    """Return what an empty control shows: what holds without a value, else an example."""
    if found.kind in (Kind.BOOLEAN, Kind.CHOICE, Kind.MAP, Kind.LIST, Kind.GROUP, Kind.UNION):
        return ""
    examples = schema.get("examples")
    example = examples[0] if isinstance(examples, list) and examples else schema.get("example")
    shown = found.default if found.has_default and found.default not in ("", [], {}) else example
    if shown is None:
        return ""
    return as_text(shown).strip("[] ") if found.kind is Kind.NUMBERS else as_text(shown)


def limits(kind: Kind, schema: Mapping[str, Any]) -> str:
    """Return what bounds a value, as a sentence such as ``1 to 9.`` or ``At most 200 characters.``."""
    if kind in (Kind.INTEGER, Kind.NUMBER):
        least, most = schema.get("minimum"), schema.get("maximum")
        over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
        if least is not None and most is not None:
            return f"{figure(least)} to {figure(most)}."
        named = (("At least", least), ("At most", most), ("More than", over), ("Less than", under))
        return " ".join(f"{words} {figure(value)}." for words, value in named if value is not None)
    ends = {Kind.TEXT: ("Length", "characters"), Kind.LONG_TEXT: ("Length", "characters")}
    rows = {Kind.LIST: ("Items", "entries"), Kind.NUMBERS: ("Items", "entries"), Kind.MAP: ("Properties", "entries")}
    word, what = {**ends, **rows}.get(kind, ("", ""))
    least, most = schema.get(f"min{word}"), schema.get(f"max{word}")
    if not word or (least in (None, 0, 1) and most is None):
        return ""
    if most is None:
        return f"At least {figure(least)} {what}."
    return f"{figure(least)} to {figure(most)} {what}." if least else f"At most {figure(most)} {what}."


def figure(value: Any) -> str:
    """Return a bound as it is written: ``8,000``, and 30 for 30.0."""
    whole = isinstance(value, float) and value.is_integer()
    return f"{int(value) if whole else value:,}" if isinstance(value, int | float) else str(value)


def label(name: str, schema: Mapping[str, Any]) -> tuple[str, str]:
    """Return the label and the unit: ``timeout_seconds`` is "Timeout" in seconds."""
    unit = str(schema.get("x-unit") or "")
    stem = name
    for ending, word in _UNITS.items():
        if name.endswith(ending) and len(name) > len(ending):
            stem, unit = name.removesuffix(ending), unit or word
    title = schema.get("title")
    if isinstance(title, str) and title.strip():
        return title.strip(), unit
    words = stem.replace("_", " ").replace("-", " ").strip() or name
    return ("URL" if words.lower() == "url" else words[:1].upper() + words[1:]), unit
