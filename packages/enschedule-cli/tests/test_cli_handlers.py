"""``enschedule handlers check`` and ``new``: no server is needed, and what is written installs and passes its tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_cli.main import cli

GOOD = """
from enschedule_core import handler


@handler(id="greet-{0}", title="Greet", description="Says hello")
def greet(data):
    print("hello")
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMPORT_HANDLERS", raising=False)
    monkeypatch.delenv("HANDLERS_DIR", raising=False)
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(cli, ["handlers", *arguments])
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done.stdout, done.stderr


def test_what_is_installed_is_checked_and_fine() -> None:
    said, _ = run("check")
    assert "enschedule-log-handler: log-job@1, nothing to mend\n" in said
    assert "enschedule-fetch-handler: fetch@1, nothing to mend\n" in said


def test_names_choose_and_so_does_the_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "one.py").write_text(GOOD.format("one"))
    said, _ = run("check", "one.py", "enschedule-log-handler")
    assert said.splitlines() == [
        f"{here / 'one.py'}: greet-one@1, nothing to mend",
        "enschedule-log-handler: log-job@1, nothing to mend",
    ]
    (here / "jobs").mkdir()
    (here / "jobs" / "two.py").write_text(GOOD.format("two"))
    monkeypatch.setenv("HANDLERS_DIR", "jobs")
    monkeypatch.setenv("IMPORT_HANDLERS", "enschedule-log-handler")
    said, _ = run("check")
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        "log-job@1, nothing to mend",
        "greet-two@1, nothing to mend",
    ]


def test_what_is_to_be_mended_is_listed_and_the_exit_code_is_1(here: Path) -> None:
    (here / "faulty.py").write_text(GOOD.format("faulty").replace(', description="Says hello"', ""))
    (here / "broken.py").write_text("import nonsense_that_is_not_there")
    said, mistakes = run("check", "faulty.py", "broken.py", code=1)
    assert said == f"{here / 'faulty.py'}: greet-faulty@1\n"
    assert (
        "broken.py: cannot be loaded. ModuleNotFoundError: No module named 'nonsense_that_is_not_there'\n" in mistakes
    )
    assert "greet-faulty@1: has no description" in mistakes
    assert mistakes.endswith("2 to mend\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py"], "there is no file"),
        (["acme-nowhere"], "acme-nowhere is not installed"),
        (["enschedule-log-handle"], "Did you mean enschedule-log-handler?"),
        (["a.py,b.py"], "apart by spaces"),
    ],
)
def test_a_plugin_that_is_not_there_is_wrong_usage(arguments: list[str], said: str) -> None:
    _, mistakes = run("check", *arguments, code=2)
    assert said in mistakes


@pytest.mark.parametrize(
    "name", ["", "9lives", "a b", "-x", "json", "class", "enschedule-core", "new-handler", "x" * 70]
)
def test_a_name_that_cannot_be_one_is_refused_and_nothing_written(name: str, here: Path) -> None:
    _, mistakes = run("new", "--", name, code=2)
    assert "enschedule handlers new acme-pictures" in mistakes
    assert list(here.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(here: Path) -> None:
    (here / "acme").mkdir()
    (here / "acme" / "mine.txt").write_text("mine")
    _, mistakes = run("new", "acme", code=1)
    assert "nothing was written" in mistakes
    assert [path.name for path in here.rglob("*")] == ["acme", "mine.txt"]
    (here / "file").touch()
    run("new", "acme", "--into", "file", code=1)
    run("new", "acme", "--into", "file/below", code=1)
    (here / "empty").mkdir()
    run("new", "acme", "--into", "empty")
    assert (here / "empty" / "pyproject.toml").exists()


@pytest.mark.parametrize(
    ("name", "normal", "module", "id"),
    [
        ("Acme.Pictures", "acme-pictures", "acme_pictures", "acme-pictures"),
        ("enschedule-sweep-handler", "enschedule-sweep-handler", "enschedule_sweep_handler", "sweep"),
        ("enschedule-handler", "enschedule-handler", "enschedule_handler", "handler"),
    ],
)
def test_names_are_written_as_pip_writes_them(name: str, normal: str, module: str, id: str, here: Path) -> None:
    run("new", name)
    project = (here / normal / "pyproject.toml").read_text()
    assert f'name = "{normal}"\n' in project
    assert f'[project.entry-points."enschedule.handlers"]\n{module} = "{module}"\n' in project
    assert f'    id="{id}",\n' in (here / normal / "src" / module / "__init__.py").read_text()
    assert not any("$" in path.read_text() for path in (here / normal).rglob("*") if path.is_file())


def test_a_new_package_installs_offline_passes_its_tests_and_is_found(here: Path) -> None:
    normal = id = "acme-pictures"
    said, _ = run("new", "Acme_Pictures")
    assert f"the handler {id}\n" in said
    python = environment(here / "venv")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    execute([*install, "--no-build-isolation", "--disable-pip-version-check", f"./{normal}"])
    assert "3 passed" in execute([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{normal}/tests"])
    checked = execute([python, "-m", "enschedule_cli.main", "handlers", "check", normal])
    assert checked == f"{normal}: {id}@1, nothing to mend\n"
    everything = execute([python, "-m", "enschedule_cli.main", "handlers", "check"])
    assert {line.split(": ")[0] for line in everything.splitlines()} >= {normal, "enschedule-log-handler"}


def environment(folder: Path) -> str:
    """A virtual environment of its own that also sees what is installed here, so that nothing here is touched."""
    venv.create(folder, with_pip=False, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    beside = sysconfig.get_path("purelib")
    packages.joinpath("beside.pth").write_text(f"import site; site.addsitedir({beside!r})\n")
    return str(folder / "bin" / "python")


def execute(command: list[str]) -> str:
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
