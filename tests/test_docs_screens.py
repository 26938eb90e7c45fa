"""The pictures of the documentation: each is there, small, and shown with words for who does not see it; no others."""

import re
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import picture_list  # noqa: E402 - lives in tools/

SCREENS = ROOT / "docs" / "screens"
MOST_BYTES = 2_500_000
PALETTE = 3  # the colour type of PNG (section 11.2.2 of its specification)


def shown() -> dict[str, str]:
    """The pictures that pages show, by file name, each with its alternative text."""
    found = {}
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        text = page.read_text(encoding="utf-8")
        for words, path in re.findall(r"!\[([^]]*)\]\(([^)]*screens/[^)]+)\)", text):
            found[Path(path).name] = words
        for words, path in re.findall(r'<img alt="([^"]*)" src="([^"]*screens/[^"]+)"', text):
            found[Path(path).name] = words
    return found


def test_the_documentation_shows_the_pictures_that_are_taken_for_it():
    taken = {f"{name}.png" for name in picture_list.IN_THE_DOCS}
    assert {path.name for path in SCREENS.iterdir()} == taken
    assert set(shown()) == taken
    assert [name for name, words in shown().items() if len(words) < 8] == []


def test_the_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in SCREENS.glob("*.png")}
    assert sum(sizes.values()) < MOST_BYTES, sizes


def test_the_pictures_have_a_palette_and_the_width_of_their_name():
    for path in SCREENS.glob("*.png"):
        width, _, _, colours = struct.unpack(">IIBB", path.read_bytes()[16:26])
        assert colours == PALETTE, path.name
        assert path.stem.endswith(f"-{width}"), path.name
