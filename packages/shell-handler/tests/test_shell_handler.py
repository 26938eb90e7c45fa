"""shell, as a worker runs it: in a child process, with its group."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from enschedule_core.context import Stream
from enschedule_core.environment import handler_environment
from enschedule_core.errors import InvalidData
from enschedule_core.plugins import load_handlers
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.source import Source
from enschedule_core.testing import Ran, run_handler
from enschedule_shell_handler import shell, shell_handler
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.testing import RecordedRun, Recorder
from enschedule_worker.testing.recording import recording

SOURCE = Source("distribution", "enschedule_shell_handler", distribution="enschedule-shell-handler")
SERVER = {"PATH": os.environ["PATH"], "LANG": "C", "API_KEY": "server-secret"}


@pytest.fixture(scope="module")
def worker() -> Iterator[Recorder]:
    with recording(ProcessExecutor, sources=[SOURCE], environ=handler_environment(SERVER), places=1) as recorder:
        yield recorder


def eventually(condition: Callable[[], Any], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def written(path: Path) -> Callable[[], bool]:
    return lambda: path.is_file() and path.read_text().endswith("\n")


def started(worker: Recorder, data: dict[str, Any], sign: Path) -> RecordedRun:
    run = worker.submit("shell", data)
    assert eventually(written(sign)), run.text()
    return run


# ------------------------------------------------------------------------------------------- what it takes


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        ({}, "data.command", "Missing"),
        ({"command": ""}, "data.command", "Must not be empty"),
        ({"command": []}, "data.command", "Must not be empty"),
        ({"command": 5}, "data.command", "Must be text for the shell, or a list of texts"),
        ({"command": ["ls", 5]}, "data.command", "Must be text"),
        ({"command": "a\x00b"}, "data.command", "NUL"),
        ({"command": "ls", "args": "-l"}, "data.args", "list"),
        ({"command": "ls", "env": {"A=B": "x"}}, "data.env.A=B", "environment variable"),
        ({"command": "ls", "env": {"A": 1}}, "data.env.A", "string"),
        ({"command": "ls", "success_exit_codes": []}, "data.success_exit_codes", "at least one"),
        ({"command": "ls", "success_exit_codes": [300]}, "data.success_exit_codes.0", "255"),
        ({"command": "ls", "timeout": 3}, "data.timeout", "Unknown"),
    ],
)
def test_wrong_data_names_the_field(data: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidData) as error:
        shell.load(data)
    found = {one.field: one.message for one in error.value.errors}
    assert said.lower() in found[field].lower()


def test_its_example_runs_and_its_schema_takes_both_forms() -> None:
    assert shell.example is not None
    assert run_handler(shell, shell.example).status is RunStatus.SUCCEEDED
    schema = shell.json_schema()
    assert schema is not None
    assert schema["properties"]["command"]["type"] == ["string", "array"]


# ------------------------------------------------------------------------------------------- what it runs


def ran(**data: Any) -> Ran:
    return run_handler(shell, data)


def test_a_text_is_a_script_with_its_arguments() -> None:
    done = ran(command='for word in "$@"; do echo "<$word>"; done | tac; echo oops >&2', args=["a b", "$HOME"])
    assert (done.stdout, done.stderr, done.result) == ("<$HOME>\n<a b>\n", "oops\n", {"exit_code": 0})


def test_a_list_needs_no_quoting() -> None:
    assert ran(command=["printf", "%s|"], args=["a b", "$HOME", "'"]).stdout == "a b|$HOME|'|"


def test_environment_folder_and_input(tmp_path: Path) -> None:
    done = ran(command="echo $NAME; pwd; cat", env={"NAME": "Ada"}, cwd=str(tmp_path), stdin="två\nrader")
    assert done.stdout == f"Ada\n{tmp_path}\ntvå\nrader"


def test_without_input_there_is_none() -> None:
    assert ran(command="cat; echo end").stdout == "end\n"


def test_input_that_nobody_reads_is_no_failure() -> None:
    assert ran(command="true", stdin="x" * 1_000_000).status is RunStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("data", "message", "code"),
    [
        ({"command": "exit 3"}, "The command ended with exit code 3.", 3),
        ({"command": ["false"]}, "The command ended with exit code 1.", 1),
        ({"command": "exit 0", "success_exit_codes": [2]}, "The command ended with exit code 0.", 0),
        ({"command": "kill -KILL $$"}, "The command was ended by SIGKILL.", 137),
    ],
)
def test_another_exit_code_fails_the_run_and_leaves_retries_to_the_policy(
    data: dict[str, Any], message: str, code: int
) -> None:
    outcome = run_handler(shell, data).outcome
    assert (outcome.status, outcome.kind) == (RunStatus.FAILED, OutcomeKind.EXIT)
    assert (outcome.message, outcome.exit_code, outcome.retry, outcome.traceback) == (message, code, "policy", None)


def test_exit_codes_of_success_are_the_schedules_to_say() -> None:
    done = ran(command="exit 1", success_exit_codes=[0, 1])
    assert (done.status, done.result) == (RunStatus.SUCCEEDED, {"exit_code": 1})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"command": ["no-such-program"]}, "command: there is no program no-such-program on this worker"),
        ({"command": "ls", "cwd": "/no/such/folder"}, "cwd: there is no folder /no/such/folder on this worker."),
        ({"command": ["/dev/null"]}, "command: /dev/null cannot be started: Permission denied."),
    ],
)
def test_what_cannot_be_started_says_so_and_is_not_tried_again(data: dict[str, Any], said: str) -> None:
    outcome = run_handler(shell, data).outcome
    assert outcome.message is not None
    assert outcome.message.startswith(said)
    assert outcome.retry == "never"


def test_in_a_thread_it_refuses_and_says_what_to_set() -> None:
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.append(ran(command="echo no")))
    thread.start()
    thread.join(60)
    [done] = outcomes
    assert (done.status, done.stdout) == (RunStatus.FAILED, "")
    assert "ENSCHEDULE_EXECUTOR=process" in done.outcome.message


def test_a_run_that_is_cancelled_before_it_begins_starts_nothing() -> None:
    assert run_handler(shell, {"command": "echo no"}, cancelled=True).stdout == ""


# ------------------------------------------------------------------------------------------- in a child process


def test_output_comes_while_the_command_runs(worker: Recorder, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    run = worker.submit("shell", {"command": f"echo first; until [ -e {gate} ]; do sleep 0.02; done; echo then >&2"})
    assert eventually(lambda: run.text() == "first\n")
    gate.touch()
    assert run.outcome().result == {"exit_code": 0}
    assert (run.text(Stream.STDOUT), run.text(Stream.STDERR)) == ("first\n", "then\n")


def test_it_sees_nothing_of_the_servers_environment(worker: Recorder) -> None:
    run = worker.submit("shell", {"command": "env", "env": {"MINE": "yes"}})
    assert run.outcome().status is RunStatus.SUCCEEDED
    assert "MINE=yes" in run.lines()
    assert "server-secret" not in run.text()


@pytest.mark.parametrize(("code", "status"), [(7, RunStatus.FAILED), (0, RunStatus.CANCELLED)])
def test_told_to_stop_the_command_and_what_it_started_get_sigterm(
    worker: Recorder, tmp_path: Path, code: int, status: RunStatus
) -> None:
    sign = tmp_path / "pids"
    script = f"trap 'echo tidied; exit {code}' TERM; sleep 600 & echo $$ $! > {sign}; wait"
    run = started(worker, {"command": script}, sign)
    pids = [int(word) for word in sign.read_text().split()]
    worker.stop_run(run)
    outcome = run.outcome()
    assert (outcome.status, outcome.message) == (
        status,
        f"The command was told to stop and ended with exit code {code}.",
    )
    assert run.text() == "tidied\n"
    assert eventually(lambda: not any(map(is_alive, pids)))


def test_one_that_does_not_listen_is_killed_with_all_it_started(worker: Recorder, tmp_path: Path) -> None:
    sign = tmp_path / "pids"
    script = f"trap '' TERM; sh -c 'trap \"\" TERM; sleep 600' & echo $$ $! > {sign}; wait; sleep 600"
    run = started(worker, {"command": script}, sign)
    pids = [int(word) for word in sign.read_text().split()]
    worker.stop_run(run)
    assert all(map(is_alive, pids))
    worker.executor.kill(run)
    assert eventually(lambda: not any(map(is_alive, pids)))
    assert run.outcome().status is not RunStatus.SUCCEEDED


def test_what_is_left_in_the_background_ends_with_the_run(worker: Recorder, tmp_path: Path) -> None:
    sign = tmp_path / "pid"
    run = worker.submit("shell", {"command": f"(sleep 0.3; echo late; sleep 600) & echo $! > {sign}; echo done"})
    assert run.outcome().result == {"exit_code": 0}
    assert run.text() == "done\n"
    assert eventually(lambda: not is_alive(int(sign.read_text())))
    following = worker.submit("shell", {"command": "echo next"})
    assert following.outcome().status is RunStatus.SUCCEEDED
    assert following.text() == "next\n"


# ------------------------------------------------------------------------------------------- how it is found


def test_an_installation_alone_does_not_load_it() -> None:
    assert "shell" not in {one.id for one in load_handlers().handlers()}


@pytest.mark.parametrize("name", ["enschedule-shell-handler", "@enschedule/shell-handler", "enschedule_shell_handler"])
def test_it_is_loaded_where_it_is_named(name: str) -> None:
    registry = load_handlers(import_handlers=name)
    assert [one.id for one in registry.handlers()] == ["shell"]


def test_a_star_is_all_the_others() -> None:
    everything = [one.id for one in load_handlers().handlers()]
    found = load_handlers(import_handlers="*, enschedule-shell-handler, enschedule-log-handler")
    assert sorted(one.id for one in found.handlers()) == sorted([*everything, "shell"])
    assert not found.broken


def test_a_scheduler_can_register_it() -> None:
    registry = Registry()
    shell_handler(registry)
    assert registry.get("shell", 1) is shell
