"""The data form: what is shown for a schema, what a post becomes, where errors stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from enschedule_core.errors import FieldError
from enschedule_dashboard import forms
from enschedule_dashboard.form_fields import Field, Kind

FETCH: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "format": "uri", "description": "Where to send it"},
        "method": {"type": "string", "enum": ["GET", "POST"], "default": "GET"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "body": {"type": ["string", "null"], "x-multiline": True},
        "timeout_seconds": {"type": "number", "default": 10},
        "expect_status": {"type": "array", "items": {"type": "integer"}},
        "verify": {"type": "boolean", "default": True},
        "token": {"type": "string", "format": "password"},
        "proxy": {"$ref": "#/$defs/Proxy"},
        "steps": {"type": "array", "items": {"type": "object"}},
    },
    "$defs": {
        "Proxy": {
            "type": "object",
            "properties": {
                "host": {"type": "string"},
                "port": {"type": "integer"},
                "on": {"type": "boolean", "default": False},
            },
        }
    },
    "additionalProperties": False,
}


def by_name(form: forms.DataForm) -> dict[str, Field]:
    return {found.name: found for found in form.walk()}


def post_of(form: forms.DataForm) -> MultiDict[str, str]:
    """Return what a browser posts for the form as it stands."""
    posted: list[tuple[str, str]] = [("data_mode", form.mode), ("data_json", form.json_text)]
    for found in form.walk():
        if found.kind is Kind.JSON:
            posted.append((f"{found.name}:json", found.text))
        elif found.kind is Kind.PAIRS:
            for key, value in found.rows:
                posted += [(f"{found.name}:key", key), (f"{found.name}:value", value)]
        elif found.kind is Kind.BOOLEAN:
            posted += [(found.name, "on")] if found.checked else []
        elif found.kind is not Kind.GROUP:
            posted.append((found.name, found.text.replace("\n", "\r\n")))
    return MultiDict(posted)


def test_each_value_gets_the_control_that_suits_it() -> None:
    found = by_name(forms.fill(FETCH, {}))
    assert {name: str(field.kind) for name, field in found.items()} == {
        "data/url": "text",
        "data/method": "choice",
        "data/headers": "pairs",
        "data/body": "long_text",
        "data/timeout_seconds": "number",
        "data/expect_status": "lines",
        "data/verify": "boolean",
        "data/token": "secret",
        "data/proxy": "group",
        "data/proxy/host": "text",
        "data/proxy/port": "integer",
        "data/proxy/on": "boolean",
        "data/steps": "json",
    }
    assert found["data/url"].label == "URL"
    assert found["data/url"].input_type == "url"
    assert (found["data/timeout_seconds"].label, found["data/timeout_seconds"].unit) == ("Timeout", "seconds")
    assert found["data/timeout_seconds"].placeholder == "10"


FULL = {
    "url": "https://example.org/å?a=1&b=<2>",
    "method": "POST",
    "headers": {"Accept": "application/json", "X-Empty": ""},
    "body": "line 1\nline 2",
    "timeout_seconds": 2.5,
    "expect_status": [200, 204],
    "verify": False,
    "token": "s3cret",
    "proxy": {"host": "p", "port": 3128, "on": True},
    "steps": [{"a": [1, None]}, {}],
}


@pytest.mark.parametrize(
    "data",
    [
        {"url": "https://example.org", "verify": True},
        FULL,
        {"url": "", "verify": True},
        {"url": 5, "timeout_seconds": "soon", "verify": "maybe", "headers": ["a"], "expect_status": "200"},
        {"url": "x", "verify": True, "headers": {"a": 1, "b": None}},
        {"url": "x", "verify": True, "expect_status": [200, "x"]},
        {"url": "x", "verify": True, "unknown": {"kept": True}},
        {"url": "x", "verify": True, "proxy": {"host": "p", "more": 1, "on": False}},
        {"url": "x", "verify": True, "timeout_seconds": 10, "method": "PUT"},
    ],
)
def test_opening_and_saving_changes_nothing(data: dict[str, Any]) -> None:
    form = forms.fill(FETCH, data)
    again = forms.read(FETCH, post_of(form), base=data)
    assert [error.message for found in again.walk() for error in found.errors] == []
    assert again.data == data


def test_the_raw_json_says_the_same_as_the_form() -> None:
    form = forms.read(FETCH, post_of(forms.fill(FETCH, FULL)), base=FULL)
    assert json.loads(form.json_text) == FULL
    again = forms.read(FETCH, MultiDict([("data_mode", "json"), ("data_json", form.json_text)]))
    assert again.data == FULL


def test_empty_controls_leave_the_value_out() -> None:
    form = forms.read(
        FETCH,
        MultiDict(
            [
                ("data_mode", "form"),
                ("data/url", "x"),
                ("data/body", ""),
                ("data/headers:key", ""),
                ("data/headers:value", ""),
            ]
        ),
    )
    assert form.data == {"url": "x", "verify": False}


def test_a_secret_is_never_shown_and_stays_when_nothing_is_typed() -> None:
    form = forms.fill(FETCH, FULL)
    token = by_name(form)["data/token"]
    assert token.has_secret
    assert token.text == ""
    assert forms.read(FETCH, MultiDict([("data/token", "new")]), base=FULL).data["token"] == "new"  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("data/timeout_seconds", "soon", "“soon” is not a number. Write for example 1.5."),
        ("data/timeout_seconds", "nan", "“nan” is not a number. Write for example 1.5."),
        ("data/timeout_seconds", "1e999", "“1e999” is not a number. Write for example 1.5."),
        ("data/proxy/port", "80.5", "“80.5” is not a whole number. Write for example 10."),
        ("data/expect_status", "200\r\nok", "“ok” is not a whole number. Write for example 10."),
        ("data/steps:json", "[1,", "Line 1, column 4: expecting value."),
        ("data/steps:json", '{"a": 1, "a": 2}', '"a" is there twice. Keep one.'),
        ("data/steps:json", "[NaN]", "NaN is not JSON. Write a number, or null."),
        ("data/steps:json", "[" * 100_000, "This is nested too deeply. At most 30 levels are allowed."),
    ],
)
def test_what_cannot_be_read_is_said_at_its_field_and_what_was_typed_stays(name: str, text: str, message: str) -> None:
    form = forms.read(FETCH, MultiDict([("data/url", "x"), (name, text)]))
    field = by_name(form)[name.removesuffix(":json")]
    assert [error.message for error in field.errors] == [message]
    assert field.text == text.replace("\r\n", "\n")
    assert form.data is None
    assert form.error_count == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", 'Data is a JSON object, for example {"message": "some message"}.'),
        ('{"a": 1,}', "Line 1, column"),
        ('{"a": Infinity}', "Infinity is not JSON. Write a number, or null."),
    ],
)
def test_json_that_cannot_be_read_is_said_and_kept(text: str, message: str) -> None:
    form = forms.read(None, MultiDict([("data_json", text)]))
    assert form.errors[0].message.startswith(message)
    assert (form.json_text, form.data) == (text, None)


def test_errors_of_the_api_go_to_the_field_they_name() -> None:
    form = forms.fill(FETCH, FULL)
    others = form.place(
        [
            FieldError("data.url", "Not a URL."),
            FieldError("data.headers.Accept", "Too long."),
            FieldError("data.steps.0.a", "Wrong."),
            FieldError("data.proxy.port", "Too high."),
            FieldError("data.nothing", "Unknown field."),
            FieldError("data", "Too large."),
            FieldError("title", "Too long."),
        ]
    )
    found = by_name(form)
    assert [
        found[name].errors[0].message for name in ("data/url", "data/headers", "data/steps", "data/proxy/port")
    ] == [
        "Not a URL.",
        "Too long.",
        "Wrong.",
        "Too high.",
    ]
    assert [error.field for error in form.errors] == ["data.nothing", "data"]
    assert [error.field for error in others] == ["title"]


def test_rows_of_a_map_are_added_and_removed() -> None:
    form = forms.fill(FETCH, {"url": "x", "headers": {"A": "1", "B": "2"}})
    forms.edit_rows(form, "add:data/headers")
    forms.edit_rows(form, "remove:data/headers:0")
    forms.edit_rows(form, "remove:data/headers:99")
    forms.edit_rows(form, "remove:data/url:0")
    forms.edit_rows(form, "nonsense")
    assert by_name(form)["data/headers"].rows == [("B", "2"), ("", "")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("Accept", "a"), ("Accept", "b")], "“Accept” is there twice. Keep one."),
        ([("", "alone")], "“alone” has no name."),
    ],
)
def test_a_map_needs_names_and_each_of_them_once(rows: list[tuple[str, str]], message: str) -> None:
    posted = [("data/url", "x")]
    for key, value in rows:
        posted += [("data/headers:key", key), ("data/headers:value", value)]
    form = forms.read(FETCH, MultiDict(posted))
    assert by_name(form)["data/headers"].errors[0].message == message


def test_names_with_slashes_and_dots_find_their_way_back() -> None:
    schema = {"type": "object", "properties": {"a/b~c.d": {"type": "string"}, "é ": {"type": "integer"}}}
    data = {"a/b~c.d": "x", "é ": 1}
    form = forms.fill(schema, data)
    assert forms.read(schema, post_of(form)).data == data
    assert len({found.id for found in form.walk()}) == 2


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["boolean", "null"]}, "choice"),
        ({"type": "boolean"}, "choice"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "json"),
        ({"allOf": [{"$ref": "#/$defs/X"}], "title": "Own title"}, "integer"),
        ({"$ref": "#/$defs/Loop"}, "json"),
        ({"$ref": "#/nowhere"}, "json"),
        ({"type": ["string", "integer"]}, "json"),
        ({"const": 5}, "choice"),
        ({}, "json"),
        ({"type": "string", "format": "date"}, "text"),
        ({"type": "object"}, "json"),
    ],
)
def test_schemas_of_all_shapes_give_a_control(schema: dict[str, Any], kind: str) -> None:
    root = {
        "type": "object",
        "properties": {"x": schema},
        "$defs": {"X": {"type": "integer"}, "Loop": {"$ref": "#/$defs/Loop"}},
    }
    assert str(forms.fill(root, {}).fields[0].kind) == kind


def test_a_schema_that_contains_itself_ends() -> None:
    node = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}, "name": {"type": "string"}}}
    root = {**node, "$defs": {"Node": node}}
    assert len(list(forms.fill(root, {}).walk())) < 20


def test_without_a_schema_the_data_is_json() -> None:
    form = forms.fill(None, {"message": "å"})
    assert (form.mode, form.has_form, json.loads(form.json_text)) == ("json", False, {"message": "å"})


def test_pretty_json_marks_its_keys() -> None:
    assert forms.json_lines({"a": {"b:": "c"}})[1:3] == [("  ", '"a"', ": {"), ("    ", '"b:"', ': "c"')]
