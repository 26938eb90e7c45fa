"""What a change has to pass, session by session; `make test` runs the default ones in this order.

All but `wheels`, `lowest` and `benchmarks` run in the environment nox itself runs in, `.venv`: making a second one
would only cost time. Those three are about other environments, so each makes its own, with uv.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

import bootstrap  # noqa: E402 - lives in tools/
import package_index  # noqa: E402

BIN = Path(sys.executable).parent
SERIAL = "not browser and not cluster and not database and not long"
# Where the tests of a marker are, because to collect all files takes seconds; a test sees to it that none is missed.
PLACES = {
    "database": ("packages/enschedule-worker/tests", "tests/test_leaks.py", "tests/test_benchmarks.py"),
    "cluster": ("tests/cluster", "packages/enschedule-hub/tests"),
    "browser": ("tests/browser", "tests/plugins", "packages/enschedule-dashboard/tests/test_dash_browser.py"),
}
# One file stays in one process, because its fixtures are made for the whole file; conftest.py says which comes first.
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
DEFAULT_SESSIONS = ("lint", "types", "layers", "tests", "databases", "cluster", "chaos", "browser", "wheels")

nox.options.sessions = DEFAULT_SESSIONS
nox.options.error_on_missing_interpreters = True
nox.options.stop_on_first_error = False

# Without bytecode every process would compile again whatever it imports: for pytest that is most of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _run(session: nox.Session, program: str, *arguments: str) -> None:
    session.run(str(BIN / program), *arguments, external=True)


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Style and layout of the code, with ruff."""
    _run(session, "ruff", "check", *session.posargs)
    _run(session, "ruff", "format", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types of everything under src/, with mypy --strict."""
    _run(session, "mypy", *session.posargs)


@nox.session(venv_backend="none")
def layers(session: nox.Session) -> None:
    """Who imports whom, with import-linter."""
    _run(session, "lint-imports")


@nox.session(venv_backend="none")
def tests(session: nox.Session) -> None:
    """All tests that need nothing but Python."""
    _run(session, "pytest", "-m", SERIAL, "-n", "auto", *BY_FILE, *session.posargs)


@nox.session(venv_backend="none")
def databases(session: nox.Session) -> None:
    """What talks to PostgreSQL and MariaDB on their usual local ports."""
    arguments = ("-n", "2", *BY_FILE, *(session.posargs or PLACES["database"]))
    _run(session, "pytest", "-m", "database and not cluster", *arguments)


@nox.session(venv_backend="none")
def cluster(session: nox.Session) -> None:
    """Real processes, signals and crashes, on each kind of database; what is slow is in the session `long`."""
    # Given out one by one, because each takes seconds: at the end no process has several left while the other has none.
    one_by_one = ("--dist", "load", "--maxschedchunk", "1")
    arguments = ("-n", "2", *one_by_one, *(session.posargs or PLACES["cluster"]))
    _run(session, "pytest", "-m", "cluster and not long", *arguments)


@nox.session(venv_backend="none")
def chaos(session: nox.Session) -> None:
    """Workers and servers killed, stopped and frozen at random, and everything counted: `-- --seconds 3600`."""
    seconds = "120" if os.environ.get("CI") == "true" else "30"
    _run(session, "python", "tools/chaos.py", *(session.posargs or ("--seconds", seconds)))


@nox.session(venv_backend="none")
def image(session: nox.Session) -> None:
    """The images, built without a daemon and started as the documentation says: as root, with buildah."""
    _run(session, "python", "tools/image.py", *session.posargs)


@nox.session(venv_backend="none")
def long(session: nox.Session) -> None:
    """The tests with real processes that CI's budget has no room for."""
    _run(session, "pytest", "-m", "long", "-n", "2", "--dist", "load", *session.posargs)


@nox.session(venv_backend="none")
def browser(session: nox.Session) -> None:
    """The pages in Chromium."""
    arguments = ("-n", "2", *BY_FILE, *(session.posargs or PLACES["browser"]))
    _run(session, "pytest", "-m", "browser", *arguments)


@nox.session(venv_backend="none")
def wheels(session: nox.Session) -> None:
    """Build every distribution, install the wheels into an empty environment, and run the main job from there."""
    folder = Path(session.create_tmp())
    dist, empty = folder / "dist", folder / "empty"
    for old in dist.glob("*"):
        old.unlink()
    environment = _index_environment()
    uv = str(BIN / "uv")
    session.run(
        uv, "build", "--quiet", "--wheel", "--all-packages", "--out-dir", str(dist), external=True, env=environment
    )
    built = sorted(map(str, dist.glob("*.whl")))
    expected = len(list(ROOT.glob("packages/*/pyproject.toml")))
    if len(built) != expected:
        session.error(f"{expected} distributions, but {len(built)} wheels: {', '.join(built)}")
    session.run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(empty), external=True)
    _install(session, empty, *built)
    _main_job(session, empty)


@nox.session(venv_backend="none")
def lowest(session: nox.Session) -> None:
    """The tests with the lowest version of each direct requirement."""
    empty = Path(session.create_tmp()) / "lowest"
    session.run(str(BIN / "uv"), "venv", "--quiet", "--clear", "--python", sys.executable, str(empty), external=True)
    _install(session, empty, "--resolution", "lowest-direct", *_editable(), "--group", "dev")
    session.run(str(empty / "bin" / "pytest"), "-m", SERIAL, *session.posargs, external=True)


@nox.session(venv_backend="none")
def benchmarks(session: nox.Session) -> None:
    """The measurements of the documentation, each against its peers, in environments that have the peers."""
    apart = _environment(session, "benchmarks", sys.executable)
    _install(session, apart, *_editable(), "enschedule-worker[mysql,postgres]")
    groups = nox.project.load_toml("pyproject.toml")["dependency-groups"]
    for peer in groups["bench"]:  # one by one: the rows of one that cannot be had say so, the others are measured
        _try_install(session, apart, peer)
    pythons = []
    newer = _newer_python()
    if newer is None:
        session.warn("There is no Python 3.12 here or newer, which Oban needs; its rows will say so.")
    else:
        oban = _environment(session, "benchmarks-oban", newer)
        _try_install(session, oban, *groups["bench-oban"])
        pythons = ["--python", f"oban={oban / 'bin' / 'python'}"]
    arguments = [] if session.posargs[:1] in (["profile"], ["dashboard"]) else pythons
    session.run(str(apart / "bin" / "python"), "-m", "benchmarks", *session.posargs, *arguments, external=True)


@nox.session(venv_backend="none")
def full(session: nox.Session) -> None:
    """Everything: the default sessions, then what CI's budget has no room for."""
    for name in (*DEFAULT_SESSIONS, "long", "lowest", "benchmarks"):
        session.notify(name)


def _editable() -> list[str]:
    """Return the arguments that install every distribution from here."""
    return [part for path in sorted(ROOT.glob("packages/*/pyproject.toml")) for part in ("-e", str(path.parent))]


def _install(session: nox.Session, empty: Path, *requirements: str) -> None:
    command = [str(BIN / "uv"), "pip", "install", "--quiet", "--python", str(empty / "bin" / "python"), *requirements]
    session.run(*command, external=True, env=_index_environment())


def _environment(session: nox.Session, name: str, python: str) -> Path:
    """Make an empty environment."""
    folder = Path(session.create_tmp()) / name
    session.run(str(BIN / "uv"), "venv", "--quiet", "--clear", "--python", python, str(folder), external=True)
    return folder


def _try_install(session: nox.Session, empty: Path, *requirements: str) -> None:
    """Install what may be missing from an index, or not fit this Python; uv says why where it does not."""
    try:
        _install(session, empty, *requirements)
    except nox.command.CommandFailed:
        session.warn(f"{' '.join(requirements)} could not be installed.")


def _newer_python() -> str | None:
    """Return a Python that is at least 3.12, if there is one: this one, one on the path, or one of pyenv's."""
    if sys.version_info >= (3, 12):
        return sys.executable
    on_path = [found for minor in (14, 13, 12) if (found := shutil.which(f"python3.{minor}"))]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for python in (*on_path, *sorted(map(str, pyenv.glob("3.1[2-9]*/bin/python3")))):
        # pyenv's stand-ins on the path are there for versions that are not switched on, too.
        tried = subprocess.run([python, "-c", "pass"], capture_output=True, check=False)  # noqa: S603 - found just now
        if tried.returncode == 0:
            return python
    return None


def _main_job(session: nox.Session, empty: Path) -> None:
    session.run(
        str(empty / "bin" / "python"), "-I", str(ROOT / "tools" / "main_job.py"), str(empty / "bin"), external=True
    )


def _index_environment() -> dict[str, str | None]:
    """Return the variables that make uv use the index pip is set up for."""
    settings = package_index.read_settings(os.environ, bootstrap.DEFAULT_INDEX)
    return {**package_index.child_environment(settings)}
