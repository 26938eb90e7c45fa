"""Starting the interpreter of a child process, with its outputs, its socket, and its pipe of permits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple


class Started(NamedTuple):
    """A child that was started, and this worker's ends: descriptors of what can be read, and of where permits go."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    out: int
    err: int
    permits: int
    give_permit: int


def start(environ: Mapping[str, str]) -> Started:
    """Start a child in a session of its own; ``environ`` is all that it sees of the environment.

    Raises :class:`OSError` where the system refuses, and leaves nothing open then.
    """
    control, theirs = socket.socketpair()
    pipes = [os.pipe() for _ in range(3)]
    (out, out_child), (err, err_child), (permits, give_permit) = pipes
    passed = (theirs.fileno(), permits)
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            # -P: a file in the working directory must not stand for a module of the standard library.
            [sys.executable, "-P", "-m", "enschedule_worker.child", *map(str, passed), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=out_child,
            stderr=err_child,
            env={**environ, "PYTHONUNBUFFERED": "1"},
            pass_fds=passed,
            start_new_session=True,
        )
    except BaseException:
        for fd in (out, err, permits, give_permit):
            os.close(fd)
        control.close()
        raise
    finally:
        theirs.close()
        os.close(out_child)
        os.close(err_child)
    for fd in (out, err, permits):
        os.set_blocking(fd, False)
    control.setblocking(False)
    return Started(process, control, out, err, permits, give_permit)
