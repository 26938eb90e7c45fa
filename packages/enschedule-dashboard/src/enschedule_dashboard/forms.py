"""The data form: filled from data, read back into data, its errors at their fields.

The form is made from the handler's JSON Schema (:mod:`enschedule_dashboard.form_fields`). It checks only
what it must to build JSON (a number is a number); what is valid data, the API says, and its errors are
put at the fields they name. The same data can be written as one JSON text instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.errors import FieldError
from enschedule_dashboard.form_fields import Field, Kind, fields_of, is_form
from enschedule_dashboard.form_values import ABSENT, Posted, parse_json, read_json, read_value, show

_SECRET = re.compile(r'\{\s*"\$(secret|sealed)": ("\w+"|true)\s*\}')  # one line for what stands for one value
_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(:.*)$')


@dataclass(slots=True)
class DataForm:
    """The step "with which data": its fields, or one JSON text.

    ``data`` is what was read (None where it could not be). ``rest`` takes what the schema does not name.
    ``errors`` belong to the form as a whole, or to the JSON text.
    """

    fields: list[Field] = field(default_factory=list)
    rest: Field | None = None
    mode: str = "json"
    has_form: bool = False
    json_text: str = "{}"
    data: dict[str, Any] | None = None
    errors: list[FieldError] = field(default_factory=list)

    def walk(self) -> Iterable[Field]:
        """Yield every field, groups before what is in them."""
        for top in (*self.fields, *([self.rest] if self.rest else ())):
            yield from top.walk()

    @property
    def error_count(self) -> int:
        """Return how many fields need attention."""
        return sum(1 for found in self.walk() if found.errors) + (1 if self.errors else 0)

    def place(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Put each error below ``data`` at the deepest field it names; return those of other places."""
        others: list[FieldError] = []
        for error in errors:
            if error.field != "data" and not error.field.startswith("data."):
                others.append(error)
                continue
            found = max(
                (known for known in self.walk() if f"{error.field}.".startswith(f"{known.dotted}.") and known.path),
                key=lambda known: len(known.dotted),
                default=None,
            )
            if found is None or self.mode == "json":
                self.errors.append(error)
            else:
                found.errors.append(error)
        return others


def fill(schema: Mapping[str, Any] | None, data: Mapping[str, Any], *, mode: str = "form") -> DataForm:
    """Return the form for ``data``; without a usable schema, or with ``mode`` "json", it is one JSON text."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    form = DataForm(json_text=text, data=dict(data), has_form=is_form(schema))
    if schema is None or not form.has_form:
        return form
    form.mode = mode if mode == "json" else "form"
    form.fields = fields_of(schema)
    for found in form.fields:
        show(found, data.get(found.path[0], ABSENT))
    form.rest = _rest(schema, form.fields, data)
    return form


def read(schema: Mapping[str, Any] | None, posted: Posted, *, base: Mapping[str, Any] | None = None) -> DataForm:
    """Read a posted form; ``base`` is the data before the edit, whose secrets are kept where none is typed.

    What cannot be read stays in its control, with an error there, and ``data`` is None.
    """
    if posted.get("data_mode", "form") == "json" or not is_form(schema):
        return _read_json(schema, posted.get("data_json", ""))
    assert schema is not None  # is_form said so
    form = DataForm(mode="form", has_form=True, fields=fields_of(schema))
    data: dict[str, Any] = {}
    for found in form.fields:
        value = read_value(found, posted, (base or {}).get(found.path[0], ABSENT))
        if value is not ABSENT:
            data[found.path[0]] = value
    if "data/*:json" in posted:
        form.rest = _rest_field(posted.get("data/*:json", ""))
        more = read_json(form.rest, posted.get("data/*:json", ""))
        if isinstance(more, Mapping):
            data = {**more, **data}
        elif more is not ABSENT:
            form.rest.errors.append(FieldError("data", 'Other data is a JSON object, for example {"a": 1}.'))
    broken = any(found.errors for found in form.walk())
    form.data = None if broken else data
    form.json_text = json.dumps(form.data, indent=2, ensure_ascii=False) if form.data is not None else ""
    return form


def edit_rows(form: DataForm, action: str) -> None:
    """Do what a button of a map of values asks: ``add:NAME`` or ``remove:NAME:INDEX``; anything else is ignored."""
    verb, _, rest = action.partition(":")
    name, _, index = rest.rpartition(":") if verb == "remove" else (rest, "", "")
    for found in form.walk():
        if found.kind is Kind.PAIRS and found.name == name:
            if verb == "add":
                found.rows.append(("", ""))
            elif verb == "remove" and index.isdigit() and int(index) < len(found.rows):
                del found.rows[int(index)]


def json_lines(value: Any) -> list[tuple[str, str, str]]:
    """Return pretty JSON a line each, as (indent, key with its quotes or "", the rest), for a page to colour."""
    lines = []
    text = _SECRET.sub(r'{"$\1": \2}', json.dumps(value, indent=2, ensure_ascii=False))
    for line in text.split("\n"):
        found = _KEY.match(line)
        lines.append((found[1], found[2], found[3]) if found else ("", "", line))
    return lines


def _rest(schema: Mapping[str, Any], fields: list[Field], data: Mapping[str, Any]) -> Field | None:
    """Return the field for members that the schema does not name, if there are some or may be some."""
    known = {found.path[0] for found in fields}
    more = {name: value for name, value in data.items() if name not in known}
    if not more and not schema.get("additionalProperties"):
        return None
    return _rest_field(json.dumps(more, indent=2, ensure_ascii=False) if more else "")


def _rest_field(text: str) -> Field:
    return Field(path=("*",), kind=Kind.JSON, label="Other data", description="A JSON object.", text=text)


def _read_json(schema: Mapping[str, Any] | None, text: str) -> DataForm:
    form = DataForm(mode="json", has_form=is_form(schema), json_text=text)
    try:
        value = parse_json(text or "{}")
        if isinstance(value, dict):
            form.data = value
        else:
            form.errors.append(FieldError("data", 'Data is a JSON object, for example {"message": "some message"}.'))
    except ValueError as error:
        form.errors.append(FieldError("data", str(error)))
    return form
