"""A child ends with its worker, starts without what a server needs, and does not hold the worker's start up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_child_faults import eventually, is_alive

from enschedule_core.errors import ConfigurationError
from enschedule_core.executor import ExecutorOptions
from enschedule_core.handler import handler
from enschedule_core.registry import Registry
from enschedule_core.source import Source
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.testing import Recorder

HERE = Path(__file__).parent
SERVER_MODULES = ("flask", "sqlalchemy", "httpx", "marshmallow", "apscheduler", "gunicorn", "enschedule_worker.store")


@pytest.mark.parametrize("what", ["sleep", "hold_interpreter", "swallow"])
def test_a_killed_worker_leaves_no_child_behind(what: str) -> None:
    worker = subprocess.Popen(
        [sys.executable, str(HERE / "worker_to_kill.py"), what], stdout=subprocess.PIPE, text=True, cwd=HERE
    )
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    assert is_alive(pid)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert eventually(lambda: not is_alive(pid), seconds=2.0)
    worker.stdout.close()


def test_a_child_imports_nothing_of_a_server() -> None:
    script = (
        "import sys, enschedule_worker.child.serving;"
        "from enschedule_core.registry import Registry; from enschedule_core.source import Source;"
        "Registry.load([Source('module', 'enschedule_worker.testing.handlers')]);"
        f"print([name for name in {SERVER_MODULES!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_handlers_that_take_long_to_import_in_a_child_do_not_hold_the_start_up(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    file = tmp_path / "slow_handlers.py"
    file.write_text(
        "import os, time\n"
        "from enschedule_core import handler\n"
        f"while os.getpid() != {os.getpid()} and not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "print('imported')\n"
        "@handler(id='slow')\n"
        "def slow(data): print('ran')\n"
    )
    registry = Registry.load([Source("file", "slow_handlers", path=str(file))])
    recorder = Recorder(ProcessExecutor(ExecutorOptions(registry, 1)))
    began = time.monotonic()
    recorder.executor.start(recorder.finished)
    assert time.monotonic() - began < 1.0
    run = recorder.submit("slow")
    assert not run.wait(lambda: run.begun, 0.3), "it can be given to another worker meanwhile"
    gate.touch()
    run.outcome()
    assert run.text() == "ran\n", "what the import printed is not the run's"
    recorder.executor.stop()


def test_a_child_that_cannot_start_is_tried_again_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = tmp_path / "gate"
    file = tmp_path / "dying_handlers.py"
    file.write_text(
        "import os\n"
        "from enschedule_core import handler\n"
        f"if os.getpid() != {os.getpid()} and not os.path.exists({str(gate)!r}):\n"
        "    print('no key for the shop', flush=True)\n"
        "    os._exit(9)\n"
        "@handler(id='dying')\n"
        "def dying(data): pass\n"
    )
    registry = Registry.load([Source("file", "dying_handlers", path=str(file))])
    recorder = Recorder(ProcessExecutor(ExecutorOptions(registry, 1)))
    recorder.executor.start(recorder.finished)
    run = recorder.submit("dying")
    assert eventually(lambda: "no key for the shop" in caplog.text)
    assert "ended before it had its handlers (9)" in caplog.text
    gate.touch()
    run.outcome()
    recorder.executor.stop()


def test_a_handler_made_at_run_time_is_refused_with_the_cure() -> None:
    @handler(id="homeless")
    def homeless(data: object) -> None:
        """Cannot be found again."""

    registry = Registry()
    registry.register(homeless, source=Source("code", "somewhere.homeless"))
    with pytest.raises(ConfigurationError, match="homeless@1") as refused:
        ProcessExecutor(ExecutorOptions(registry, 1))
    assert "ENSCHEDULE_EXECUTOR=thread" in (refused.value.hint or "")


def test_a_program_that_starts_its_worker_without_a_guard_is_told_so(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from enschedule_core import handler\n"
        "from enschedule_core.executor import ExecutorOptions\n"
        "from enschedule_core.registry import Registry\n"
        "from enschedule_worker.engine.processes import ProcessExecutor\n"
        "from enschedule_worker.testing import Recorder\n"
        "@handler(id='mine')\n"
        "def mine(data): pass\n"
        "registry = Registry()\n"
        "registry.register(mine)\n"
        "recorder = Recorder(ProcessExecutor(ExecutorOptions(registry, 1)))\n"
        "recorder.executor.start(recorder.finished)\n"
        "print(recorder.submit('mine').outcome().message)\n"
        "recorder.executor.stop()\n"
    )
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=60)
    assert "There is no handler mine@1 here" in ran.stdout
    assert "A worker cannot start in a child process of a worker" in ran.stdout
    guarded = program.read_text().replace("recorder = Rec", "if __name__ == '__main__':\n  recorder = Rec")
    program.write_text(guarded.replace("\nrecorder.", "\n  recorder.").replace("\nprint", "\n  print"))
    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "None\n", ran.stderr
