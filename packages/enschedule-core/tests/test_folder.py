"""HANDLERS_DIR while it is edited: what is new, what is gone, and what a broken edit leaves as it was."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from enschedule_core import kept
from enschedule_core.errors import ConfigurationError
from enschedule_core.folder import HandlersFolder
from enschedule_core.plugins import load_handlers, open_folder
from enschedule_core.registry import Registry
from enschedule_core.testing import run_handler

HANDLER = "from enschedule_core import handler\n\n\n@handler(id={id!r})\ndef run(data):\n    return {result}\n"


class World:
    """A folder with handlers, loaded, and the same again as a child process would load it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.registry = Registry()
        self.folder: HandlersFolder

    def write(self, name: str, id: str | None = None, result: str = "1", *, before: str = "") -> None:
        text = before + (HANDLER.format(id=id or Path(name).stem, result=result))
        self.write_text(name, text)

    def write_text(self, name: str, text: str) -> None:
        target = self.path / name
        target.parent.mkdir(exist_ok=True)
        # As editors do: a new file in the place of the old one, which always has another inode.
        fresh = target.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(target)

    def start(self) -> None:
        load_handlers(import_handlers="enschedule-log-handler", handlers_dir=self.path, registry=self.registry)
        self.folder = open_folder(self.registry, self.path)
        assert not self.refresh(), "nothing has changed yet"

    def refresh(self) -> bool:
        return [self.folder.refresh() for _ in range(3)].count(True) == 1

    @property
    def results(self) -> dict[str, Any]:
        return {one.id: run_handler(one, {}).result for one in self.registry.handlers() if one.id != "log-job"}

    @property
    def broken(self) -> dict[str, str]:
        return {one.name: one.error for one in self.registry.broken}

    def in_a_child(self) -> dict[str, Any]:
        """The handlers of a process that is given the sources and the texts, as child processes are."""
        import json
        import subprocess

        program = (
            "import json, sys\n"
            "from enschedule_core import kept\n"
            "from enschedule_core.registry import Registry\n"
            "from enschedule_core.source import Source\n"
            "from enschedule_core.testing import run_handler\n"
            "given = json.load(sys.stdin)\n"
            "for folder, texts in given['texts'].items():\n"
            "    kept.keep(folder, {path: text.encode() for path, text in texts.items()})\n"
            "registry = Registry.load(map(Source.from_dict, given['sources']))\n"
            "assert not registry.broken, registry.broken\n"
            "found = {one.id: run_handler(one, {}).result for one in registry.handlers() if one.id != 'log-job'}\n"
            "print(json.dumps(found))\n"
        )
        texts = {
            folder: {path: text.decode() for path, text in texts.items()}
            for folder, texts in self.registry.folder_texts.items()
        }
        given = json.dumps({"texts": texts, "sources": [one.as_dict() for one in self.registry.sources]})
        done = subprocess.run([sys.executable, "-c", program], input=given, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "jobs"
    path.mkdir()
    before = list(sys.path)
    yield World(path)
    kept.forget_modules(str(path))
    kept._kept.pop(str(path), None)
    sys.path[:] = before


def test_what_is_added_edited_and_dropped_is_there_at_once(world: World) -> None:
    world.write("a.py")
    world.write("b.py")
    world.start()
    assert world.results == {"a": 1, "b": 1}
    world.write("a.py", result="2")
    (world.path / "b.py").unlink()
    world.write("c.py", result="3")
    assert world.refresh()
    assert world.results == {"a": 2, "c": 3} == world.in_a_child()
    assert {one.id for one in world.registry.handlers()} == {"a", "c", "log-job"}, "others stay"
    assert not world.refresh()


def test_edits_of_the_same_second_and_size_are_told_apart_and_no_bytecode_is_left(world: World) -> None:
    world.write("a.py")
    world.start()
    for number in "23456":
        world.write("a.py", result=number)
        assert world.refresh()
        assert world.results == {"a": int(number)}
    assert not (world.path / "__pycache__").exists()


def test_a_file_that_is_being_written_is_waited_for(world: World) -> None:
    world.write("a.py")
    world.start()
    for step in ("def ", "def half", "def half_a_function(:"):
        world.write_text("a.py", step)
        assert not world.folder.refresh()
    world.write("a.py", result="2")
    assert not world.folder.refresh()
    assert world.folder.refresh()
    assert world.results == {"a": 2}
    assert world.broken == {}


def test_a_broken_edit_keeps_what_was_and_is_reported_until_it_is_mended(world: World) -> None:
    world.write("a.py")
    world.write("b.py")
    world.start()
    world.write("b.py", result="2")
    world.write_text("a.py", "import nonsense_that_is_not_there\n")
    assert world.refresh()
    assert world.results == {"a": 1, "b": 2} == world.in_a_child(), "the other file is new all the same"
    assert world.broken == {"a.py": "ModuleNotFoundError: No module named 'nonsense_that_is_not_there'"}
    world.write("b.py", result="3")
    assert world.refresh()
    assert world.results == {"a": 1, "b": 3} == world.in_a_child()
    assert "a.py" in world.broken
    world.write("a.py")
    assert world.refresh()
    assert world.results == {"a": 1, "b": 3}
    assert world.broken == {}, "what was mended to what it had been before is no longer broken"


def test_a_new_file_that_is_broken_is_reported_and_one_that_was_broken_can_go(world: World) -> None:
    world.write_text("a.py", "raise RuntimeError('no')\n")
    world.start()
    assert world.broken == {"a.py": "RuntimeError: no"}
    world.write("b.py")
    world.write_text("c.py", "x = 1\n")
    assert world.refresh()
    assert world.results == {"b": 1} == world.in_a_child()
    assert set(world.broken) == {"a.py", "c.py"}
    (world.path / "a.py").unlink()
    (world.path / "c.py").unlink()
    assert world.refresh()
    assert world.broken == {}


def test_what_plugins_import_counts_too(world: World) -> None:
    world.write_text("_words.py", "WORD = 'old'\n")
    world.write_text("tools/__init__.py", "")
    world.write_text("tools/numbers_of_ours.py", "NUMBER = 1\n")
    world.write("a.py", before="from _words import WORD\n", result="WORD")
    world.write("b.py", before="from tools.numbers_of_ours import NUMBER\n", result="NUMBER")
    world.start()
    assert world.results == {"a": "old", "b": 1}
    world.write_text("_words.py", "WORD = 'new'\n")
    world.write_text("tools/numbers_of_ours.py", "NUMBER = 2\n")
    assert world.refresh()
    assert world.results == {"a": "new", "b": 2} == world.in_a_child()


def test_a_broken_edit_of_what_plugins_import_keeps_it_as_it_was_even_if_it_is_gone(world: World) -> None:
    world.write_text("_words.py", "WORD = 'old'\n")
    world.write("a.py", before="from _words import WORD\n", result="WORD")
    world.write("b.py")
    world.start()
    (world.path / "_words.py").unlink()
    world.write("b.py", result="2")
    assert world.refresh()
    assert world.results == {"a": "old", "b": 2} == world.in_a_child()
    assert "_words" in world.broken["a.py"]


def test_two_files_that_take_each_others_id_change_nothing_but_say_so(world: World) -> None:
    world.write("a.py")
    world.write("b.py")
    world.start()
    world.write("a.py", id="b", result="2")
    assert world.refresh()
    assert world.results == {"a": 1, "b": 1} == world.in_a_child()
    assert "Two handlers are b@1" in world.broken["b.py"]
    world.write("b.py", id="a", result="3")
    assert world.refresh()
    assert world.results == {"b": 2, "a": 3} == world.in_a_child()
    assert world.broken == {}


def test_a_handler_of_another_plugin_cannot_be_taken(world: World) -> None:
    world.write("a.py")
    world.start()
    world.write("a.py", id="log-job")
    assert world.refresh()
    assert world.results == {"a": 1}
    assert "Two handlers are log-job@1" in world.broken["a.py"]


def test_a_folder_that_is_gone_for_a_while_leaves_everything_as_it_is(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write("a.py")
    world.start()
    world.path.rename(world.path.with_name("elsewhere"))
    assert not world.refresh()
    assert not world.refresh()
    assert world.results == {"a": 1} == world.in_a_child()
    assert caplog.text.count("HANDLERS_DIR cannot be read") == 1
    world.path.with_name("elsewhere").rename(world.path)
    world.write("a.py", result="2")
    assert world.refresh()
    assert world.results == {"a": 2}


def test_a_large_package_beside_the_handlers_is_not_theirs(world: World) -> None:
    world.write("a.py", before="import whole_library\n", result="whole_library.NUMBER")
    world.write_text("whole_library/__init__.py", "NUMBER = 7\n")
    world.write_text("whole_library/data.py", "#" * 8 * 1024 * 1024)
    world.start()
    assert world.results == {"a": 7}
    assert [Path(path).name for path in world.folder.texts] == ["a.py"]
    world.write("a.py", before="import whole_library\n", result="whole_library.NUMBER + 1")
    assert world.refresh()
    assert world.results == {"a": 8} == world.in_a_child()
    del sys.modules["whole_library"]


def test_a_project_with_its_virtual_environment_in_it_keeps_what_it_has_imported(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = world.path / ".venv" / "site-packages"
    (site / "acme_paint").mkdir(parents=True)
    (site / "acme_paint" / "__init__.py").write_text("STATE = []\n")
    monkeypatch.syspath_prepend(site)
    import acme_paint

    world.write("a.py", before="import acme_paint\n", result="len(acme_paint.STATE)")
    world.start()
    acme_paint.STATE.append(1)
    world.write("a.py", before="import acme_paint\n", result="10 + len(acme_paint.STATE)")
    assert world.refresh()
    assert world.results == {"a": 11}
    assert sys.modules["acme_paint"] is acme_paint
    assert (site / "acme_paint" / "__pycache__").exists() or sys.dont_write_bytecode
    del sys.modules["acme_paint"]


def test_names_that_are_no_identifiers_and_those_of_the_standard_library(world: World) -> None:
    world.write("daily-report.py", id="report")
    world.write("json.py", id="json")
    world.start()
    assert world.results == {"report": 1, "json": 1}
    world.write("daily-report.py", id="report", result="2")
    world.write("json.py", id="json", result="2")
    assert world.refresh()
    assert world.results == {"report": 2, "json": 2} == world.in_a_child()
    import json

    assert json.dumps([]) == "[]"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (shutil.rmtree, "does not exist"),
        (lambda path: [path.joinpath(f"_{number}.py").touch() for number in range(1_001)], "more than 1,000"),
        (
            lambda path: path.joinpath("_large.py").write_bytes(b"#" * (8 * 1024 * 1024 + 1)),
            "more than 8,388,608 bytes",
        ),
    ],
    ids=["gone", "many", "large"],
)
def test_a_folder_that_cannot_be_used_is_one_message(world: World, spoil: Callable[[Path], Any], said: str) -> None:
    spoil(world.path)
    with pytest.raises(ConfigurationError, match=said) as refused:
        load_handlers(handlers_dir=world.path)
    assert "HANDLERS_DIR" in str(refused.value.detail)
    assert refused.value.hint
