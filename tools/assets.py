"""How large the dashboard's assets are, as they lie there and as they are sent, and which scripts each page loads.

    python tools/assets.py

Fails where a page loads more than 40,000 bytes of scripts. What whole pages weigh is measured in a browser, by
tests/browser/test_browser_pages.py, since it depends on what they show.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

PAGES = Path(__file__).parent.parent / "packages/enschedule-dashboard/src/enschedule_dashboard"
STATIC, TEMPLATES = PAGES / "static", PAGES / "templates"
SCRIPT_BYTES = 40_000
LEVEL = 5  # as enschedule_dashboard.compress sends them
_NAMED = re.compile(r"""<script[^>]*\bsrc="\{\{ static\('(js/[\w-]+\.js)'\) \}\}\"""")
_IMPORTED = re.compile(r"""\b(?:import|from)\s*["']\./([\w-]+\.js)["']""")
_FETCHED = re.compile(r"""\bimport\(["']\./([\w-]+\.js)["']""")  # once somebody needs it


def sizes() -> dict[str, tuple[int, int]]:
    """Return the bytes of each static file, plain and compressed, the largest first."""
    found = {}
    for path in sorted((path for path in STATIC.rglob("*") if path.is_file()), key=lambda path: -path.stat().st_size):
        body = path.read_bytes()
        found[path.relative_to(STATIC).as_posix()] = len(body), len(gzip.compress(body, LEVEL))
    return found


def scripts(*, later: bool = False) -> dict[str, set[str]]:
    """Return the scripts that the pages of each template load: those of all pages, its own, and what they import.

    ``later``: with those that are fetched only once somebody needs them.
    """
    common = set(_NAMED.findall((TEMPLATES / "base.html").read_text(encoding="utf-8")))
    if not common:
        raise ValueError("base.html loads no script in a way that is understood here")
    found = {}
    for template in sorted(TEMPLATES.glob("*.html")):
        text = template.read_text(encoding="utf-8")
        if '{% extends "base.html" %}' in text:
            found[template.name] = _with_imports(common | set(_NAMED.findall(text)), later=later)
    return found


def _with_imports(names: set[str], *, later: bool) -> set[str]:
    seen, rest = set(names), list(names)
    while rest:
        text = (STATIC / rest.pop()).read_text(encoding="utf-8")
        imported = _IMPORTED.findall(text) + (_FETCHED.findall(text) if later else [])
        fresh = {f"js/{name}" for name in imported} - seen
        seen |= fresh
        rest += fresh
    return seen


def script_bytes() -> dict[str, int]:
    """Return how many bytes of scripts the pages of each template load."""
    return {template: sum((STATIC / name).stat().st_size for name in names) for template, names in scripts().items()}


def main() -> int:
    """Print the sizes; return 1 where a page loads too much."""
    found = sizes()
    print(f"{'bytes':>8} {'sent':>8}")
    for name, (plain, sent) in found.items():
        print(f"{plain:8,} {sent:8,}  {name}")
    for kind in (".css", ".js", ""):
        of_kind = [size for name, size in found.items() if name.endswith(kind)]
        print(f"{sum(one[0] for one in of_kind):8,} {sum(one[1] for one in of_kind):8,}  all {kind}".rstrip())
    print(f"\nScripts that a page loads, at most {SCRIPT_BYTES:,} bytes:")
    too_large = []
    for template, size in sorted(script_bytes().items(), key=lambda one: -one[1]):
        print(f"{size:8,} {'':8}  {template}")
        if size > SCRIPT_BYTES:
            too_large.append(template)
    if too_large:
        print(f"assets: too many bytes of scripts on {', '.join(too_large)}", file=sys.stderr)
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
