"""One command: started, waited for, judged by its exit code.

It belongs to the process group of the process that it is started by, which the process executor ends as a whole, at the
deadline and after a cancellation: what the command starts ends with it, unless it makes a session of its own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from enschedule_core import Cancel, Context, Fail, Retry

_SHELL = "/bin/sh"
_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run: ``argv`` as the kernel takes it, ``env`` in addition to this process's own."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    stdin: str

    @classmethod
    def of(
        cls, command: str | Sequence[str], args: Sequence[str], *, env: Mapping[str, str], cwd: str, stdin: str
    ) -> Command:
        """Return the command of a text, which a shell reads with ``args`` as ``$1`` and so on, or of a list."""
        words = (_SHELL, "-c", command, "sh", *args) if isinstance(command, str) else (*command, *args)
        return cls(words, env, cwd, stdin)


def run(command: Command, context: Context, *, accepted: Sequence[int]) -> int:
    """Run the command and return its exit code, which is one of ``accepted``.

    It prints straight into the run's output. Raises ``Retry`` for another exit code or an end by a signal, which
    leaves further attempts to the schedule's policy; ``Fail`` for what cannot be started; ``Cancel`` for a command that
    was told to stop and did so in good order.
    """
    if threading.current_thread() is not threading.main_thread():
        raise Fail(
            "shell runs in child processes only: in a thread its output could not be told from others', and it could "
            "not be ended. Set ENSCHEDULE_EXECUTOR=process for the worker."
        )
    if context.cancelled:  # asked before there is a command: from now on SIGTERM does not interrupt this function
        raise Cancel("The run was told to stop before its command was started.")
    code = _run(command, context)
    told = _told(context)
    if code not in accepted:  # who told it to stop, the worker knows, and says so; a machine that goes down may be it
        raise Retry(message=f"The command {told}{_ended(code)}.", exit_code=code if code >= 0 else 128 - code)
    if told:
        raise Cancel(f"The command {told}{_ended(code)}.")
    return code


def _told(context: Context) -> str:
    return "was told to stop and " if context.cancelled else ""


def _run(command: Command, context: Context) -> int:
    out, err = _descriptor(sys.stdout), _descriptor(sys.stderr)
    piped = out is None or err is None
    if not piped:
        _adopt_orphans()
    try:
        process = subprocess.Popen(  # noqa: S603 - that is what it is for
            command.argv,
            env={**os.environ, **command.env},
            cwd=command.cwd or None,
            stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else out,
            stderr=subprocess.PIPE if piped else err,
        )
    except OSError as problem:
        raise Fail(_why_not(command, problem)) from None
    with process:
        if context.cancelled:  # the signal may have come before there was anybody to hear it
            process.send_signal(signal.SIGTERM)
        printed = process.communicate(command.stdin.encode() if command.stdin else None)
    for stream, text in zip((sys.stdout, sys.stderr), printed, strict=True):
        if text:
            stream.write(text.decode(errors="backslashreplace"))
    return process.returncode


def _descriptor(stream: IO[str]) -> int | None:
    """Return the file descriptor behind a stream; ``None`` in a test, where text is collected in memory."""
    stream.flush()
    try:
        return stream.fileno()
    except OSError:
        return None


def _adopt_orphans() -> None:
    """Have what the command leaves in the background become ours, so that the executor sees it and ends it.

    It would print into the output of later runs otherwise. Elsewhere than on Linux there is no such thing.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _why_not(command: Command, problem: OSError) -> str:
    if command.cwd and not Path(command.cwd).is_dir():
        return f"cwd: there is no folder {command.cwd} on this worker."
    if isinstance(problem, FileNotFoundError):
        where = {**os.environ, **command.env}.get("PATH", os.defpath)
        return f"command: there is no program {command.argv[0]} on this worker; it was looked for in {where}."
    return f"command: {command.argv[0]} cannot be started: {problem.strerror}."


def _ended(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
