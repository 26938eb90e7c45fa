"""Handlers that do to their process what handlers do to processes. Each is called ``h`` with what it should do."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from enschedule_core import Context, handler

FAULTS: dict[str, Callable[[dict[str, Any], Context], Any]] = {}


@handler(id="h")
def h(data: dict[str, Any], context: Context) -> Any:
    print("before", end="")
    return FAULTS[data["do"]](data, context)


def fault(function: Callable[[dict[str, Any], Context], Any]) -> Callable[[dict[str, Any], Context], Any]:
    FAULTS[function.__name__] = function
    return function


def inside(context: Context) -> None:
    context.progress(0, "inside")


@fault
def look_around(data: dict[str, Any], context: Context) -> list[Any]:
    """Return a variable of its schedule, and the hour that the epoch began at here."""
    return [os.environ.get("STAGE"), time.localtime(0).tm_hour]


# ---------------------------------------------------------------- the end of the process


@fault
def os_exit(data: dict[str, Any], context: Context) -> None:
    os._exit(data["code"])


@fault
def segfault(data: dict[str, Any], context: Context) -> None:
    ctypes.string_at(0)


@fault
def kill_self(data: dict[str, Any], context: Context) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@fault
def eat_memory(data: dict[str, Any], context: Context) -> int:
    eaten = [bytearray(1024 * 1024) for _ in range(data["mib"])]
    return len(eaten)


@fault
def pid(data: dict[str, Any], context: Context) -> int:
    return os.getpid()


# ---------------------------------------------------------------- what outlives the handler


@fault
def grandchild(data: dict[str, Any], context: Context) -> int:
    return subprocess.Popen(["sleep", "60"]).pid


@fault
def daemon(data: dict[str, Any], context: Context) -> None:
    script = "(while true; do echo from the daemon; sleep 0.05; done) & echo $! > " + data["path"]
    subprocess.run(["setsid", "sh", "-c", script], check=True)


@fault
def daemon_and_exit(data: dict[str, Any], context: Context) -> None:
    daemon(data, context)
    os._exit(0)


@fault
def forks(data: dict[str, Any], context: Context) -> None:
    if os.fork() == 0:
        print("of the fork")
        return  # into our own loop
    os.wait()
    print("of the handler")


@fault
def zombie(data: dict[str, Any], context: Context) -> None:
    subprocess.Popen(["true"])
    time.sleep(0.2)


@fault
def thread(data: dict[str, Any], context: Context) -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


# ---------------------------------------------------------------- output


@fault
def pour(data: dict[str, Any], context: Context) -> None:
    block = b"0123456789abcdef" * 4096
    for _ in range(data["bytes"] // len(block)):
        os.write(1, block)


@fault
def odd_output(data: dict[str, Any], context: Context) -> None:
    sys.stdout.buffer.write(b"bad \xff\xfe utf-8\n")
    print("nul \x00 here")
    print("50 %\r100 %")
    print("lone \ud800")


@fault
def long_line(data: dict[str, Any], context: Context) -> None:
    print("x" * data["bytes"])


@fault
def c_output(data: dict[str, Any], context: Context) -> None:
    ctypes.CDLL(None).puts(b"of C")


@fault
def subprocess_output(data: dict[str, Any], context: Context) -> None:
    print("first")
    subprocess.run(["sh", "-c", "echo second; echo third >&2"], check=True)


@fault
def close_outputs(data: dict[str, Any], context: Context) -> None:
    sys.stdout.close()
    os.close(1)
    os.close(2)


@fault
def close_everything(data: dict[str, Any], context: Context) -> None:
    os.closerange(3, 65_536)  # also where the worker had opened many when it started this one


@fault
def redirect(data: dict[str, Any], context: Context) -> None:
    with Path(data["path"]).open("w") as file:
        os.dup2(file.fileno(), 1)
        print("into the file")


@fault
def replace_stdout(data: dict[str, Any], context: Context) -> None:
    sys.stdout = Path("/dev/null").open("w")  # type: ignore[assignment]  # noqa: SIM115


@fault
def read_stdin(data: dict[str, Any], context: Context) -> str:
    return sys.stdin.read() + "|"


# ---------------------------------------------------------------- going on and on


@fault
def sleep(data: dict[str, Any], context: Context) -> None:
    try:
        inside(context)
        time.sleep(3600)
    finally:
        print(" cleaned up")


@fault
def swallow(data: dict[str, Any], context: Context) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    inside(context)
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(3600)


@fault
def hold_interpreter(data: dict[str, Any], context: Context) -> None:
    """Sleep in C without letting anybody else run Python, deaf to signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    inside(context)
    ctypes.PyDLL(None).sleep(3600)


@fault
def wait_for_subprocess(data: dict[str, Any], context: Context) -> int:
    inside(context)
    return subprocess.run(["sleep", "3600"], check=False).returncode


# ---------------------------------------------------------------- changes of the process


@fault
def change_everything(data: dict[str, Any], context: Context) -> None:
    os.chdir("/")
    os.umask(0o777)
    os.environ["CHANGED"] = "yes"
    os.environ.pop("PATH")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    signal.alarm(1)
    sys.setrecursionlimit(99_999)


@fault
def gone_folder(data: dict[str, Any], context: Context) -> None:
    folder = Path(data["path"])
    folder.mkdir()
    os.chdir(folder)
    folder.rmdir()


@fault
def state(data: dict[str, Any], context: Context) -> dict[str, Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "pid": os.getpid(),
        "cwd": str(Path.cwd()),
        "umask": umask,
        "environ": dict(os.environ),
        "sigterm": callable(signal.getsignal(signal.SIGTERM)),
        "sigusr1": signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL,
        "recursion": sys.getrecursionlimit(),
    }


@fault
def read_variable(data: dict[str, Any], context: Context) -> str:
    return os.environ[data["name"]]


@fault
def print_on(data: dict[str, Any], context: Context) -> None:
    """Do nothing but print to both outputs and report, which is where the stop finds it."""
    inside(context)
    while True:
        print("x" * 50_000)
        print("y", file=sys.stderr)
        context.progress(0.5, "z" * 200)
