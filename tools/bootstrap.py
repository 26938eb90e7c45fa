"""Make `.venv` with every package of this repository in it, from a bare Python.

Needs Python 3.11 or newer and nothing else: no pip, no ensurepip, no uv. The steps:

1. nothing, when the stamp of the last run still fits (this must stay well under 0.2 s: `make run` calls it each time);
2. create the environment without pip, because Debian's python3 has no ensurepip;
3. fetch pip's wheel from the configured package index (PEP 503, PEP 691), check its SHA-256, and let it install
   itself and uv;
4. let uv install all packages editable, with the dependency group asked for.

The index is taken from PIP_INDEX_URL, then UV_DEFAULT_INDEX, then pip's configuration files, then the public default.
uv does not read pip's configuration, so it is handed on. This file is the only one that may name an index.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

MINIMUM = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "bootstrap.stamp"
GROUPS = ("run", "dev")
DEFAULT_INDEX = "https://pypi.org/simple"


class BootstrapError(Exception):
    """Something the user has to put right; the message says what and how."""


def fingerprint(root: Path = ROOT) -> str:
    """Return a digest of everything the environment depends on: requirements, this code, the interpreter, the place."""
    base = getattr(sys, "_base_executable", sys.executable)  # the same inside and outside of the environment
    digest = hashlib.sha256(f"{root}\n{os.path.realpath(base)}\n{sys.version}\n".encode())
    own = Path(__file__).resolve()
    read = [root / "pyproject.toml", *sorted(root.glob("packages/*/pyproject.toml"))]
    for path in (*read, own, own.with_name("package_index.py"), own.with_name("package_wheel.py")):
        digest.update(f"{path}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def installed_group(wanted_digest: str, stamp: Path = STAMP) -> str | None:
    """Return the dependency group the environment holds, or None when it is missing or out of date."""
    try:
        group, digest = stamp.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    usable = digest == wanted_digest and (stamp.parent / "bin" / "python").exists()
    return group if usable else None


def create_environment() -> None:
    """Create `.venv` without pip, or keep the one that is there and belongs to this interpreter."""
    try:
        import venv  # noqa: PLC0415 - Debian can lack it, and the message below is better than a traceback
    except ImportError as error:
        message = "this Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"
        raise BootstrapError(message) from error
    if _same_interpreter():
        return
    if VENV.exists() and not (VENV / "pyvenv.cfg").exists():
        message = f"{VENV} exists but is no virtual environment; move it away and start again"
        raise BootstrapError(message)
    say(f"creating {VENV.name} with Python {sys.version.split()[0]}")
    venv.EnvBuilder(with_pip=False, symlinks=True, clear=VENV.exists()).create(VENV)


def _same_interpreter() -> bool:
    """Whether `.venv` was made in this very place, by this very Python."""
    probe = "import sys; print(sys.version, sys.prefix, sep='\\n')"
    try:
        answer = subprocess.run(
            [VENV / "bin" / "python", "-I", "-c", probe], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    version, _, prefix = answer.stdout.strip().rpartition("\n")
    return version == sys.version and Path(prefix) == VENV


def install(group: str) -> None:
    """Install all packages editable and the requirements of `group` into `.venv`."""
    import package_index  # noqa: PLC0415 - only when there is something to do: it costs 60 ms
    import package_wheel  # noqa: PLC0415

    try:
        settings = package_index.read_settings(os.environ, DEFAULT_INDEX)
        environment = {**os.environ, **package_index.child_environment(settings)}
        wheel = package_wheel.fetch_wheel("pip", settings, VENV / "bootstrap")
    except package_index.IndexFault as error:
        raise BootstrapError(str(error)) from error
    say(f"installing {wheel.name} and uv")
    _install_with_pip(wheel, [str(wheel)], environment)
    try:
        _install_with_pip(wheel, ["--only-binary=:all:", "uv"], environment)
        installer = [str(VENV / "bin" / "uv"), "pip", "install", "--python", str(VENV / "bin" / "python")]
    except BootstrapError:
        say("there is no uv for this machine; pip does its work, only slower")
        installer = [str(VENV / "bin" / "python"), "-m", "pip", "install"]
    editable = [part for path in sorted(ROOT.glob("packages/*/pyproject.toml")) for part in ("-e", str(path.parent))]
    say(f"installing {len(editable) // 2} packages and the group {group!r}")
    _call([*installer, "--quiet", *editable, "--group", f"{ROOT / 'pyproject.toml'}:{group}"], environment)


def _install_with_pip(wheel: Path, requirements: list[str], environment: dict[str, str]) -> None:
    """Run the pip inside `wheel` (as ensurepip does), which need not be installed."""
    code = f"import runpy, sys; sys.path.insert(0, {str(wheel)!r}); runpy.run_module('pip', run_name='__main__')"
    options = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location", "--upgrade"]
    _call([str(VENV / "bin" / "python"), "-I", "-c", code, "install", *options, *requirements], environment)


def _call(command: list[str], environment: dict[str, str]) -> None:
    if subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode:
        message = f"{Path(command[0]).name} failed; its message is above"
        raise BootstrapError(message)


def say(text: str) -> None:
    """Write one line of progress to stderr."""
    print(f"bootstrap: {text}", file=sys.stderr, flush=True)


def ensure(group: str) -> None:
    """Bring `.venv` up to date for `group`, doing nothing when it is.

    Raises:
        BootstrapError: what is missing on this machine, and how to get it.
    """
    digest = fingerprint()
    present = installed_group(digest)
    if present in (group, "dev"):
        return
    started = time.monotonic()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8").startswith("dev"):
        group = "dev"  # what was installed for development is kept fresh too
    create_environment()
    STAMP.unlink(missing_ok=True)
    install(group)
    STAMP.write_text(f"{group} {digest}\n", encoding="utf-8")
    say(f"ready after {time.monotonic() - started:.1f} s")


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bootstrap.py", description="Make .venv with all packages of this repository."
    )
    parser.add_argument("--group", choices=GROUPS, default="run", help="what to install besides the packages")
    group = parser.parse_args(arguments).group
    if sys.version_info < MINIMUM:
        say(f"Python {'.'.join(map(str, MINIMUM))} or newer is needed, this is {sys.version.split()[0]}. Name one:")
        say("make PYTHON=python3.12 run")
        return 2
    try:
        ensure(group)
    except BootstrapError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start goes on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
