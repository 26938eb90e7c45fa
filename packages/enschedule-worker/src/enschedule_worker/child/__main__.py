"""``python -m enschedule_worker.child CONTROL PERMITS PARENT``: started by a worker, of no use to anybody else."""

from __future__ import annotations

import socket
import sys

from enschedule_worker.child import tether
from enschedule_worker.child.serving import serve

if __name__ == "__main__":
    control_fd, permits_fd, parent_pid = map(int, sys.argv[1:])
    tether.follow_parent(parent_pid)
    serve(socket.socket(fileno=control_fd), permits_fd)
