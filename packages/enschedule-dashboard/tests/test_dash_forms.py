"""The data form: what is shown for a schema, what a post becomes, where errors stand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemas import schemas_with_data
from submitting import submitted
from werkzeug.datastructures import MultiDict

from enschedule_core.errors import FieldError
from enschedule_dashboard import forms
from enschedule_dashboard.app import create_app
from enschedule_dashboard.form_fields import Field
from enschedule_dashboard.settings import DashboardSettings

SECRET = {"type": "string", "format": "password"}
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
        "at": {"type": "string", "format": "date-time"},
        "hops": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["url"],
                "properties": {"url": {"type": "string"}, "token": SECRET},
            },
        },
    },
    "$defs": {
        "Proxy": {
            "type": "object",
            "properties": {
                "host": {"type": "string"},
                "port": {"type": "integer", "minimum": 1, "maximum": 65535},
                "on": {"type": "boolean", "default": False},
            },
        }
    },
    "additionalProperties": False,
}


def by_name(form: forms.DataForm) -> dict[str, Field]:
    return {found.name: found for found in form.walk()}


@pytest.fixture(scope="module")
def drawn():
    """Return a function that draws a form as the page does."""
    app = create_app(lambda _token, _address: None, DashboardSettings(secret_key="k" * 32))  # type: ignore[arg-type,return-value]
    with app.test_request_context():
        macros: Any = app.jinja_env.get_template("components/fields.html").module
        yield lambda form: str(macros.data_form(form))


def test_each_value_gets_the_control_that_suits_it() -> None:
    found = by_name(forms.fill(FETCH, {}))
    assert {name: str(field.kind) for name, field in found.items()} == {
        "data/url": "text",
        "data/method": "choice",
        "data/headers": "map",
        "data/body": "long_text",
        "data/timeout_seconds": "number",
        "data/expect_status": "numbers",
        "data/verify": "boolean",
        "data/token": "secret",
        "data/proxy": "group",
        "data/proxy/host": "text",
        "data/proxy/port": "integer",
        "data/proxy/on": "boolean",
        "data/steps": "json",
        "data/at": "instant",
        "data/hops": "list",
    }
    assert found["data/url"].label == "URL"
    assert found["data/url"].input_type == "url"
    assert (found["data/timeout_seconds"].label, found["data/timeout_seconds"].unit) == ("Timeout", "seconds")
    assert found["data/timeout_seconds"].placeholder == "10"
    assert found["data/proxy/port"].hint == "1 to 65,535."
    assert found["data/method"].is_radio


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
    "at": "2026-03-28T09:30:00Z",
    "hops": [{"url": "a", "token": "t1"}, {"url": "b", "token": "t2"}],
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
        {},
        {"proxy": {}, "headers": {}, "expect_status": [], "hops": [], "steps": [], "body": None, "url": " "},
        {"at": "2026-03-28T09:30:00.123456Z"},
        {"at": "28 March", "hops": [{"url": ""}, {}, None, 5]},
        {"token": {"$sealed": "x"}, "url": {"$secret": "ERP_URL"}},
    ],
)
def test_opening_and_saving_changes_nothing(data: dict[str, Any], drawn: Any) -> None:
    form = forms.fill(FETCH, data)
    again = forms.read(FETCH, submitted(drawn(form)), base=data)
    assert [error.message for found in again.walk() for error in found.errors] == []
    assert again.data == data


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(schemas_with_data())
def test_whatever_is_valid_survives_the_form_and_the_way_back(drawn: Any, made: tuple[Any, Any]) -> None:
    schema, data = made
    form = forms.fill(schema, data)
    again = forms.read(schema, submitted(drawn(form)), base=data)
    assert [(found.name, error.message) for found in again.walk() for error in found.errors] == []
    assert json.dumps(again.data, sort_keys=True) == json.dumps(data, sort_keys=True)
    # What was read is drawn again as it stands there, by every button inside of the form.
    third = forms.read(schema, submitted(drawn(again)), base=data)
    assert json.dumps(third.data, sort_keys=True) == json.dumps(data, sort_keys=True)


def test_the_raw_json_says_the_same_as_the_form(drawn: Any) -> None:
    form = forms.read(FETCH, submitted(drawn(forms.fill(FETCH, FULL))), base=FULL)
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
        found[name].errors[0].message for name in ("data/url", "data/headers#0", "data/steps", "data/proxy/port")
    ] == [
        "Not a URL.",
        "Too long.",
        "Wrong.",
        "Too high.",
    ]
    assert [error.field for error in form.errors] == ["data.nothing", "data"]
    assert [error.field for error in others] == ["title"]


def test_rows_are_added_moved_and_removed(drawn: Any) -> None:
    form = forms.fill(FETCH, {"url": "x", "headers": {"A": "1", "B": "2"}, "hops": FULL["hops"]})
    for action in ("add:data/headers", "remove:data/headers:0", "remove:data/headers:99", "remove:data/url:0", "x", ""):
        forms.edit(form, action)
    assert [(row.key, row.value.text) for row in by_name(form)["data/headers"].rows] == [("B", "2"), ("", "")]
    for action in ("up:data/hops:1", "up:data/hops:1", "down:data/hops:1", "down:data/hops:1", "up:data/hops:1"):
        forms.edit(form, action)
    assert [row.id for row in by_name(form)["data/hops"].rows] == ["1", "0"]
    again = forms.read(FETCH, submitted(drawn(form)), base=FULL)
    # A secret that is not shown goes where its row goes.
    assert again.data is not None
    assert again.data["hops"] == [{"url": "b", "token": "t2"}, {"url": "a", "token": "t1"}]
    assert again.data["headers"] == {"B": "2"}
    for action in ("remove:data/hops:0", "remove:data/hops:1"):
        forms.edit(again, action)
    assert forms.read(FETCH, submitted(drawn(again)), base=FULL).data["hops"] == []  # type: ignore[index]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("Accept", "a"), ("Accept", "b")], "“Accept” is there twice. Keep one."),
        ([("", "alone")], "This has no name."),
    ],
)
def test_a_map_needs_names_and_each_of_them_once(rows: list[tuple[str, str]], message: str) -> None:
    posted = [("data/url", "x")]
    for index, (key, value) in enumerate(rows):
        name = f"data/headers#{index}"
        posted += [("data/headers:row", str(index)), (f"{name}:key", key), (name, value)]
    form = forms.read(FETCH, MultiDict(posted))
    errors = [error.message for found in form.walk() for error in found.errors]
    assert errors == [message]
    assert form.data is None


def test_an_error_stands_at_the_control_of_its_row() -> None:
    form = forms.fill(FETCH, {**FULL, "headers": {"X-A.b": "1", "Accept": "2"}})
    places = ["data.hops.1.url", "data.headers.X-A.b", "data.hops.1.nothing", "data.hops"]
    form.place([FieldError(place, place) for place in places])
    found = {name: field.errors[0].field for name, field in by_name(form).items() if field.errors}
    assert found == {
        "data/hops": "data.hops",
        "data/hops#1": "data.hops.1.nothing",
        "data/hops#1/url": "data.hops.1.url",
        "data/headers#0": "data.headers.X-A.b",
    }
    assert form.error_count == 4


SHAPES: dict[str, Any] = {
    "type": "object",
    "required": ["target"],
    "properties": {
        "target": {
            "oneOf": [
                {"type": "object", "required": ["kind", "url"], "properties": {"kind": {"const": "http"}, "url": {}}},
                {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "mail"}, "to": {}}},
                {"type": "string"},
            ]
        },
        "wait": {"type": ["integer", "string", "null"]},
    },
}


def test_a_value_of_several_shapes_shows_the_one_it_has(drawn: Any) -> None:
    form = forms.fill(SHAPES, {"target": {"kind": "mail", "to": "a@b.c"}})
    target = by_name(form)["data/target/kind"]
    assert (target.text, target.fixed) == ("mail", True)
    posted = submitted(drawn(form), action="vary:data/target")
    assert posted["data/target:variant"] == "1"
    posted["data/target:variant"], posted["data/target"] = "2", "ops@example.org"
    again = forms.posted(SHAPES, posted)
    assert again.data == {"target": "ops@example.org"}
    empty = forms.fill(SHAPES, {})
    assert [variant.label for variant in empty.fields[0].variants] == ["http", "mail", "text"]
    assert empty.fields[0].variant == "0"
    assert forms.read(SHAPES, submitted(drawn(forms.fill(SHAPES, {"target": "x", "wait": None})))).data == {
        "target": "x",
        "wait": None,
    }


@pytest.mark.parametrize(
    ("local", "zone", "was", "value"),
    [
        ("2026-03-28T09:30", "UTC", "", "2026-03-28T09:30:00Z"),
        ("2026-07-01T09:30", "Europe/Stockholm", "", "2026-07-01T09:30:00+02:00"),
        ("2026-03-28 09:30:05", "+05:30", "", "2026-03-28T09:30:05+05:30"),
        ("2026-03-28T09:30", "", "", "2026-03-28T09:30:00"),
        ("2026-03-28T09:30", "UTC", "2026-03-28T09:30Z", "2026-03-28T09:30Z"),
        ("2026-03-28T09:31", "UTC", "2026-03-28T09:30Z", "2026-03-28T09:31:00Z"),
        ("2026-03-28T09:30:00-03:00", "UTC", "", "2026-03-28T09:30:00-03:00"),
    ],
)
def test_a_point_in_time_is_a_local_time_and_its_zone(local: str, zone: str, was: str, value: str) -> None:
    posted = MultiDict([("data/at", local), ("data/at:zone", zone), ("data/at:was", was)])
    assert forms.read(FETCH, posted).data == {"at": value, "verify": False}


def test_a_number_may_be_kept_secret_too(drawn: Any) -> None:
    pin = {"type": "object", "properties": {"pin": {"type": "integer", "x-enschedule-secret": True}}}
    for stored in (1234, {"$sealed": True}):
        form = forms.fill(pin, {"pin": stored})
        assert "1234" not in drawn(form)
        assert forms.read(pin, submitted(drawn(form)), base={"pin": stored}).data == {"pin": stored}
        typed = submitted(drawn(form))
        typed["data/pin"] = "99"
        assert forms.read(pin, typed, base={"pin": stored}).data == {"pin": 99}
        typed["data/pin"] = "many"
        assert forms.read(pin, typed, base={"pin": stored}).data is None


def test_a_reference_to_a_stored_secret_is_shown_as_such(drawn: Any) -> None:
    form = forms.fill(FETCH, {"url": "x", "token": {"$secret": "ERP_TOKEN"}})
    html = drawn(form)
    assert 'name="data/token:ref" value="ERP_TOKEN"' in html
    forms.edit(form, "text:data/token")
    again = forms.read(FETCH, submitted(drawn(form)), base={"token": {"$secret": "ERP_TOKEN"}})
    assert again.data is not None
    assert "token" not in again.data
    forms.edit(again, "ref:data/token")
    empty = forms.read(FETCH, submitted(drawn(again)))
    assert [error.message for error in by_name(empty)["data/token"].errors] == [
        "Name a stored secret, for example ERP_TOKEN, or write the value here."
    ]
    named = submitted(drawn(empty))
    named["data/token:ref"] = "OTHER"
    data = forms.read(FETCH, named).data
    assert data is not None
    assert data["token"] == {"$secret": "OTHER"}


def test_names_with_slashes_and_dots_find_their_way_back(drawn: Any) -> None:
    schema = {"type": "object", "properties": {"a/b~c.d": {"type": "string"}, "é ": {"type": "integer"}}}
    data = {"a/b~c.d": "x", "é ": 1}
    form = forms.fill(schema, data)
    assert forms.read(schema, submitted(drawn(form))).data == data
    assert len({found.id for found in form.walk()}) == 2


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["boolean", "null"]}, "choice"),
        ({"type": "boolean"}, "choice"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "union"),
        ({"allOf": [{"$ref": "#/$defs/X"}], "title": "Own title"}, "integer"),
        ({"$ref": "#/$defs/Loop"}, "json"),
        ({"$ref": "#/nowhere"}, "json"),
        ({"type": ["string", "integer"]}, "union"),
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
