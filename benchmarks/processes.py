"""Programs to be measured: started in a session of their own, stopped for sure, and what they cost (Linux, proc(5))."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from benchmarks.measures import NANOS, MeasureFailed, Sample

PROC = Path("/proc")
STOP_SECONDS = 20
MIB = 1024 * 1024
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PGSSLMODE")


class Program:
    """A running program; its output is in ``log``."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, what: str, seen: Callable[[], bool], *, seconds: float, every: float = 0.005) -> None:
        """Wait until ``seen`` says so.

        Raises :class:`MeasureFailed` with the end of the log if the program ends before, or after ``seconds``.
        """
        give_up_at = time.monotonic() + seconds
        while not seen():
            if self.process.poll() is not None:
                raise MeasureFailed(f"it ended with exit code {self.process.returncode}:\n{self.printed[-2000:]}")
            if time.monotonic() > give_up_at:
                raise MeasureFailed(f"{what} did not happen within {seconds:g} s:\n{self.printed[-2000:]}")
            time.sleep(every)


@contextmanager
def running(command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> Iterator[Program]:
    """Run ``command`` in ``folder`` with ``environ`` and little else of the environment of this process."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    log = folder / "program.log"
    with log.open("wb") as sink:
        process = _start(command, folder, {**kept, **environ}, sink)
    try:
        yield Program(process, log)
    finally:
        _stop(process)


def _start(
    command: Sequence[str | Path], folder: Path, environ: dict[str, str], sink: BinaryIO
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as problem:
        raise MeasureFailed(f"{command[0]} does not start: {problem}") from problem


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tree_of(root: int) -> list[int]:
    """Return the ids of a process and all that descend from it, whatever session they are in."""
    _check_proc()
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
            except OSError:
                continue  # it has just ended
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the time on a processor of processes so far, with the threads and the children of theirs that ended."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):  # one that has just ended is in its parent's figure
            ticks += sum(int(count) for count in _stat(pid)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def watch(pids: Sequence[int], seconds: float) -> Sample:
    """Return what the processes ``pids`` cost together over ``seconds``; the first is the main one."""
    _check_proc()
    began, ticks, nanos = time.monotonic(), cpu_seconds(pids), thread_nanos(pids)
    time.sleep(seconds)
    passed = time.monotonic() - began
    since = sum(now - nanos.get(thread, 0) for thread, now in thread_nanos(pids).items())
    # Both are lower bounds: ticks are whole hundredths of a second, and threads that have ended are not listed.
    used = max(cpu_seconds(pids) - ticks, since / NANOS)
    return Sample(
        {
            "cpu_percent": 100 * used / passed,
            "main_rss_mib": rss_mib(pids[0]),
            "pss_mib": pss_mib(pids),
            "processes": len(pids),
        }
    )


def rss_mib(pid: int) -> float:
    """Return the resident set of a process in MiB; pages that it shares count in full."""
    return int((PROC / str(pid) / "statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def pss_mib(pids: Sequence[int]) -> float:
    """Return what processes take together in MiB; a page that several share counts once."""
    return sum(_pss_bytes(pid) for pid in pids) / MIB


def _check_proc() -> None:
    if not (PROC / "self" / "smaps_rollup").exists():
        raise MeasureFailed("The cost of an idle process is read from /proc/PID/smaps_rollup, which only Linux has.")


def _stat(pid: int) -> list[str]:
    """Return the fields of proc(5)'s stat from the third one on (state); the second may contain spaces."""
    return (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def thread_nanos(pids: Sequence[int]) -> dict[str, int]:
    """Return the time on a processor of each thread that lives; nothing where the kernel does not say."""
    found = {}
    for pid in pids:
        with suppress(OSError):  # it has just ended, and so may each of its threads
            for thread in (PROC / str(pid) / "task").iterdir():
                with suppress(OSError):
                    found[thread.name] = int((thread / "schedstat").read_text(encoding="utf-8").split()[0])
    return found


def _pss_bytes(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) * 1024
