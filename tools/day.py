"""A whole day at the command line: every command of docs/day.md, in its order, against real servers; prints it all.

    python tools/day.py [--database sqlite,postgres] [--schedules 200]

The page is the script: `$` begins a command, `# exit code 1` behind it says how it ends, and below stands what it
prints. The exit codes are checked in any case; what is printed, where the day has as many schedules as the page says.
Ends with 1 at the first difference.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from faults.databases import Database, shared
from faults.programs import Program
from plain_browser import Browser

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "day.md"
ON_PAGE = 12
KEY = "f3a1c0"
ADDRESSES = ("http://127.0.0.1:3000", "http://127.0.0.1:3001")
TIMEOUT_SECONDS = 300
_BLOCK = re.compile(r"```console\n(.*?)```|<!-- in the dashboard: (\S+), (.*?) -->", re.DOTALL)
_CODE = re.compile(r"\s+# exit code (\d+)$")
_SHOWN = 6


@dataclass
class Command:
    """A command of the page: how it is typed, how it has to end, and what stands below it."""

    line: str
    code: int
    output: list[str] = field(default_factory=list)

    def differs(self, printed: str) -> bool:
        """Return whether it has printed something else; ``…`` stands for anything, alone in a line for any lines."""
        parts = [r"(?:.*\n)*" if line == "…" else f"{_any(line)}\n" for line in self.output]
        return re.fullmatch("".join(parts), printed) is None


@dataclass
class Deed:
    """What somebody does in the dashboard: ``title: Morning report`` on a schedule's form, or ``back to the file``."""

    schedule: str
    what: str


def _any(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split("…"))


def read(page: str) -> Iterator[Command | Deed]:
    """Yield what a page has people do, in order."""
    for block in _BLOCK.finditer(page):
        if block[2]:
            yield Deed(block[2], block[3])
            continue
        command: Command | None = None
        for line in block[1].splitlines():
            if line.startswith("$ "):
                if command is not None:
                    yield command
                code = _CODE.search(line)
                command = Command(_CODE.sub("", line[2:]), int(code[1]) if code else 0)
            elif command is not None:
                command.output.append(line)
        if command is not None:
            yield command


@dataclass
class Day:
    """A folder with files and two servers, and somebody who types; ``tell`` gets the transcript, line by line."""

    folder: Path
    servers: Sequence[Program]
    is_compared: bool
    tell: Callable[[str], object] = print
    took: list[tuple[float, str]] = field(default_factory=list)

    def live(self, page: str) -> None:
        """Do all that the page says. Raises :class:`AssertionError` at the first difference."""
        for step in read(page):
            if isinstance(step, Deed):
                self._do(step)
            else:
                self._type(step)

    def _type(self, command: Command) -> None:
        self.tell(f"$ {command.line}")
        began = time.monotonic()
        done = subprocess.run(
            ["/bin/sh", "-c", self._real(command.line)],
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
        self.took.append((time.monotonic() - began, command.line))
        printed = self._as_on_the_page(done.stdout)
        for line in _shortened(printed.splitlines()):
            self.tell(line)
        problem = ""
        if "Traceback" in printed:
            problem = "it ended with a traceback"
        elif done.returncode != command.code:
            problem = f"exit code {done.returncode}, not {command.code}"
        elif self.is_compared and command.differs(printed):
            problem = "it printed something else than the page says:\n" + "\n".join(command.output)
        if problem:
            raise AssertionError(f"{command.line}\n{printed}\n{problem}")

    def _do(self, deed: Deed) -> None:
        self.tell(f"# in the dashboard: {deed.schedule}, {deed.what}")
        browser = Browser(self.servers[0].url)
        path = f"/schedules/{deed.schedule}"
        if deed.what == "back to the file":
            ended_at, _ = browser.press(path, f"{path}/revert")
        else:
            name, _, value = deed.what.partition(": ")
            ended_at, _ = browser.submit(f"{path}/edit", **{name: value})
        assert ended_at == path, ended_at

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**kept, "PATH": path, "HOME": str(self.folder), "PYTHONUTF8": "1"}

    def _real(self, line: str) -> str:
        for address, server in zip(ADDRESSES, self.servers, strict=True):
            line = line.replace(address, server.url)
        return line

    def _as_on_the_page(self, printed: str) -> str:
        for address, server in zip(ADDRESSES, self.servers, strict=True):
            printed = printed.replace(server.url, address)
        return printed


def _shortened(lines: Sequence[str]) -> Sequence[str]:
    if len(lines) <= 2 * _SHOWN + 1:
        return lines
    return [*lines[:_SHOWN], f"… {len(lines) - 2 * _SHOWN} more lines", *lines[-_SHOWN:]]


def write_files(folder: Path, count: int) -> None:
    """Write the files of the page: ``count`` schedules, and what holds for all of them."""
    jobs = folder / "jobs"
    jobs.mkdir()
    (jobs / "defaults.yml").write_text("kind: defaults\nspec: {timezone: Europe/Stockholm, tags: [shop]}\n")
    width = len(str(ON_PAGE))
    for number in range(1, count + 1):
        name = f"report-{number:0{width}}"
        hour, minute = divmod(120 + number, 60)
        spec = {
            "id": name,
            "handler": "log-job",
            "data": f"{{message: report {number:0{width}}}}",
            "schedule": f"first day of every month at {hour % 24:02}:{minute:02}",
        }
        lines = ["spec:", *(f"  {field}: {value}" for field, value in spec.items()), ""]
        (jobs / f"{name}.yml").write_text("\n".join(lines))


def live(kind: str, count: int, tell: Callable[[str], object] = print) -> Day:
    """Live the day on a kind of database, with ``count`` files; returns it with what each command took."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="enschedule-day-")))
        servers = []
        for name in ("server", "spare"):
            place = folder / name
            place.mkdir()
            servers.append(_start(stack, place, stack.enter_context(shared(kind, place))))
        write_files(folder, count)
        for server in servers:
            server.ready()
        day = Day(folder, servers, count == ON_PAGE, tell)
        day.live(PAGE.read_text(encoding="utf-8"))
        for server in servers:
            code = server.stop()
            assert code == 0, f"SIGTERM: exit code {code}\n{server.log}"
            assert "Traceback" not in server.log, server.log
        return day


def _start(stack: ExitStack, folder: Path, database: Database) -> Program:
    program = Program(folder, "up", database=database, API_KEY=KEY, HANDLERS_DIR="")
    stack.callback(program.kill)
    return program


def main(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite,postgres", help="one or several of sqlite, postgres, mariadb")
    parser.add_argument("--schedules", type=int, default=200, help="how many files there are; at least 12")
    given = parser.parse_args(arguments)
    for kind in given.database.split(","):
        print(f"\n=== {kind}, {given.schedules} schedules ===\n", flush=True)
        try:
            day = live(kind, max(given.schedules, ON_PAGE), lambda line: print(line, flush=True))
        except AssertionError as problem:
            print(f"\n{problem}", file=sys.stderr)
            return 1
        total = sum(seconds for seconds, _ in day.took)
        print(f"\n{len(day.took)} commands in {total:.1f} s; the slowest:")
        for seconds, line in sorted(day.took, reverse=True)[:5]:
            print(f"{seconds:8.2f} s  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
