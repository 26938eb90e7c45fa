"""What all tests of the repository share: no silent skips in CI, their order, README snippets, and Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_plugins = ["pytester"]

# First the one without windows, as Playwright's own is: the same engine, and a quarter less work for the processors.
CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


# --- A skip in CI is a failure: what CI does not run, nobody runs. ---


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{report.nodeid} was skipped, and CI runs everything. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the skip of a test into a failure when CI=true."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into a failure when CI=true."""
    report = yield
    _refuse_skip(report)
    return report


# --- Processes that share the tests begin with what takes longest: begun last, it would leave the others idle. ---

MARKS = pytest.StashKey[dict[str, set[frozenset[str]]]]()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, None, None]:
    """Note the marks of everything; then, in one of several processes, put first what is given most time, then many."""
    noted = config.stash.setdefault(MARKS, {})
    for item in items:
        noted.setdefault(item.nodeid.split("::")[0], set()).add(frozenset(mark.name for mark in item.iter_markers()))
    yield
    # Where files are given out, and not single tests: there, long ones are better among short ones.
    if "--no-loadscope-reorder" in getattr(config, "workerinput", {}).get("mainargv", ()):
        files: dict[str, list[float]] = {}
        for item in items:
            mark = item.get_closest_marker("timeout")
            files.setdefault(item.nodeid.split("::")[0], []).append(float(mark.args[0]) if mark else 0.0)
        ranks = {file: (-max(given), -len(given), file) for file, given in files.items()}
        items.sort(key=lambda item: ranks[item.nodeid.split("::")[0]])


@pytest.fixture(scope="session")
def marks_by_file(pytestconfig: pytest.Config) -> dict[str, set[frozenset[str]]]:
    """Return which marks the tests of each file have, those that are deselected included."""
    return pytestconfig.stash[MARKS]


# --- The Python of every README runs, each file in an empty folder of its own. ---


@pytest.fixture(scope="module")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make an empty folder the current one while the snippets of one README run."""
    folder = tmp_path_factory.mktemp("readme")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/adr/*.md"],
    fixtures=["empty_folder"],
).pytest()


# --- Chromium: the system's, because a browser of its own cannot be downloaded everywhere. ---


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium, quiet towards the outside; the tests are skipped where there is none."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        pytest.skip("needs Chromium (Debian: apt-get install chromium)")
    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"], capture_output=True, text=True, check=False
    )
    if driver.returncode:
        pytest.skip(f"Playwright does not start (Debian: apt-get install libatomic1): {driver.stderr.strip()}")
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        quiet.append("--no-sandbox")  # Chromium refuses to start as root with it
    return {**browser_type_launch_args, "executable_path": executable, "args": quiet}
