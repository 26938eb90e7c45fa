"""The budget of the dashboard's assets: at most 40,000 bytes of scripts on any page."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import assets  # noqa: E402 - lives in tools/


def test_no_page_loads_more_scripts_than_it_may():
    found = assets.script_bytes()
    assert len(found) > 15
    assert {name: size for name, size in found.items() if size > assets.SCRIPT_BYTES} == {}


def test_every_script_is_loaded_by_some_page():
    loaded = set.union(*assets.scripts(later=True).values())
    assert loaded == {name for name in assets.sizes() if name.endswith(".js")}


def test_what_is_imported_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for folder, name, text in (
        ("templates", "base.html", """<script type="module" src="{{ static('js/a.js') }}"></script>"""),
        ("templates", "page.html", """{% extends "base.html" %}<script src="{{ static('js/b.js') }}"></script>"""),
        ("static/js", "a.js", 'import { x } from "./c.js";'),
        ("static/js", "b.js", 'import("./d.js");'),
        ("static/js", "c.js", "//"),
        ("static/js", "d.js", "//"),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(assets, "STATIC", tmp_path / "static")
    monkeypatch.setattr(assets, "TEMPLATES", tmp_path / "templates")
    assert assets.scripts() == {"page.html": {"js/a.js", "js/b.js", "js/c.js"}}
    assert assets.scripts(later=True) == {"page.html": {"js/a.js", "js/b.js", "js/c.js", "js/d.js"}}
