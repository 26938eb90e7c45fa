"""A real worker without a running engine, reached in the process, and the command line in front of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

from click.testing import CliRunner, Result

from enschedule_cli.connection import Surroundings, Target
from enschedule_cli.main import cli
from enschedule_client import Client, InlineTransport
from enschedule_worker.build import Worker, build_worker
from enschedule_worker.settings import read_settings

KEY = "a-key-of-the-tests"
HANDLERS = "enschedule-log-handler,enschedule-fetch-handler,enschedule-shell-handler"


@contextmanager
def worker(**environ: str) -> Iterator[Worker]:
    """Make a worker whose engine was started once, so that its handlers are known, and stopped again."""
    settings = {"SQLITE": ":memory:", "IMPORT_HANDLERS": HANDLERS, "API_KEY": KEY, "ENSCHEDULE_EXECUTOR": "thread"}
    built = build_worker(read_settings({**settings, **environ}))
    built.start()
    try:
        yield built
    finally:
        built.stop()


class Shop:
    """A folder with files, a server, and commands."""

    def __init__(self, folder: Path, app: Any) -> None:
        self.folder = folder
        self.app = app
        self.environ: dict[str, str] = {"HOME": str(folder)}
        self.client = Client(api_key=KEY, transport=InlineTransport(app))

    def write(self, name: str, text: str) -> None:
        """Write a file; its text may be indented."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")

    def run(self, *arguments: str, stdin: str | bytes | None = None, obj: Any = None) -> Result:
        """Run a command in the folder."""
        here = Path.cwd()
        os.chdir(self.folder)
        try:
            around = obj or Surroundings(self.environ, self.open_client)
            return CliRunner().invoke(cli, arguments, input=stdin, obj=around, prog_name="enschedule")
        finally:
            os.chdir(here)

    def open_client(self, _: Target) -> Client:
        """Return a client that reaches the server in the process."""
        return Client(api_key=KEY, transport=InlineTransport(self.app))

    def ok(self, *arguments: str, **options: Any) -> str:
        """Run a command that must end with 0, and return what it printed on stdout."""
        done = self.run(*arguments, **options)
        assert (done.exit_code, done.exception) == (0, None), done.output
        return done.stdout

    def ids(self) -> list[str]:
        """Return the ids of all schedules."""
        return [one["id"] for one in self.client.schedules.each(sort="id")]


def normal(schedule: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a schedule is, without what has happened to it."""
    names = (
        "id title description handler data trigger paused retry timeout_seconds overlap catch_up on_lost tags priority "
        "max_running concurrency_group worker on_success on_failure retention notify "
        "env runbook"
    )
    return {name: schedule[name] for name in names.split()}
