"""Handlers: declaration, data, migrations, and how the function is called."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from enschedule_core import Context, handler
from enschedule_core.errors import FieldError, InvalidData
from enschedule_core.testing import RecordingChannel


class Item(Schema):
    name = fields.String(required=True)
    price = fields.Float(load_default=1.5)


class Order(Schema):
    zeta = fields.String(required=True, metadata={"description": "First, though last in the alphabet", "x-unit": "m"})
    kind = fields.String(validate=validate.OneOf(["small", "large"]), load_default="small")
    items = fields.List(fields.Nested(Item), load_default=list)
    labels = fields.Dict(keys=fields.String(validate=validate.Length(max=3)), values=fields.Integer(strict=True))
    when = fields.AwareDateTime(data_key="at")
    best = fields.Nested(Item, allow_none=True)

    @post_load
    def _mark(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**data, "loaded": True}


@handler(id="order", version=3, data_schema=Order)
def order(data):
    """Take an order.

    The rest of the docstring is for programmers.
    """
    return data


def context(**given_: Any) -> Context:
    return Context(RecordingChannel(), run_id=7, **given_)


def fields_of(error: pytest.ExceptionInfo[InvalidData]) -> dict[str, str]:
    return {one.field: one.message for one in error.value.errors}


class TestDeclaration:
    def test_title_and_description_have_defaults(self) -> None:
        assert (order.title, order.description) == ("order", "Take an order.")

    def test_a_handler_is_still_its_function(self) -> None:
        assert order({"x": 1}) == {"x": 1}
        assert order.__name__ == "order"

    @pytest.mark.parametrize("bad", ["", "Log", "a b", "-a", "a" * 101, "new", 5])
    def test_a_bad_id_is_refused_where_it_stands(self, bad: Any) -> None:
        with pytest.raises(ValueError, match="a handler id is"):
            handler(id=bad)(print)

    @pytest.mark.parametrize("bad", [0, -1, 2**31])
    def test_a_version_out_of_range_is_refused(self, bad: int) -> None:
        with pytest.raises(ValueError, match="version is 1 or more"):
            handler(id="x", version=bad)(print)

    @pytest.mark.parametrize("bad", [True, "1", 1.0])
    def test_a_version_that_is_no_integer_is_refused(self, bad: Any) -> None:
        with pytest.raises(TypeError, match="version is an integer"):
            handler(id="x", version=bad)(print)

    def test_a_generator_is_refused_because_it_would_never_run(self) -> None:
        def generate(data):
            yield data

        with pytest.raises(TypeError, match="yield"):
            handler(id="x")(generate)

    def test_a_function_that_cannot_be_called_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"<lambda>\(a, b, c\) cannot be called"):
            handler(id="x")(lambda a, b, c: None)
        with pytest.raises(TypeError, match="cannot be called"):
            handler(id="x")(lambda data, *, other: None)
        with pytest.raises(TypeError, match="is not a function"):
            handler(id="x")("print")  # type: ignore[arg-type]

    def test_a_schema_must_be_one_of_marshmallow_for_one_object(self) -> None:
        with pytest.raises(TypeError, match="marshmallow Schema"):
            handler(id="x", data_schema={"type": "object"})(print)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="many=True"):
            handler(id="x", data_schema=Item(many=True))(print)

    def test_an_example_is_checked(self) -> None:
        with pytest.raises(TypeError, match="example is a JSON object"):
            handler(id="x", example=["a"])(print)  # type: ignore[arg-type]
        with pytest.raises(InvalidData, match=r"example\.when"):
            handler(id="x", example={"when": object()})(print)


class TestLoad:
    def test_data_is_converted_and_defaults_are_filled_in(self) -> None:
        loaded = order.load({"zeta": "z", "at": "2026-03-28T09:30:00Z", "items": [{"name": "a"}]})
        assert loaded["kind"] == "small"
        assert loaded["items"] == [{"name": "a", "price": 1.5}]
        assert loaded["when"].year == 2026
        assert loaded["loaded"]

    def test_each_mistake_has_its_path(self) -> None:
        with pytest.raises(InvalidData) as error:
            order.load(
                {
                    "kind": "huge",
                    "items": [{"name": "a"}, {"nam": 1}],
                    "labels": {"abcd": 1, "x": "one"},
                    "at": "yesterday",
                    "best": {"name": 5},
                }
            )
        assert fields_of(error) == {
            "data.zeta": "Missing data for required field.",
            "data.kind": "Must be one of: small, large.",
            "data.items.1.name": "Missing data for required field.",
            "data.items.1.nam": "Unknown field. Did you mean name?",
            "data.labels.abcd": "Longer than maximum length 3.",
            "data.labels.x": "Not a valid integer.",
            "data.at": "Not a valid datetime.",
            "data.best.name": "Not a valid string.",
        }
        assert "data.zeta: Missing data for required field" in str(error.value)

    @pytest.mark.parametrize("bad", [None, [], "text", 5])
    def test_data_is_an_object(self, bad: Any) -> None:
        with pytest.raises(InvalidData) as error:
            order.load(bad)
        assert list(fields_of(error)) == ["data"]

    def test_a_field_called_value_is_not_taken_for_marshmallows_own(self) -> None:
        schema = Schema.from_dict({"value": fields.Integer(required=True), "key": fields.Integer(required=True)})
        with pytest.raises(InvalidData) as error:
            handler(id="x", data_schema=schema)(print).load({})
        assert set(fields_of(error)) == {"data.value", "data.key"}

    def test_a_schema_may_let_unknown_fields_pass(self) -> None:
        class Loose(Schema):
            class Meta:
                unknown = EXCLUDE

        assert handler(id="x", data_schema=Loose)(print).load({"a": 1}) == {}

    def test_without_a_schema_any_object_passes(self) -> None:
        assert handler(id="x")(print).load({"a": [1]}) == {"a": [1]}


class TestJsonSchema:
    def test_order_defaults_enums_nesting_and_metadata_are_kept(self) -> None:
        schema = order.json_schema()
        assert schema is not None
        assert list(schema["properties"]) == ["zeta", "kind", "items", "labels", "at", "best"]
        assert schema["properties"]["zeta"]["x-unit"] == "m"
        assert schema["properties"]["kind"] == {"type": "string", "default": "small", "enum": ["small", "large"]}
        assert schema["properties"]["items"]["items"]["properties"]["price"]["default"] == 1.5
        assert schema["required"] == ["zeta"]
        assert schema["additionalProperties"] is False
        assert "$defs" not in schema

    def test_a_schema_that_contains_itself_is_referenced(self) -> None:
        class Tree(Schema):
            name = fields.String(required=True)
            children = fields.List(fields.Nested(lambda: Tree()))  # noqa: PLW0108 - not bound yet

        schema = handler(id="x", data_schema=Tree)(print).json_schema()
        assert schema is not None
        assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
        assert schema["$defs"]["Tree"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}

    def test_without_a_schema_there_is_none(self) -> None:
        assert handler(id="x")(print).json_schema() is None


class TestMigrations:
    def test_the_steps_make_a_chain(self) -> None:
        @handler(id="x", version=3)
        def run(data):
            return data

        @run.migrate(from_version=1)
        def _(data):
            return {"two": data["one"]}

        @run.migrate(from_version=2)
        def _(data):
            return {"three": data["two"]}

        assert run.migrates_from() == {1, 2}
        assert run.upgrade({"one": 5}, 1) == {"three": 5}
        assert run.upgrade({"two": 5}, 2) == {"three": 5}
        assert run.upgrade({"three": 5}, 3) == {"three": 5}

    def test_a_lone_step_leads_straight_to_the_handlers_version(self) -> None:
        run = handler(id="x", version=5)(print)
        run.migrate(from_version=1)(lambda data: {"new": data["old"]})
        assert run.upgrade({"old": 1}, 1) == {"new": 1}
        with pytest.raises(InvalidData, match="no migration for data of version 2"):
            run.upgrade({}, 2)

    @pytest.mark.parametrize("bad", [0, 3, 4])
    def test_a_step_starts_from_an_older_version(self, bad: int) -> None:
        with pytest.raises(ValueError, match="from_version must be 1 to 2"):
            order.migrate(from_version=bad)

    def test_two_steps_from_one_version_are_refused(self) -> None:
        run = handler(id="x", version=2)(print)
        run.migrate(from_version=1)(dict)
        with pytest.raises(ValueError, match="two migrations from version 1"):
            run.migrate(from_version=1)

    def test_a_step_must_give_an_object(self) -> None:
        run = handler(id="x", version=2)(print)
        run.migrate(from_version=1)(lambda data: None)  # type: ignore[arg-type,return-value]
        with pytest.raises(InvalidData, match="JSON object"):
            run.upgrade({}, 1)


class TestCall:
    @pytest.mark.parametrize(
        ("function", "takes"),
        [
            (lambda: (), ()),
            (lambda data: (data,), ("data",)),
            (lambda data, context: (data, context), ("data", "context")),
            (lambda data, ctx: (data, ctx), ("data", "context")),
            (lambda data, context=None: (data, context), ("data", "context")),
            (lambda data, *, context: (data, context), ("data", "context")),
            (lambda data, retries=3: (data,), ("data",)),
            (lambda *args: args, ("data",)),
            (functools.partial(lambda extra, data: (data,), 1), ("data",)),
        ],
    )
    def test_the_function_gets_what_it_takes(self, function: Any, takes: tuple[str, ...]) -> None:
        here = context()
        known = {"data": {"a": 1}, "context": here}
        assert handler(id="x")(function).call({"a": 1}, here) == tuple(known[name] for name in takes)

    def test_an_async_function_runs_to_its_end(self) -> None:
        @handler(id="x")
        async def run(data, context):
            return data["a"] + context.run_id

        assert run.call({"a": 1}, context()) == 8


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_load_answers_anything_with_data_or_field_errors(data: Any) -> None:
    errors: tuple[FieldError, ...] | None = None
    try:
        order.load(data)
    except InvalidData as error:
        errors = error.errors
    assert errors is None or (errors and all(one.field.split(".")[0] == "data" for one in errors))
