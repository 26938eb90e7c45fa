"""A program with a process executor whose child holds the interpreter; it prints the child's process id, and waits."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from enschedule_core.source import Source
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.testing.recording import recording

if __name__ == "__main__":
    path = str(Path(__file__).with_name("faulty_handlers.py"))
    with recording(ProcessExecutor, sources=[Source("file", "faulty_handlers", path=path)], places=1) as recorder:
        pid = recorder.submit("h", {"do": "pid"}).outcome().result
        run = recorder.submit("h", {"do": sys.argv[1]})
        assert run.wait_inside()
        print(pid, flush=True)
        threading.Event().wait()
