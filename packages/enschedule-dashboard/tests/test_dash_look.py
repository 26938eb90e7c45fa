"""The stylesheet keeps its promises: every pair of colours can be read, and nothing comes from elsewhere."""

import re
from pathlib import Path

import pytest

import enschedule_dashboard
from enschedule_dashboard import marks

ROOT = Path(enschedule_dashboard.__file__).parent
LOOK = (ROOT / "static/css/look.css").read_text()
TOKENS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", LOOK)
}
THEMES = ("light", "dark")
TEXT = [
    *(
        (front, back)
        for front in ("text", "soft", "faint", "accent", "press", "ok", "bad", "warn")
        for back in ("bg", "raised")
    ),
    *(
        (front, back)
        for front in ("text", "faint", "soft", "accent", "ok", "bad", "warn")
        for back in ("hover", "sunk")
    ),
    *((front, "wash") for front in ("text", "accent")),
    *(("bg", back) for back in ("accent", "bad", "text", "press")),
    ("bad", "bad-wash"),
    ("text", "bad-wash"),
    ("warn", "warn-wash"),
    ("text", "heat-2"),
    ("text", "heat-3"),
    ("ansi-magenta", "sunk"),
    ("ansi-cyan", "sunk"),
]
MARKS = [
    *((front, back) for front in ("control", "ok-mark", "bad-mark", "accent", "faint") for back in ("bg", "raised")),
    ("control", "hover"),
    ("ok-mark", "hover"),
    ("bad-mark", "hover"),
    ("bad-mark", "bad-wash"),
]


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(front: str, back: str, theme: str) -> float:
    pair = sorted((luminance(TOKENS[name][theme]) for name in (front, back)), reverse=True)
    return (pair[0] + 0.05) / (pair[1] + 0.05)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("front", "back"), TEXT, ids="-on-".join)
def test_text_can_be_read(front, back, theme):
    assert contrast(front, back, theme) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("front", "back"), MARKS, ids="-on-".join)
def test_bars_and_borders_can_be_seen(front, back, theme):
    assert contrast(front, back, theme) >= 3.0


def test_every_colour_is_a_token():
    rules = LOOK[LOOK.index("[data-theme") :]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b", rules)
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", LOOK))
    assert used <= set(re.findall(r"--([a-z0-9-]+):", LOOK))


def test_nothing_comes_from_elsewhere():
    for path in [*ROOT.glob("static/**/*.*"), *ROOT.glob("templates/**/*.html")]:
        text = path.read_text()
        assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text), path


def test_templates_hold_no_inline_style_or_script():
    for path in ROOT.glob("templates/**/*.html"):
        text = re.sub(r"\{%.*?%\}", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\|\s*safe\b", text), path
        assert not re.search(r"\s[a-z-]+=\{\{", text), f"{path}: an attribute without quotes"
        text = re.sub(r"\{\{.*?\}\}|\{#.*?#\}", "", text, flags=re.DOTALL)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path


def loaded(name: str, seen: set[str]) -> set[str]:
    """Return a script and all that it imports."""
    if name not in seen:
        seen.add(name)
        for other in re.findall(r'from "\./([a-z]+\.js)"', (ROOT / "static/js" / name).read_text()):
            loaded(other, seen)
    return seen


@pytest.mark.parametrize("path", sorted(ROOT.glob("templates/*.html")), ids=lambda path: path.stem)
def test_the_scripts_of_a_page_fit_the_budget(path):
    names = re.findall(r"static\('js/([a-z]+\.js)'\)", path.read_text())
    scripts = set().union(*(loaded(name, set()) for name in ["shell.js", *names]))
    assert sum((ROOT / "static/js" / name).stat().st_size for name in scripts) <= 40_000, sorted(scripts)


def test_every_mark_is_drawn():
    from enschedule_dashboard.marks import MARKS as STATUSES

    sprite = (ROOT / "templates/components/sprite.html").read_text()
    assert {f"m-{mark.symbol}" for mark in STATUSES.values()} <= set(re.findall(r'id="(m-[a-z]+)"', sprite))


def test_the_run_that_goes_on_stands_last_on_the_rail():
    recent = [{"status": "succeeded", "duration_seconds": 1.0, "at": "2026-11-23T13:00:00Z"}] * 30
    standing = marks.rail({"recent": recent, "status": "scheduled"})
    going_on = marks.rail({"recent": recent, "status": "running"})
    assert "r-run" not in dict(standing.paths)
    assert "r-run" in dict(going_on.paths)
    assert going_on.label == "Last 30: 29 succeeded, then 1 running."
