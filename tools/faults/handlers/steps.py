"""Handlers whose steps leave marks in files, so that a test can see and steer them from another process."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import cache
from pathlib import Path
from typing import Any

from enschedule_core import Context, handler


def _mark(folder: str, name: str, context: Context, more: str = "") -> None:
    """Append one line in one write, which several processes may do at once."""
    slot = "-" if context.slot_at is None else context.slot_at.isoformat()
    with (Path(folder) / f"{name}.log").open("a") as log:
        log.write(f"{context.run_id} {context.attempt} {slot} {_worker_pid()} {more}".rstrip() + "\n")


@handler(id="tick")
def tick(data: dict[str, Any], context: Context) -> None:
    """Leave a mark, and take so many ``seconds``."""
    _mark(data["folder"], "tick", context)
    time.sleep(data.get("seconds", 0))


@handler(id="wait")
def wait(data: dict[str, Any], context: Context) -> str:
    """Leave a mark, and go on when there is a file called ``go``; being told to stop is no reason to."""
    print("waiting", flush=True)
    _mark(data["folder"], "wait", context)
    until = time.monotonic() + 60
    while not (Path(data["folder"]) / "go").exists() and time.monotonic() < until:
        time.sleep(0.02)
    print("went on")
    return "done"


@handler(id="heed")
def heed(data: dict[str, Any], context: Context) -> None:
    """Leave a mark, go on until told to stop, and leave another one with the time."""
    _mark(data["folder"], "heed", context)
    until = time.monotonic() + 60
    while not context.cancelled and time.monotonic() < until:
        time.sleep(0.01)
    _mark(data["folder"], "heeded", context, str(time.time()))


@handler(id="nap", idempotent=True)
def nap(data: dict[str, Any], context: Context) -> int:
    """Leave a mark and sleep for 0 to ``seconds``, printing meanwhile; fails with the chance ``fails``."""
    _mark(data["folder"], "nap", context)
    until = time.monotonic() + random.uniform(0, data.get("seconds", 0))
    while time.monotonic() < until and not context.cancelled:
        print("sleeping")
        time.sleep(0.1)
    if random.random() < data.get("fails", 0):
        raise RuntimeError("it was to fail")
    return context.run_id


@handler(id="kill")
def kill(data: dict[str, Any], context: Context) -> None:
    """Leave a mark and kill -9 the worker that runs it, all of its process group."""
    _mark(data["folder"], "kill", context)
    os.killpg(os.getpgid(_worker_pid()), signal.SIGKILL)


@cache
def _worker_pid() -> int:
    """Return the process of the worker: this one, or in a child process its parent."""
    is_child = "enschedule_worker.child" in Path("/proc/self/cmdline").read_text(encoding="utf-8")
    return os.getppid() if is_child else os.getpid()


@handler(id="chatter")
def chatter(data: dict[str, Any], context: Context) -> dict[str, int]:
    """Print ``lines``, take and give back ``megabytes``, go on for ``seconds``, and ``fail`` if told to."""
    for number in range(data.get("lines", 0)):
        print(f"line {number} of run {context.run_id}")
    taken = bytearray(data.get("megabytes", 0) * 1024 * 1024)
    time.sleep(data.get("seconds", 0))
    if data.get("fail"):
        raise RuntimeError("it was to fail")
    return {"bytes": len(taken)}
