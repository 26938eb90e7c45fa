"""Which files are meant: a file, a folder, a pattern, or standard input."""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from enschedule_cli.files.problems import Problem, Problems

ENDINGS = (".yml", ".yaml")
DEFAULTS = ("defaults.yml", "defaults.yaml")
STDIN = "-"
STDIN_LABEL = "standard input"
_MAX_BYTES = 16 * 2**20
_VARIABLE = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OR = ":-"


@dataclass(frozen=True, slots=True)
class Source:
    """One file; ``label`` is how it is called in messages and as an owner, ``folders`` where its defaults may stand.

    ``path`` is ``None`` for standard input. The nearest folder is the last.
    """

    label: str
    path: Path | None
    folders: tuple[Path, ...] = ()

    def text(self) -> str:
        """Return what stands in it. Raises :class:`Problems`."""
        try:
            raw = _stdin() if self.path is None else _read(self.path)
        except OSError as problem:
            raise self._refused(f"This cannot be read: {problem.strerror}.") from None
        if len(raw) > _MAX_BYTES:
            raise self._refused(f"This has more than {_MAX_BYTES // 2**20} MiB; spread it over several files.")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            line = raw[: problem.start].count(b"\n") + 1
            column = problem.start - (raw.rfind(b"\n", 0, problem.start) + 1) + 1
            raise self._refused("This is not UTF-8.", line, column) from None

    def _refused(self, message: str, line: int = 1, column: int = 1) -> Problems:
        return Problems([Problem(self.label, line, column, "", message)])


def find(given: Iterable[str]) -> list[Source]:
    """Return the files that ``given`` names, each once: files, folders with all below them, patterns, ``-``.

    Raises :class:`click.UsageError` for what is not there.
    """
    found: dict[Path | None, Source] = {}
    for one in given:
        for source in _named(one):
            found.setdefault(source.path.resolve() if source.path else None, source)
    return list(found.values())


def _named(given: str) -> Iterator[Source]:
    path = Path(given)
    if given == STDIN:
        yield Source(STDIN_LABEL, None)
    elif path.is_dir():
        inside = list(_below(path))
        if not inside:
            raise click.UsageError(f"-f {given}: no file in this folder ends in {' or '.join(ENDINGS)}.")
        yield from (_source(one, path) for one in inside)
    elif path.exists():
        yield _source(path, path.parent)
    else:
        matches = [Path(one) for one in sorted(glob.glob(given, recursive=True))]  # noqa: PTH207 - an absolute pattern
        files = [one for one in matches if one.is_file()]
        if not files:
            said = "matches nothing" if glob.has_magic(given) else "does not exist"
            raise click.UsageError(f"-f {given}: {said}. Name a file, a folder, a pattern such as 'jobs/*.yml', or -.")
        yield from (_source(one, one.parent) for one in files)


def _below(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(ENDINGS) and not name.startswith("."):
                yield Path(at, name)


def _refuse(problem: OSError) -> None:
    raise click.UsageError(f"-f {problem.filename}: this cannot be read: {problem.strerror}.")


def _source(path: Path, root: Path) -> Source:
    here = Path.cwd()
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would leave the folder of a symbolic link
    inside = absolute.is_relative_to(here)
    label = (absolute.relative_to(here) if inside else absolute).as_posix()
    top = here if inside else Path(os.path.abspath(root))  # noqa: PTH100
    folders = [one for one in reversed(absolute.parents) if one.is_relative_to(top)]
    return Source(label, path, tuple(folders))


def defaults_of(folder: Path) -> Source | None:
    """Return the file with the defaults of a folder, if it has one."""
    for name in DEFAULTS:
        if (folder / name).is_file():
            return _source(folder / name, folder)
    return None


def _stdin() -> bytes:
    return sys.stdin.buffer.read(_MAX_BYTES + 1)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_BYTES + 1)


def from_environment(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return what ``--env`` does to a text: ``${NAME}`` becomes the variable's value, ``$${`` a plain ``${``.

    ``${NAME:-text}`` becomes ``text`` where the variable is not set, or empty, as in a shell.
    """

    def replace(text: str) -> str:
        return _VARIABLE.sub(one, text)

    def one(match: re.Match[str]) -> str:
        inside, whole = match["name"], match[0]
        if match["escaped"]:
            return whole[1:]
        name, either, other = inside.partition(_OR)
        if not whole.endswith("}") or not _NAME.fullmatch(name):
            raise ValueError(
                f"{whole} names no environment variable; write ${{NAME}}, ${{NAME:-default}}, or $${{ for ${{ itself."
            )
        if either:
            return environ.get(name) or other
        if name not in environ:
            raise ValueError(
                f"The environment variable {name} is not set; write ${{{name}:-default}} to do without, "
                "or $${ for ${ itself."
            )
        return environ[name]

    return replace
