"""The command line as it is typed, against a real ``enschedule up`` over its port, in pipes and on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
HOSTILE = "safe \u202eevil\u202c 日本語 and a title that is far too long for any terminal of sixty columns"


class Shell:
    """Runs ``enschedule`` as a program, in a folder, against one server."""

    def __init__(self, url: str, folder: Path) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.environ = {**kept, "HOME": str(folder), "ENSCHEDULE_URL": url, "PYTHONUTF8": "1", "TERM": "xterm"}
        self.program = [sys.executable, "-m", "enschedule_cli.main"]

    def run(self, *arguments: str, code: int = 0, input: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*self.program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            input=input,
            env={**self.environ, **environ},
        )
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environ
        )

    def on_terminal(self, *arguments: str, columns: int = 60) -> str:
        """Return what a command writes to a terminal of so many columns."""
        try:
            outer, inner = pty.openpty()
        except OSError as problem:
            pytest.skip(f"needs a pseudo terminal (/dev/pts): {problem}")
        try:
            fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            process = subprocess.Popen(
                [*self.program, *arguments], stdin=inner, stdout=inner, stderr=inner, env=self.environ, close_fds=True
            )
            os.close(inner)
            inner = -1
            pieces = []
            while True:
                try:
                    piece = os.read(outer, 65_536)
                except OSError:  # Linux: EIO once the other end is closed
                    break
                if not piece:
                    break
                pieces.append(piece)
            assert process.wait(60) == 0
            return b"".join(pieces).decode().replace("\r\n", "\n")
        finally:
            os.close(outer)
            if inner >= 0:
                os.close(inner)


def test_a_day_at_the_terminal(start_server, tmp_path):
    with start_server(tmp_path / "server") as server:
        shell = Shell(server.url, tmp_path)
        assert shell.run("status").stdout == "Nothing is scheduled yet.\n"
        shell.run("create", "ping", "--handler", "log-job", "--data", '{"message": "one\\nzwei ü"}', "--title", HOSTILE)
        followed = shell.run("run", "ping", "--follow")
        assert followed.stdout == "one\nzwei ü\n"
        assert "succeeded" in followed.stderr
        bad = ["--handler", "fetch", "--data", '{"url": "http://127.0.0.1:1/"}']
        shell.run("create", "bad", *bad)
        failed = shell.run("run", "bad", "-f", code=1)
        assert "failed" in failed.stderr
        assert "1 is failing" in shell.run("status", code=1).stdout
        names = shell.run("get", "runs", "--status", "failed", "-o", "name").stdout.split()
        again = shell.run("retry", *names).stdout
        shell.run("wait", again.split()[1].rstrip(":"), code=1)
        assert [run["schedule"]["id"] for run in json.loads(shell.run("get", "runs", "-o", "json").stdout)] == [
            "bad",
            "bad",
            "ping",
        ]
        shell.run("get", "schedules", code=3, ENSCHEDULE_URL="http://127.0.0.1:1")
        shell.run("get", "schedules", "--nonsense", code=2)
        _looks_right_on_a_terminal(shell)
        _completes(shell)
        backup = shell.run("backup", str(tmp_path / "copy.db"), SQLITE=str(server.folder / "enschedule.db"))
        assert "copied to" in backup.stdout


def _looks_right_on_a_terminal(shell: Shell) -> None:
    """Coloured, no wider than the terminal, and with nothing in it that steers; in a pipe without colours."""
    shown = shell.on_terminal("get", "schedules", columns=60)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain != shown
    assert all(one.isprintable() or one == "\n" for one in plain)
    wide = sum(plain.splitlines()[1].count(one) for one in "日本語")
    assert all(len(line) + wide <= 60 + wide for line in plain.splitlines())
    assert "…" in plain
    assert "\x1b" not in shell.run("get", "schedules").stdout


def _completes(shell: Shell) -> None:
    """A shell offers commands, and the ids that the server has."""
    assert "_ENSCHEDULE_COMPLETE" in shell.run("completion", "zsh").stdout
    words = {"_ENSCHEDULE_COMPLETE": "bash_complete", "COMP_WORDS": "enschedule pause p", "COMP_CWORD": "2"}
    assert shell.run(**words).stdout == "plain,ping\n"
    words |= {"COMP_WORDS": "enschedule pau", "COMP_CWORD": "1"}
    assert shell.run(**words).stdout == "plain,pause\n"
    words |= {"COMP_WORDS": "enschedule pause p", "COMP_CWORD": "2", "ENSCHEDULE_URL": "http://127.0.0.1:1"}
    done = shell.run(**words)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_logs_go_on_over_a_restart_of_the_server(start_server, tmp_path, port):
    """The run waits for a worker that only the second start is; whoever follows sees what it prints there."""
    folder = tmp_path / "server"
    with start_server(folder, PORT=str(port), ENSCHEDULE_WORKER_ID="first") as server:
        shell = Shell(server.url, tmp_path)
        bound = ["--set", "worker.id=second", "--data", '{"message": "after the restart"}']
        shell.run("create", "ping", "--handler", "log-job", *bound)
        id = shell.run("run", "ping", "-o", "name").stdout.strip()
        following = shell.begin("logs", "-f", id)
        waiting = shell.begin("wait", id)
        time.sleep(1)  # so that both have asked once; it is as true if they have not
        assert following.poll() is None
    with start_server(folder, PORT=str(port), ENSCHEDULE_WORKER_ID="second"):
        out, err = following.communicate(timeout=90)
        assert (following.returncode, out) == (0, "after the restart\n"), err
        assert "succeeded" in err
        assert waiting.wait(90) == 0
        waiting.communicate()
