"""The registry: what it has, what it can run, and finding the same again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields

from enschedule_core import Handler, handler
from enschedule_core.errors import Conflict
from enschedule_core.registry import Registry
from enschedule_core.source import Source, source_of


def made(handler_id: str, version: int = 1, *, migrates_from: tuple[int, ...] = ()) -> Handler:
    one = handler(id=handler_id, version=version)(lambda data: data)
    for old in migrates_from:
        one.migrate(from_version=old)(lambda data: data)
    return one


def registry_of(*handlers: Handler) -> Registry:
    registry = Registry()
    for one in handlers:
        registry.register(one)
    return registry


class TestVersions:
    one, two = made("x", 1), made("x", 2)
    four = made("x", 4, migrates_from=(2, 3))
    five = made("x", 5, migrates_from=(3,))
    other = made("y", 9, migrates_from=(1,))

    @pytest.fixture
    def registry(self) -> Registry:
        return registry_of(self.five, self.one, self.four, self.two, self.other)

    def test_the_exact_version_comes_first(self, registry: Registry) -> None:
        assert registry.get("x", 2) is self.two
        assert registry.resolve("x", 2) is self.two

    def test_else_the_newest_that_can_migrate(self, registry: Registry) -> None:
        assert registry.get("x", 3) is None
        assert registry.resolve("x", 3) is self.five

    def test_else_nothing(self, registry: Registry) -> None:
        assert registry.resolve("x", 6) is None
        assert registry.resolve("z", 1) is None
        assert registry_of(self.five).resolve("x", 2) is None

    def test_offers_has_what_migrations_make_possible(self, registry: Registry) -> None:
        assert registry.offers() == {("x", 1), ("x", 2), ("x", 3), ("x", 4), ("x", 5), ("y", 1), ("y", 9)}

    def test_a_migration_added_after_registering_counts(self) -> None:
        late = made("late", 2)
        registry = registry_of(late)
        late.migrate(from_version=1)(lambda data: data)
        assert ("late", 1) in registry.offers()
        assert registry.resolve("late", 1) is late

    def test_newest(self, registry: Registry) -> None:
        assert registry.newest("x") is self.five
        assert registry.newest("z") is None

    def test_handlers_are_in_order(self, registry: Registry) -> None:
        assert [(one.id, one.version) for one in registry.handlers()] == [
            ("x", 1),
            ("x", 2),
            ("x", 4),
            ("x", 5),
            ("y", 9),
        ]


class TestRegister:
    def test_a_second_one_of_the_same_id_and_version_is_refused_naming_both(self) -> None:
        registry = Registry()
        registry.register(made("x"), source=Source("module", "first_plugin"))
        with pytest.raises(Conflict, match=r"x@1: one of first_plugin, one of second_plugin:x"):
            registry.register(made("x"), source=Source("module", "second_plugin", "x"))

    def test_the_same_object_twice_is_once(self) -> None:
        one = made("x")
        assert registry_of(one, one).handlers() == (one,)

    def test_register_job_makes_a_handler(self) -> None:
        class Message(Schema):
            message = fields.String()

        registry = Registry()
        one = registry.register_job(
            id="say", title="Say", data_schema=Message, job=print, description="d", example={"message": "m"}
        )
        assert registry.get("say", 1) is one
        assert (one.title, one.description, one.example) == ("Say", "d", {"message": "m"})

    def test_a_handler_given_as_job_keeps_its_migrations(self) -> None:
        one = made("x", 2, migrates_from=(1,))
        registry = Registry()
        one.register_with(registry)
        assert registry.handlers() == (one,)

    def test_only_handlers_are_taken(self) -> None:
        with pytest.raises(TypeError, match="what @handler made"):
            Registry().register(print)  # type: ignore[arg-type]

    def test_a_schema_without_a_json_form_is_found_at_once(self) -> None:
        class Odd(Schema):
            when = fields.Raw(metadata={"example": object()})

        with pytest.raises(TypeError):
            Registry().register(handler(id="x", data_schema=Odd)(print))


class TestSource:
    @pytest.mark.parametrize(
        ("source", "shown"),
        [
            (Source("distribution", "mod", "h", distribution="my-dist", version="1.2"), "my-dist 1.2 (mod:h)"),
            (Source("module", "mod.sub"), "mod.sub"),
            (Source("file", "jobs", path="/jobs/jobs.py"), "/jobs/jobs.py"),
            (Source("code", "mod.f"), "mod.f (made at run time)"),
        ],
    )
    def test_survives_json_and_has_a_name(self, source: Source, shown: str) -> None:
        assert Source.from_dict(json.loads(json.dumps(source.as_dict()))) == source
        assert str(source) == shown

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not 'cloud'"):
            Source.from_dict({"kind": "cloud", "name": "x"})

    def test_a_module_level_handler_is_found_by_its_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "source_by_name.py").write_text(
            "from enschedule_core import handler\nping = handler(id='ping')(lambda data: 1)\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        import source_by_name

        assert source_of(source_by_name.ping) == Source("module", "source_by_name", "ping")


PROGRAM = """
import json, sys
from enschedule_core import handler
from enschedule_core.plugins import collecting
from enschedule_core.registry import Registry

registry = collecting() or Registry()
registry.register(handler(id="inline", version=2)(lambda data: "from main"))
if isinstance(registry, Registry):
    print(json.dumps([source.as_dict() for source in registry.sources]))
"""

CHILD = """
import json, sys
from enschedule_core.registry import Registry
from enschedule_core.source import Source

registry = Registry.load(Source.from_dict(one) for one in json.loads(sys.argv[1]))
print([(one.id, one.version, one({})) for one in registry.handlers()], registry.broken)
"""


def python(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class TestFreshInterpreter:
    @pytest.mark.parametrize("start", [["program.py"], ["-m", "program"]])
    def test_handlers_of_the_main_program_are_found_again(self, tmp_path: Path, start: list[str]) -> None:
        (tmp_path / "program.py").write_text(PROGRAM)
        sources = python(*start, cwd=tmp_path)
        assert json.loads(sources)[0]["kind"] == "main"
        assert python("-c", CHILD, sources, cwd=tmp_path) == "[('inline', 2, 'from main')] ()"

    def test_a_source_that_is_gone_is_broken_and_the_others_load(self, tmp_path: Path) -> None:
        (tmp_path / "there.py").write_text("from enschedule_core import handler\nx = handler(id='x')(lambda data: 5)\n")
        sources = [
            Source("module", "not_there"),
            Source("code", "made.somewhere"),
            Source("file", "there", path=str(tmp_path / "there.py")),
        ]
        answer = python("-c", CHILD, json.dumps([one.as_dict() for one in sources]), cwd=tmp_path)
        assert answer.startswith("[('x', 1, 5)]")
        assert "there is no module not_there" in answer
        assert "made at run time" in answer


def test_a_broken_hook_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_done.py").write_text(
        "from enschedule_core import handler, hookimpl\n"
        "@hookimpl\n"
        "def enschedule_register_handlers(registry):\n"
        "    registry.register(handler(id='first')(print))\n"
        "    raise OSError('no licence')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry()
    assert not registry.load_source(Source("module", "half_done"))
    assert registry.handlers() == ()
    assert registry.sources == ()
    assert not registry.pm.get_plugins()
    assert registry.broken[0].error == "OSError: no licence"
    frames: list[Any] = [line for line in registry.broken[0].traceback.splitlines() if line.startswith("  File")]
    assert len(frames) == 1
    assert "half_done.py" in frames[0]
