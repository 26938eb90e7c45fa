"""References to secrets, sealed values, and which fields of a schema are secret."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema, fields

from enschedule_core import secret
from enschedule_core.errors import InvalidData
from enschedule_core.json_schema import to_json_schema


class Login(Schema):
    user = fields.String()
    password = fields.String(metadata={"secret": True})


class Node(Schema):
    pin = fields.Integer(metadata={"format": "password"})
    next = fields.Nested("Node")


class Deliver(Schema):
    url = fields.Url()
    token = fields.String(metadata={"secret": True})
    once = fields.String(load_only=True)
    number = fields.Integer()
    logins = fields.List(fields.Nested(Login))
    headers = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"secret_names": "^auth|token"})
    keys = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"secret": True})
    node = fields.Nested(Node)


SCHEMA = to_json_schema(Deliver())
DATA: dict[str, Any] = {
    "url": "https://example.org",
    "token": "hunter2",
    "once": "upon a time",
    "number": 5,
    "logins": [{"user": "ada", "password": "p1"}, {"user": "eve", "password": {"$secret": "EVE"}}, {"password": None}],
    "headers": {"Authorization": "Bearer x", "Accept": "text/html", "X-TOKEN": "y"},
    "keys": {"a": "1", "b": ""},
    "node": {"pin": 1234, "next": {"pin": 5678}},
}


def test_a_mark_is_the_same_in_json_schema() -> None:
    assert SCHEMA["properties"]["token"] == {"type": "string", "writeOnly": True, "x-enschedule-secret": True}
    assert SCHEMA["properties"]["headers"]["x-enschedule-secret-names"] == "^auth|token"
    assert "secret" not in SCHEMA["properties"]["headers"]


def test_the_marked_values_are_found_wherever_they_are() -> None:
    assert secret.marked(SCHEMA, DATA) == [
        ("token",),
        ("once",),
        ("logins", 0, "password"),
        ("headers", "Authorization"),
        ("headers", "X-TOKEN"),
        ("keys", "a"),
        ("node", "pin"),
        ("node", "next", "pin"),
    ]
    assert secret.marked(None, DATA) == []


@pytest.mark.parametrize("names", ["(", 7, None])
def test_a_pattern_that_is_none_marks_nothing(names: Any) -> None:
    schema = {"properties": {"headers": {"x-enschedule-secret-names": names}}}
    assert secret.marked(schema, {"headers": {"token": "x"}}) == []


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        (("token",), True),
        (("number",), False),
        (("logins",), False),
        (("logins", 0, "user"), True),
        (("headers", "X"), True),
        (("node", "next", "pin"), False),
        (("unknown", "deeper"), True),
    ],
)
def test_where_a_text_may_stand(path: secret.Path, takes: bool) -> None:
    assert secret.takes_text(SCHEMA, path) is takes


@pytest.mark.parametrize(
    "wrong",
    [
        {"$secret": "lower"},
        {"$secret": "A", "more": 1},
        {"$secret": 5},
        {"$secret": "A" * 65},
        {"$sealed": None},
        {"$sealed": True, "$secret": "A"},
    ],
)
def test_what_only_looks_like_a_reference_is_refused_where_it_stands(wrong: Any) -> None:
    with pytest.raises(InvalidData) as refused:
        secret.check_shapes({"a": [1, wrong]})
    assert [error.field for error in refused.value.errors] == ["data.a.1"]


def test_references_are_found_and_sealed_values_are_shown_as_that_alone() -> None:
    data = {"a": {"$secret": "A"}, "b": [{"$sealed": "gAAAAA"}, {"$secret": "B_2"}], "c": {"$other": 1}}
    secret.check_shapes(data)
    assert secret.names_in(data) == {("a",): "A", ("b", 1): "B_2"}
    assert secret.shown(data) == {**data, "b": [{"$sealed": True}, {"$secret": "B_2"}]}
    assert secret.without_sealed(data) == {**data, "b": [{"$secret": "B_2"}]}
