"""The limits of data, and the check against a stored JSON Schema."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.errors import InvalidData
from enschedule_core.schema import (
    DATA_MAX_BYTES,
    check_data,
    check_json,
    clean_text,
    encode_json,
    validate_json_schema,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), inner)
    ),
)


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@given(JSON)
def test_json_passes_unchanged(value: Any) -> None:
    assert check_json(value) == value
    assert json.loads(encode_json(value)) == value


@pytest.mark.parametrize(
    ("value", "where", "says"),
    [
        ({"a": [1, math.nan]}, "data.a.1", "NaN"),
        ({"a": math.inf}, "data.a", "infinity"),
        ({"a": 2**63}, "data.a", "2^63"),
        ({"a": -(2**63) - 1}, "data.a", "2^63"),
        ({"a": 10**5000}, "data.a", "2^63"),
        ({"a": {"b": object()}}, "data.a.b", "type object"),
        ({"a": {1: 2}}, "data.a", "not a string"),
        (nested(31), "data" + ".a" * 30, "30 levels"),
        (nested(900), "data" + ".a" * 30, "30 levels"),
        ({"a": "x" * DATA_MAX_BYTES}, "data", "larger than 1 MiB"),
        ({"a": "å" * (DATA_MAX_BYTES // 2)}, "data", "larger than 1 MiB"),
        ({"a": [0] * DATA_MAX_BYTES}, "data", "larger than 1 MiB"),
    ],
)
def test_what_a_database_cannot_store_is_refused_with_its_path(value: Any, where: str, says: str) -> None:
    with pytest.raises(InvalidData) as error:
        check_data(value)
    assert [one.field for one in error.value.errors] == [where]
    assert says in error.value.errors[0].message


def test_the_limits_themselves_pass() -> None:
    assert check_data(nested(30)) == nested(30)
    assert check_data({"a": 2**63 - 1, "b": -(2**63)})
    fits = "x" * (DATA_MAX_BYTES - len('{"a":""}'))
    assert check_data({"a": fits}) == {"a": fits}


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(InvalidData, match="30 levels"):
        check_data(loop)


def test_text_that_no_database_stores_is_escaped() -> None:
    assert check_data({"k\x00": ["a\x00b", "\ud800", "🙂"]}) == {"k\\x00": ["a\\x00b", "\\ud800", "🙂"]}


@given(st.text(st.characters(codec=None)))
def test_clean_text_can_always_be_written_as_utf8(text: str) -> None:
    assert "\x00" not in clean_text(text)
    clean_text(text).encode()


@pytest.mark.parametrize("value", [None, [1], "x", 1.5])
def test_data_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidData, match="Must be a JSON object"):
        check_data(value)


SCHEMA = {
    "type": "object",
    "properties": {
        "url": {"type": "string"},
        "method": {"enum": ["GET", "POST"], "x-ignore-case": True},
        "level": {"enum": [1, "one"]},
        "items": {"type": "array", "items": {"type": "object", "required": ["name"]}},
    },
    "required": ["url", "items"],
    "additionalProperties": False,
}


class TestStoredSchema:
    def test_each_mistake_has_its_path(self) -> None:
        with pytest.raises(InvalidData) as error:
            validate_json_schema({"urll": 1, "items": [{}], "method": "PUT"}, SCHEMA)
        assert {one.field: one.message for one in error.value.errors} == {
            "data.url": "Missing data for required field.",
            "data.urll": "Unknown field. Did you mean url?",
            "data.items.0.name": "Missing data for required field.",
            "data.method": "Must be one of: GET, POST.",
        }

    @pytest.mark.parametrize("extra", [{"method": "get"}, {"method": "POST"}, {"level": 1}, {"level": "one"}])
    def test_good_data_passes(self, extra: dict[str, Any]) -> None:
        validate_json_schema({"url": "x", "items": [], **extra}, SCHEMA)

    @pytest.mark.parametrize("extra", [{"level": True}, {"level": "ONE"}, {"method": 5}])
    def test_an_enum_is_exact_otherwise(self, extra: dict[str, Any]) -> None:
        with pytest.raises(InvalidData):
            validate_json_schema({"url": "x", "items": [], **extra}, SCHEMA)

    def test_nothing_is_fetched(self) -> None:
        with pytest.raises(Exception, match="Unresolvable"):
            validate_json_schema({"a": 1}, {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}})
