"""What the documentation points at exists: commands, targets, variables, files, labels, pages and their headings."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from enschedule_cli.main import cli
from enschedule_dashboard.main import SETTINGS as DASHBOARD_SETTINGS
from enschedule_worker.setting_table import OTHERS
from enschedule_worker.setting_table import SETTINGS as WORKER_SETTINGS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "packages/*/README.md")
    for path in ROOT.glob(pattern)
    if path.name != "0000-template.md"
)


# --- Shell snippets that are no requests: commands, targets and variables exist ---

SHELL = [
    (page.relative_to(ROOT).as_posix(), line.strip())
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
]


def test_the_python_of_every_page_is_run():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "docs"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    collected = {line.partition("::")[0] for line in listed.splitlines() if "::line:" in line}
    with_python = {page for page in PAGES if "\n```python\n" in page.read_text(encoding="utf-8")}
    wanted = {page.relative_to(ROOT).as_posix() for page in with_python if page.is_relative_to(DOCS)}

    assert wanted <= collected


def test_every_command_in_a_snippet_exists():
    named = {(page, name) for page, line in SHELL for name in re.findall(r"\benschedule ([a-z]\w*)", line)}

    assert {name for _, name in named} >= {"up"}
    assert [one for one in named if one[1] not in cli.list_commands(click.Context(cli))] == []


def test_every_target_of_make_in_a_snippet_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for _, line in SHELL for name in re.findall(r"^make (\w+)", line)}

    assert targets >= {"run", "test"}
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_every_variable_in_a_snippet_is_a_setting():
    every = (*WORKER_SETTINGS, *DASHBOARD_SETTINGS, *OTHERS)
    known = {name for one in every for name in (one.name, *one.aliases)}
    known |= {f"{one.name}_FILE" for one in every if one.secret}
    used = {name for _, line in SHELL for name in re.findall(r"(?:^|\s)([A-Z][A-Z_]+)=", line)}

    assert "HANDLERS_DIR" in used
    assert used - known == set()


def test_every_file_that_a_decision_names_exists():
    named = {name for page in DOCS.glob("adr/*.md") for name in re.findall(r"`([^`\s]+\.py)`", page.read_text("utf-8"))}
    folders = [ROOT, *ROOT.glob("packages/*/src/*")]

    assert "service/slots.py" in named
    assert [name for name in named if not any((folder / name).is_file() for folder in folders)] == []


def test_every_label_that_the_quick_start_says_to_press_is_on_a_page():
    templates = ROOT / "packages" / "enschedule-dashboard" / "src" / "enschedule_dashboard" / "templates"
    pages = "".join(path.read_text(encoding="utf-8") for path in templates.rglob("*.html"))
    labels = set(re.findall(r"\*\*([^*]+)\*\*", (DOCS / "quick-start.md").read_text("utf-8"))) - {
        "Greet somebody"
    }  # that handler's title

    assert {"Save", "Run now"} < labels
    assert [label for label in labels if label not in pages] == []


# --- Links ---


def links(file: Path) -> list[str]:
    content = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)", content) + re.findall(r"(?:src|srcset)=\"([^\"]+)\"", content)
    return [link for link in found if not re.match(r"https?:", link)]


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    content = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", content, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(file):
    broken = []
    for link in links(file):
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_the_index_leads_to_every_page():
    missing = {path.name for path in DOCS.glob("*.md")} - {"index.md"} - set(links(DOCS / "index.md"))

    assert missing == set()
