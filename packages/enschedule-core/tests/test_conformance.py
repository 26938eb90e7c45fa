"""What is found of handlers without running them."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields, validate

from enschedule_core import Handler
from enschedule_core.conformance import Finding, check_handler, check_registry
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.source import Source


class Oven(Schema):
    celsius = fields.Integer(required=True, metadata={"description": "How hot"})


class Bread(Schema):
    flour = fields.String(required=True, validate=validate.OneOf(["rye"]), metadata={"description": "Of what"})
    ovens = fields.List(fields.Nested(Oven), metadata={"description": "Where"})


def bake(_data: Any) -> None:
    """Bakes bread."""


def made(**more: Any) -> Handler:
    known: dict[str, Any] = {"id": "bake", "title": "Bake", "data_schema": Bread, "example": {"flour": "rye"}}
    return Handler(more.pop("job", bake), **known | more)


def test_a_handler_as_it_should_be() -> None:
    assert check_handler(made()) == []
    assert check_handler(made(data_schema=None, example=None)) == []


class Untold(Schema):
    flour = fields.String()
    ovens = fields.List(fields.Nested({"celsius": fields.Integer()}))


class Strict(Schema):
    def load(self, *_args: Any, **_more: Any) -> Any:
        raise RuntimeError("no such table")


class Loose(fields.String):
    def _deserialize(self, value: Any, *_args: Any, **_more: Any) -> Any:
        return str(value)


class Lenient(Schema):
    flour = Loose(metadata={"description": "Of what"})


class Refusing(Schema):
    flour = fields.String(metadata={"description": "Of what"}, validate=lambda _: _refuse())


def _refuse() -> None:
    raise ValidationError("There is none.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": None}, ["has no title"]),
        ({"job": lambda _data: None}, ["has no description"]),
        ({"example": None}, ["has no example"]),
        ({"example": {"flour": "sand"}}, ["data.flour"]),
        ({"example": {}}, ["data.flour: "]),
        ({"example": {"flour": "rye", "salt": 1}}, ["data.salt"]),
        ({"data_schema": Untold, "example": None}, ["data.flour has", "data.ovens has", "data.ovens.0.celsius has"]),
        ({"data_schema": Strict}, ["fails over its own example: RuntimeError: no such table"]),
        ({"data_schema": Lenient, "example": {"flour": 5}}, ["but not the JSON Schema"]),
        ({"data_schema": Refusing}, ["data.flour: There is none."]),
        ({"version": 3}, ["data of version 1 has no way to version 3", "data of version 2"]),
    ],
)
def test_what_is_to_be_mended_is_said_with_how(changes: dict[str, Any], said: list[str]) -> None:
    found = check_handler(made(**changes))
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence


def test_old_data_need_a_migration_or_their_version_beside_it() -> None:
    third = made(version=3)
    third.migrate(from_version=2)(lambda data: data)
    assert len(check_handler(third)) == 1
    assert check_handler(third, beside={1, 3}) == []
    third.migrate(from_version=1)(lambda data: data)
    assert check_handler(third) == []


def test_of_several_versions_only_the_newest_has_to_know_the_old_ones() -> None:
    registry = Registry()
    source = Source("module", "bakery")
    for version in (2, 3):
        registry.register(made(version=version), source=source)
    (found,) = check_registry(registry)
    assert str(found).startswith("bake@3: data of version 1 has no way to version 3: add a function with")


def test_a_broken_plugin_is_a_finding(tmp_path: Any) -> None:
    (tmp_path / "bread.py").write_text("raise RuntimeError('the flour is gone')")
    (found,) = check_registry(load_handlers(import_handlers=str(tmp_path / "bread.py")))
    assert found == Finding("bread.py", None, "cannot be loaded. RuntimeError: the flour is gone")
    assert str(found) == "bread.py: cannot be loaded. RuntimeError: the flour is gone"


def test_ours_have_nothing_to_mend() -> None:
    registry = load_handlers()
    assert {one.id for one in registry.handlers()} >= {"fetch", "log-job"}
    assert check_registry(registry) == []
