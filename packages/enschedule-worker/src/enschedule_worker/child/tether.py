"""What makes a child end with its worker, whatever becomes of either."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import sys
import threading

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

libc = ctypes.CDLL(None)


def follow_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent dies: also while C code holds the interpreter.

    The signal comes when the *thread* ends that started this process, so that thread lives as long as the worker.
    """
    if sys.platform == "linux":
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        # Whatever a handler leaves running comes back to this process, which then knows of it.
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before the line above
        os._exit(0)


def watch(control: socket.socket) -> None:
    """End this process and its group when the worker has closed its end of the socket.

    Needed where the kernel does not do it. A thread that polls for the end alone: it never reads what is for others.
    """
    poll = select.poll()
    poll.register(control, 0)  # POLLHUP always comes

    def wait() -> None:
        poll.poll()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, name="enschedule-tether", daemon=True).start()
