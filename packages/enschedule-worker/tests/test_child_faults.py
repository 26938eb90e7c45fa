"""Real child processes, and what handlers do to them: the run ends with the cause, and the rest goes on."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from enschedule_core.outcome import Outcome
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.source import Source
from enschedule_worker.engine.processes import ProcessExecutor
from enschedule_worker.testing import RecordedRun, Recorder
from enschedule_worker.testing.recording import recording

HANDLERS = Source("file", "faulty_handlers", path=str(Path(__file__).with_name("faulty_handlers.py")))
ENVIRON = {"PATH": os.environ["PATH"], "LANG": "C"}


@contextlib.contextmanager
def children(**options: Any) -> Iterator[Recorder]:
    with recording(ProcessExecutor, sources=[HANDLERS], **{"environ": ENVIRON, "places": 1, **options}) as recorder:
        yield recorder


@pytest.fixture(scope="module")
def shared() -> Iterator[Recorder]:
    """One executor for all tests that leave it as they found it: which is what they are about."""
    with children() as recorder:
        yield recorder


def do(recorder: Recorder, what: str, **data: Any) -> RecordedRun:
    run = recorder.submit("h", {"do": what, **data})
    run.outcome()
    return run


def failed(run: RecordedRun, kind: OutcomeKind) -> Outcome:
    outcome = run.outcome()
    assert (outcome.status, outcome.kind) == (RunStatus.FAILED, kind), outcome
    return outcome


def eventually(condition: Callable[[], Any], seconds: float = 20.0) -> bool:
    """Wait for what other processes do, which nobody announces."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def child_pids(recorder: Recorder) -> list[int]:
    return [child.pid for child in recorder.executor._crew.children]  # type: ignore[attr-defined]


def works(recorder: Recorder) -> int:
    """Check that the next run is as if nothing had been, and return the process that it had."""
    run = do(recorder, "pid")
    assert run.outcome().status is RunStatus.SUCCEEDED
    assert (run.text(), run.late) == ("before", [])
    return int(run.outcome().result)


# ---------------------------------------------------------------- the end of the process


@pytest.mark.parametrize("code", [0, 7])
def test_an_exit_before_the_handler_returned_is_a_failure(shared: Recorder, code: int) -> None:
    run = do(shared, "os_exit", code=code)
    outcome = failed(run, OutcomeKind.EXIT)
    assert f"ended by itself with exit code {code} before the handler returned" in (outcome.message or "")
    assert (outcome.exit_code, run.text()) == (code, "before")
    works(shared)


def test_a_segmentation_fault_names_its_signal_and_shows_where(shared: Recorder) -> None:
    run = do(shared, "segfault")
    assert "SIGSEGV (segmentation fault)" in (failed(run, OutcomeKind.SIGNAL).message or "")
    assert run.text().startswith("before")
    assert "in segfault" in run.text()
    works(shared)


def test_a_kill_from_outside_says_so(shared: Recorder) -> None:
    message = failed(do(shared, "kill_self"), OutcomeKind.SIGNAL).message or ""
    assert "SIGKILL" in message
    assert "no memory left" in message
    works(shared)


def test_too_much_memory_is_a_failure_that_names_the_setting() -> None:
    with children(memory_max_bytes=200 * 1024 * 1024) as recorder:
        first = works(recorder)
        run = do(recorder, "eat_memory", mib=400)
        assert "MemoryError" in (failed(run, OutcomeKind.EXCEPTION).message or "")
        assert "ENSCHEDULE_MEMORY_MAX_BYTES" in (run.outcome().message or "")
        assert do(recorder, "eat_memory", mib=50).outcome().result == 50
        assert works(recorder) != first, "a process that ran out of memory is not used again"


def test_a_child_that_dies_without_a_run_is_replaced(shared: Recorder) -> None:
    first = works(shared)
    os.kill(first, signal.SIGKILL)
    assert works(shared) != first


# ---------------------------------------------------------------- what outlives the handler


def test_what_a_handler_has_started_ends_with_its_process(shared: Recorder) -> None:
    first = works(shared)
    run = do(shared, "grandchild")
    assert run.outcome().status is RunStatus.SUCCEEDED, "it does not hold the run up"
    assert eventually(lambda: not is_alive(int(run.outcome().result)))
    assert works(shared) != first


@pytest.mark.parametrize("how", ["daemon", "daemon_and_exit"])
def test_a_daemon_that_holds_the_pipe_holds_nothing_up_and_prints_into_no_other_run(
    shared: Recorder, tmp_path: Path, how: str
) -> None:
    path = tmp_path / "pid"
    run = do(shared, how, path=str(path))
    assert run.outcome().status is (RunStatus.SUCCEEDED if how == "daemon" else RunStatus.FAILED)
    assert eventually(path.exists)
    for _ in range(3):
        works(shared)
    with contextlib.suppress(ProcessLookupError, ValueError):
        os.kill(int(path.read_text()), signal.SIGKILL)


def test_a_fork_that_comes_back_from_the_handler_ends_there(shared: Recorder) -> None:
    run = do(shared, "forks")
    assert run.outcome().status is RunStatus.SUCCEEDED
    assert sorted(run.lines()) == ["beforeof the fork", "of the handler"]
    works(shared)


def test_a_subprocess_that_has_ended_is_no_reason_for_a_new_child(shared: Recorder) -> None:
    first = works(shared)
    do(shared, "zombie")
    assert works(shared) == first


def test_a_thread_left_behind_is_one(shared: Recorder) -> None:
    first = works(shared)
    do(shared, "thread")
    assert works(shared) != first


def test_a_child_is_replaced_after_its_runs() -> None:
    with children(runs_per_child=5) as recorder:
        pids = [works(recorder) for _ in range(20)]
        assert len(set(pids)) >= 4
        assert max(pids.count(pid) for pid in pids) <= 5
        assert eventually(lambda: len(child_pids(recorder)) <= 2)


# ---------------------------------------------------------------- output


def test_much_output_is_read_whole_and_does_not_grow_the_worker(shared: Recorder) -> None:
    size = 200 * 1024 * 1024
    run = shared.run("h", {"do": "pour", "bytes": size})
    run.keeps_output = False
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shared.executor.submit(run)
    assert run.outcome().status is RunStatus.SUCCEEDED
    assert run.size == size + len("before")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_odd_bytes_come_as_they_are(shared: Recorder) -> None:
    run = do(shared, "odd_output")
    raw = b"".join(data for _, data in run.chunks)
    assert raw == b"beforebad \xff\xfe utf-8\nnul \x00 here\n50 %\r100 %\nlone \\ud800\n"


def test_a_line_of_10_mb_is_whole(shared: Recorder) -> None:
    run = do(shared, "long_line", bytes=10_000_000)
    assert run.text() == "before" + "x" * 10_000_000 + "\n"


def test_what_c_code_and_subprocesses_print_is_captured(shared: Recorder) -> None:
    assert do(shared, "c_output").text() == "beforeof C\n"
    run = do(shared, "subprocess_output")
    assert run.lines()[:2] == ["beforefirst", "second"]
    assert "third" in run.text()


@pytest.mark.parametrize("how", ["close_outputs", "replace_stdout"])
def test_a_handler_that_closes_its_outputs_closes_no_other_ones(shared: Recorder, how: str) -> None:
    assert do(shared, how).outcome().status is RunStatus.SUCCEEDED
    works(shared)


def test_a_handler_that_closes_everything_fails_alone(shared: Recorder) -> None:
    failed(do(shared, "close_everything"), OutcomeKind.EXIT)
    works(shared)


def test_a_redirection_ends_with_the_run(shared: Recorder, tmp_path: Path) -> None:
    assert do(shared, "redirect", path=str(tmp_path / "file")).outcome().status is RunStatus.SUCCEEDED
    assert (tmp_path / "file").read_text() == "into the file\n"
    works(shared)


def test_stdin_is_at_its_end(shared: Recorder) -> None:
    assert do(shared, "read_stdin").outcome().result == "|"


# ---------------------------------------------------------------- going on and on


def begun(recorder: Recorder, what: str, **data: Any) -> RecordedRun:
    run = recorder.submit("h", {"do": what, **data})
    assert run.wait_inside()
    return run


def test_a_handler_that_does_not_look_is_interrupted_and_cleans_up(shared: Recorder) -> None:
    run = begun(shared, "sleep")
    shared.stop_run(run)
    assert "Stopped" in (failed(run, OutcomeKind.EXCEPTION).message or "")
    assert run.text() == "before cleaned up\n"
    works(shared)


def test_a_stop_in_the_middle_of_printing_tears_no_message(shared: Recorder) -> None:
    for _ in range(3):
        run = begun(shared, "print_on")
        run.keeps_output = False
        assert eventually(lambda run=run: run.size > 50_000)
        shared.stop_run(run)
        assert "Stopped" in (failed(run, OutcomeKind.EXCEPTION).message or "")
    works(shared)


def test_a_subprocess_that_it_waits_for_is_told_too(shared: Recorder) -> None:
    run = begun(shared, "wait_for_subprocess")
    shared.stop_run(run)
    run.outcome()
    works(shared)


@pytest.mark.parametrize("what", ["swallow", "hold_interpreter"])
def test_whoever_does_not_hear_is_killed(shared: Recorder, what: str) -> None:
    run = begun(shared, what)
    time.sleep(0.3)  # until it is deaf, which it cannot tell
    shared.stop_run(run)
    assert not run.wait(lambda: run.outcomes, 0.3)
    shared.executor.kill(run)
    assert "SIGKILL" in (failed(run, OutcomeKind.SIGNAL).message or "")
    assert run.text() == "before"
    works(shared)


def test_a_stopped_child_is_killed_all_the_same(shared: Recorder) -> None:
    run = begun(shared, "sleep")
    os.kill(shared.executor._crew.running[run.run_id].pid, signal.SIGSTOP)  # type: ignore[attr-defined]
    shared.stop_run(run)
    assert not run.wait(lambda: run.outcomes, 0.3)
    shared.executor.kill(run)
    failed(run, OutcomeKind.SIGNAL)
    works(shared)


def test_a_child_that_stands_still_before_its_run_gives_it_up(
    shared: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enschedule_worker.engine.processes.STALL_SECONDS", 0.1)
    first = works(shared)
    os.kill(first, signal.SIGSTOP)
    assert works(shared) != first


def test_runs_behind_a_long_one_go_to_other_children() -> None:
    with children(places=2) as recorder:
        for _ in range(20):
            works(recorder)  # quick ones, so that some are sent ahead
        quick = [recorder.submit("h", {"do": "pid"}) for _ in range(40)]
        long = recorder.submit("h", {"do": "sleep"})
        behind = [recorder.submit("h", {"do": "pid"}) for _ in range(40)]
        for run in (*quick, *behind):
            assert run.outcome().status is RunStatus.SUCCEEDED
            assert (run.begun, len(run.outcomes)) == (1, 1)
        assert long.outcomes == []
        recorder.executor.kill(long)
        failed(long, OutcomeKind.SIGNAL)


# ---------------------------------------------------------------- changes of the process


def test_the_next_run_does_not_see_what_one_changes(shared: Recorder, tmp_path: Path) -> None:
    before = do(shared, "state").outcome().result
    do(shared, "change_everything")
    assert do(shared, "state").outcome().result == before
    do(shared, "gone_folder", path=str(tmp_path / "gone"))
    assert do(shared, "state").outcome().result == before


def test_a_handler_sees_only_what_it_may_of_the_environment(shared: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = do(shared, "state").outcome().result["environ"]
    assert {name: seen[name] for name in ENVIRON} == ENVIRON
    assert set(seen) - set(ENVIRON) <= {"PYTHONUNBUFFERED", "LC_CTYPE"}


def test_a_variable_that_is_withheld_or_missing_is_named_with_the_setting() -> None:
    with children(withheld=frozenset({"SECRET_PLACE"})) as recorder:
        message = failed(do(recorder, "read_variable", name="SECRET_PLACE"), OutcomeKind.EXCEPTION).message or ""
        assert "SECRET_PLACE, but handlers do not see it" in message
        assert "ENSCHEDULE_HANDLER_ENV" in message
        message = failed(do(recorder, "read_variable", name="NOWHERE"), OutcomeKind.EXCEPTION).message or ""
        assert re.search(r"NOWHERE is not set.*ENSCHEDULE_HANDLER_ENV", message)
