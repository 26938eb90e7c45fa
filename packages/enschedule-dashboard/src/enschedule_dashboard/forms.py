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
from enschedule_dashboard.form_fields import Field, Kind, Row
from enschedule_dashboard.form_reading import read_value
from enschedule_dashboard.form_schema import is_form, root_of
from enschedule_dashboard.form_showing import add_row, show
from enschedule_dashboard.form_values import Posted, parse_json
from enschedule_dashboard.reordering import spelled

_SECRET = re.compile(r'\{\s*"\$(secret|sealed)": ("\w+"|true)\s*\}')  # one line for what stands for one value
_KEY = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*")(:.*)$')
_UNIONS_DEEP = 6
_EDITS = ("add", "remove", "up", "down", "ref", "text", "vary")


@dataclass(slots=True)
class DataForm:
    """The step "with which data": its fields, or one JSON text.

    ``root`` is the group of all fields; None where the data is one text. ``data`` is what was read (None where it could
    not be). ``errors`` belong to the form as a whole, or to the JSON text.
    """

    root: Field | None = None
    mode: str = "json"
    has_form: bool = False
    json_text: str = "{}"
    data: dict[str, Any] | None = None
    errors: list[FieldError] = field(default_factory=list)

    @property
    def fields(self) -> list[Field]:
        """Return the fields at the top, what the schema does not name last."""
        return self.root.children if self.root else []

    def walk(self) -> Iterable[Field]:
        """Yield every field, groups before what is in them."""
        for top in self.fields:
            yield from top.walk()

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Return id and label of every field that needs attention."""
        whole = [("data-json" if self.mode == "json" else "step-data", "Data")] if self.errors else []
        return whole + [(found.id, found.label) for found in self.walk() if found.errors]

    @property
    def error_count(self) -> int:
        """Return how many fields need attention."""
        return len(self.wrong)

    @property
    def has_zones(self) -> bool:
        """Return whether a control wants the list of time zones."""
        return any(found.kind is Kind.INSTANT for found in self.walk())

    def at(self, dotted: str) -> Field | None:
        """Return the deepest field that an error at ``dotted`` (``data.items.2.url``) is about, if there is one."""
        found, length = None, -1
        for known in self.walk():
            # Of a union and the control of its shape, which have one place, the control.
            if f"{dotted}.".startswith(f"{known.dotted}.") and len(known.dotted) >= length:
                found, length = known, len(known.dotted)
        return found

    def place(self, errors: Iterable[FieldError]) -> list[FieldError]:
        """Put each error below ``data`` at the deepest field it names; return those of other places."""
        others: list[FieldError] = []
        for error in errors:
            if error.field != "data" and not error.field.startswith("data."):
                others.append(error)
                continue
            found = None if self.mode == "json" else self.at(error.field)
            (self.errors if found is None else found.errors).append(error)
        return others


def fill(
    schema: Mapping[str, Any] | None, data: Mapping[str, Any], *, mode: str = "form", zone: str = "UTC"
) -> DataForm:
    """Return the form for ``data``; without a usable schema, or with ``mode`` "json", it is one JSON text.

    ``zone`` is offered for points in time that are not given yet.
    """
    text = json.dumps(data, indent=2, ensure_ascii=False)
    form = DataForm(json_text=text, data=dict(data), has_form=is_form(schema))
    if schema is None or not form.has_form:
        return form
    form.mode = mode if mode == "json" else "form"
    form.root = root_of(schema)
    show(form.root, data)
    settle(form, zone)
    return form


def settle(form: DataForm, zone: str) -> None:
    """Choose what stands in empty controls: the zone of a point in time, the first shape where one is needed."""
    for found in form.walk():
        if found.kind is Kind.INSTANT and not found.text and not found.zone:
            found.zone = zone
    for _ in range(_UNIONS_DEEP):
        open_ones = [found for found in form.walk() if _is_open(found)]
        for found in open_ones:
            found.variant, found.children = "0", [found.variants[0].make()]
        if not open_ones:
            return


def _is_open(found: Field) -> bool:
    return found.kind is Kind.UNION and found.required and not found.nullable and not found.variant


def read(schema: Mapping[str, Any] | None, posted: Posted, *, base: Mapping[str, Any] | None = None) -> DataForm:
    """Read a posted form; ``base`` is the data before the edit, whose secrets are kept where none is typed.

    What cannot be read stays in its control, with an error there, and ``data`` is None.
    """
    if posted.get("data_mode", "form") == "json" or not is_form(schema):
        return _read_json(schema, posted.get("data_json", ""))
    assert schema is not None  # is_form said so
    root = root_of(schema)
    data = read_value(root, posted, base if base is not None else {})
    form = DataForm(root, mode="form", has_form=True)
    form.data = None if any(found.errors for found in form.walk()) else data
    form.json_text = json.dumps(form.data, indent=2, ensure_ascii=False) if form.data is not None else ""
    return form


def posted(
    schema: Mapping[str, Any] | None, form: Posted, *, base: Mapping[str, Any] | None = None, zone: str = "UTC"
) -> DataForm:
    """Return the form as it was posted (see :func:`read`), and do what a button inside it asked."""
    data = read(schema, form, base=base)
    action = form.get("action", "")
    edit(data, action)
    settle(data, zone)
    if action in ("to_json", "to_form") and data.data is not None:
        return fill(schema, data.data, mode=action.removeprefix("to_"), zone=zone)
    return data


def is_inner(action: str) -> bool:
    """Return whether the button is one of the data form, that changes the form and does nothing else."""
    return action in ("to_json", "to_form") or action.partition(":")[0] in _EDITS


def edit(form: DataForm, action: str) -> None:
    """Do what a button at a field asks; anything else is ignored.

    ``add:NAME`` adds a row to a list or a map; ``remove:NAME:ROW``, ``up:NAME:ROW`` and ``down:NAME:ROW`` are about one
    of its rows; ``ref:NAME`` makes a text the name of a stored secret, ``text:NAME`` turns that back.
    """
    verb, name, id = (*action.split(":", 2), "", "")[:3]
    for found in form.walk():
        if found.name != name or not name:
            continue
        if found.kind in (Kind.LIST, Kind.MAP):
            _edit_rows(found, verb, id)
        elif verb == "ref" and found.kind in (Kind.SECRET, Kind.TEXT, Kind.LONG_TEXT):
            found.kind, found.text, found.has_secret = Kind.REFERENCE, "", False
        elif verb == "text" and found.kind is Kind.REFERENCE:
            found.kind, found.text = Kind.SECRET, ""


def _edit_rows(found: Field, verb: str, id: str) -> None:
    at = next((index for index, row in enumerate(found.rows) if row.id == id), -1)
    if verb == "add":
        new = str(max((int(row.id) for row in found.rows), default=-1) + 1)
        add_row(found, new, str(len(found.rows)))
    elif verb == "remove" and at >= 0:
        del found.rows[at]
        found.blank = found.blank if found.rows else "[]" if found.kind is Kind.LIST else "{}"
    elif verb == "up" and at > 0:
        _swap(found.rows, at, at - 1)
    elif verb == "down" and 0 <= at < len(found.rows) - 1:
        _swap(found.rows, at, at + 1)


def _swap(rows: list[Row], one: int, other: int) -> None:
    rows[one], rows[other] = rows[other], rows[one]


def json_lines(value: Any) -> list[tuple[str, str, str]]:
    """Return pretty JSON a line each, as (indent, key with its quotes or "", the rest), for a page to colour."""
    lines = []
    text = _SECRET.sub(r'{"$\1": \2}', spelled(json.dumps(value, indent=2, ensure_ascii=False)))
    for line in text.split("\n"):
        found = _KEY.match(line)
        lines.append((found[1], found[2], found[3]) if found else ("", "", line))
    return lines


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
