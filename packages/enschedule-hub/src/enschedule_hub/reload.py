"""``enschedule up --reload``: starts the server again when the code of a plugin changes. For development."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType

import click

from enschedule_core.plugins import plugin_places

LOOK_SECONDS = 0.5
Marks = dict[str, tuple[int, int, int]]


def marks(places: Iterable[Path]) -> Marks:
    """Return what tells whether a ``.py`` file of these places (files, folders) is another one now."""
    found: Marks = {}
    for place in places:
        for path in [place] if place.suffix == ".py" else sorted(place.rglob("*.py")):
            try:
                state = path.stat()
            except OSError:  # gone meanwhile
                continue
            found[str(path)] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return found


class Reloader:
    """A server in a child process, and what to do when files change or somebody wants it to stop.

    ``command`` and ``environ`` start the server. ``places()`` says what to watch, asked again after each start, because
    what is installed may have changed too.
    """

    def __init__(
        self, command: list[str], environ: Mapping[str, str], places: Callable[[], Iterable[Path]] | None = None
    ) -> None:
        self._command = command
        self._environ = dict(environ)
        self._places = places or (lambda: plugin_places(environ.get("IMPORT_HANDLERS")))
        self._server: subprocess.Popen[bytes] | None = None
        self._is_told = False
        self._passed_on = False  # a second signal would kill a server that is about to end

    def run(self) -> int:
        """Serve until a signal; return the server's exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._heard)
        while True:
            places = list(self._places())  # not more often: to look for what is installed takes a while
            seen = marks(places)
            self._start()
            if not self._sees_change(places, seen):
                return self._end(signal.SIGTERM)
            code = self._end(signal.SIGINT)
            if self._is_told:
                return code

    def _start(self) -> None:
        self._passed_on = False
        self._server = subprocess.Popen(self._command, env=self._environ)  # noqa: S603 - our own program

    def _sees_change(self, places: list[Path], seen: Marks) -> bool:
        """Wait for a change; ``False`` where there was a signal instead, or the server has ended well."""
        assert self._server is not None
        is_over = False
        unsettled = seen
        while not self._is_told:
            time.sleep(LOOK_SECONDS)
            code = self._server.poll()
            if code == 0:
                return False
            if code is not None and not is_over:
                is_over = True
                click.echo(f"enschedule: the server ended with exit code {code}; waiting for a change", err=True)
            now = marks(places)
            if now != seen and now == unsettled:
                self._tell(seen, now)
                return True
            unsettled = now
        return False

    def _tell(self, seen: Marks, now: Marks) -> None:
        changed = sorted(path for path in seen.keys() | now.keys() if seen.get(path) != now.get(path))
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        click.echo(f"enschedule: {changed[0]}{more} changed, starting again", err=True)

    def _end(self, number: signal.Signals) -> int:
        assert self._server is not None
        self._tell_server(number)
        return self._server.wait()

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        self._is_told = True
        self._tell_server(number)

    def _tell_server(self, number: int) -> None:
        if self._server is not None and not self._passed_on and self._server.poll() is None:
            self._passed_on = True
            self._server.send_signal(number)


def serve(environ: Mapping[str, str]) -> int:
    """Serve as ``enschedule up`` does with this environment, again after each change of a plugin's code."""
    places = list(plugin_places(environ.get("IMPORT_HANDLERS")))
    shown = ", ".join(str(place) for place in places) or "nothing"
    click.echo(f"enschedule: watching {shown}", err=True)
    return Reloader([sys.executable, "-m", "enschedule_hub.up"], {**os.environ, **environ}).run()
