"""What CI prints in the end says why it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "failures.py"
sys.path.insert(0, str(TOOL.parent))

import failures  # noqa: E402 - lives in tools/

TITLE = "What failed (everything that was printed is in ci.log):"
CHAOS = """\
Chaos for 30 s, seed 7:
                    sqlite  postgres
kills                    4         2
NEVER:
errors                   0         1

postgres: worker-w0.log: 10:00:00 ERROR it went wrong

  sqlalchemy.exc.Error: lost

postgres: still open: [('a', 'running')]
"""


def session(name: str, printed: str, ends: str = "failed: code 1 (took 3 seconds)") -> str:
    return f"nox > Running session {name}\nnox > pytest -m it\n{printed}\nnox > Session {name} {ends}.\n"


def test_a_green_run_prints_nothing(tmp_path: Path) -> None:
    log = tmp_path / "ci.log"
    log.write_text(session("tests", "FAILED a.py::test_a - no", "was successful in 2 seconds"), encoding="utf-8")

    done = subprocess.run([sys.executable, TOOL, log, "0"], capture_output=True, text=True, check=True)

    assert done.stdout == done.stderr == ""


def test_a_summary_of_pytest_keeps_failures_and_errors_with_their_messages() -> None:
    printed = """\
E   assert 1 == 2
=========================== short test summary info ============================
FAILED a.py::test_inner - what a test of a test has printed
=========================== short test summary info ============================
SKIPPED [1] b.py:3: elsewhere
FAILED a.py::test_a[x] - assert 'a' == 'b'

  - b
  + a
XFAIL a.py::test_known - known
more of what is known
ERROR b.py::test_b - ImportError: no
!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!
=============== 1 failed, 3 passed, 1 error in 2.17s ===============
"""
    log = session("layers", "fine", "was successful") + session("tests", printed)

    assert failures.page(log, "ci.log") == [
        TITLE,
        "",
        "--- tests",
        "FAILED a.py::test_a[x] - assert 'a' == 'b'",
        "  - b",
        "  + a",
        "ERROR b.py::test_b - ImportError: no",
    ]


def test_the_report_of_chaos_is_there_as_a_whole() -> None:
    log = session("chaos", CHAOS + "nox > Command python tools/chaos.py failed with exit code 1")

    assert failures.page(log, "ci.log")[3:] == list(filter(None, CHAOS.splitlines()))


def test_of_a_report_of_chaos_that_is_too_long_the_table_and_a_part_of_each_note_stay() -> None:
    notes = "".join(f"\nmariadb: note {number}\n" + "at this line\n" * 100 for number in range(5))

    lines = failures.page(session("chaos", CHAOS + notes), "ci.log")

    assert len(lines) <= failures.ROOM + 3
    assert lines[3:8] == CHAOS.splitlines()[:5]
    assert [line for line in lines if line.startswith("mariadb: ")] == [f"mariadb: note {n}" for n in range(5)]
    assert lines[-1] == "  … 80 more lines"


def test_a_session_that_fails_otherwise_shows_its_end() -> None:
    printed = "\n".join(f"line {number}" for number in range(100))

    lines = failures.page(session("wheels", printed, "aborted: no network"), "ci.log")

    assert lines[2:] == ["--- wheels", *(f"line {number}" for number in range(100 - failures.LAST, 100))]


def test_a_failure_before_the_first_session_shows_the_end_of_all() -> None:
    log = "bootstrap: installing\n\x1b[31merror: no index\x1b[0m\nmake: *** [Makefile:22: setup] Error 1\n"

    assert failures.page(log, "ci.log")[2:] == [
        "--- make test",
        *log.replace("\x1b[31m", "").replace("\x1b[0m", "").splitlines(),
    ]


def test_errors_of_types_are_a_line_each() -> None:
    wrong = "src/a.py:2: error: Incompatible types in assignment  [assignment]"
    log = session("types", f"{wrong}\nsrc/a.py:2: note: see there\nFound 1 error in 1 file (checked 300 source files)")

    assert failures.page(log, "ci.log")[2:] == ["--- types", wrong]


def test_every_session_has_its_share_of_a_page() -> None:
    many = "=== short test summary info ===\n" + "".join(f"FAILED a.py::test_{n} - no\n" for n in range(500))
    log = session("tests", many) + session("chaos", CHAOS) + session("browser", many + "x" * 1000)

    lines = failures.page(log, "ci.log")

    assert len(lines) <= failures.ROOM + 7
    assert max(map(len, lines)) <= failures.WIDTH
    assert [line for line in lines if line.startswith("---")] == ["--- tests", "--- chaos", "--- browser"]
    assert set(filter(None, CHAOS.splitlines())) <= set(lines)
    left_out = [line for line in lines if line.startswith("…")]
    shown = sum(line.startswith("FAILED") for line in lines)
    assert sum(int(line.split()[2]) for line in left_out) + shown == 1000


@pytest.mark.parametrize(
    ("needs", "room", "shared"),
    [([3, 4], 10, [3, 4]), ([3, 40, 50], 23, [3, 10, 10]), ([9, 9, 9], 2, [1, 1, 1]), ([], 5, [])],
)
def test_lines_are_shared_out_alike(needs: list[int], room: int, shared: list[int]) -> None:
    assert failures.shares(needs, room) == shared


def test_what_the_real_programs_print_is_understood(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").write_text(
        "import nox\n"
        "PYTHON = ['python', '-I', '-m']\n"
        "@nox.session(venv_backend='none')\n"
        "def lint(session): session.run(*PYTHON, 'ruff', 'check', '--isolated', 'wrong.py', external=True)\n"
        "@nox.session(venv_backend='none')\n"
        "def layers(session): session.run(*PYTHON, 'ruff', '--version', external=True)\n"
        "@nox.session(venv_backend='none')\n"
        "def tests(session): session.run(*PYTHON, 'pytest', 'test_wrong.py', external=True)\n",
        encoding="utf-8",
    )
    (tmp_path / "wrong.py").write_text("import os\n", encoding="utf-8")
    (tmp_path / "test_wrong.py").write_text("def test_sum():\n    assert 1 + 1 == 3, 'two\\nlines'\n", encoding="utf-8")
    environ = {**os.environ, "CI": "true", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"

    done = subprocess.run(
        [sys.executable, "-m", "nox"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert failures.page(done.stdout, "ci.log") == [
        TITLE,
        "",
        "--- lint",
        "wrong.py:1:8: F401 [*] `os` imported but unused",
        "",
        "--- tests",
        "FAILED test_wrong.py::test_sum - AssertionError: two",
        "  lines",
        "assert (1 + 1) == 3",
    ]
