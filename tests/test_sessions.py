"""The sessions of nox run every test between them, although they do not collect all files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
Marks = dict[str, set[frozenset[str]]]
# What the session of a marker leaves to another one.
ELSEWHERE = {"database": "cluster", "cluster": "long", "browser": "long"}


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def missed(places: tuple[str, ...], marker: str, marks_by_file: Marks) -> list[str]:
    """Return the files with tests of a marker that are in none of the places."""
    with_marker = [
        file
        for file, tests in marks_by_file.items()
        if any(marker in marks and ELSEWHERE[marker] not in marks for marks in tests)
    ]
    return [file for file in with_marker if not any(Path(file).is_relative_to(place) for place in places)]


@pytest.mark.parametrize("marker", ELSEWHERE)
def test_the_session_of_a_marker_collects_all_that_has_it(
    noxfile: ModuleType, marks_by_file: Marks, marker: str
) -> None:
    assert missed(noxfile.PLACES[marker], marker, marks_by_file) == []
    assert [place for place in noxfile.PLACES[marker] if not (ROOT / place).exists()] == []


def test_a_file_that_is_elsewhere_would_be_found() -> None:
    marks = {"tests/new/test_it.py": {frozenset({"browser"}), frozenset()}, "tests/browser/test_a.py": set()}
    assert missed(("tests/browser",), "browser", marks) == ["tests/new/test_it.py"]
    assert missed(("tests",), "browser", marks) == []
    assert missed(("tests/browser",), "cluster", marks) == []
