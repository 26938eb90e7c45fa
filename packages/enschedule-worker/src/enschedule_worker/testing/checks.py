"""The rules of :class:`enschedule_core.executor.Executor`, one function each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from enschedule_core.clock import parse_instant, to_micros
from enschedule_core.context import Stream
from enschedule_core.executor import ExecutorFactory
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.source import Source
from enschedule_worker.testing.recording import recording

_A_MOMENT_SECONDS = 0.2


def output_is_captured_in_order_and_by_stream(factory: ExecutorFactory) -> None:
    """What is printed and logged comes in the order of printing, each piece with its stream."""
    with recording(factory) as recorder:
        run = recorder.submit("alternate", {"times": 5})
        assert run.outcome().status is RunStatus.SUCCEEDED
        turns = [line for number in range(5) for line in (f"out {number}", f"err {number}")]
        logged = ["INFO log line", "WARNING a.library: of a library"]
        assert run.lines() == [*turns, "bytes \ufffd", *logged, "last"], run.lines()
        assert run.text(Stream.STDERR).splitlines() == [*(f"err {n}" for n in range(5)), *logged]
        assert b"bytes \xff" in b"".join(data for _, data in run.chunks), "bytes are handed on as they are"


def output_belongs_to_its_run(factory: ExecutorFactory) -> None:
    """Of many runs, each has its own output, whole, and none after its end."""
    with recording(factory) as recorder:
        runs = [recorder.submit("say", {"text": f"number {number}"}) for number in range(200)]
        for number, run in enumerate(runs):
            assert run.outcome().result == {"text": f"number {number}"}
            assert run.text() == f"number {number}\n"
        assert [run.late for run in runs if run.late] == []


def every_end_is_told_as_it_was(factory: ExecutorFactory) -> None:
    """A result, an exception, an exit code, a wish to retry: they arrive."""
    with recording(factory) as recorder:
        ends = {
            how: recorder.submit("end", {"how": how})
            for how in (
                *("raise", "exit", "retry", "again", "fail", "cancel", "cause", "base", "recursion", "large", "object"),
            )
        }
        found = {how: run.outcome() for how, run in ends.items()}
        assert found["raise"].message == "ValueError: no luck"
        assert "raise ValueError" in (found["raise"].traceback or "")
        assert (found["exit"].kind, found["exit"].exit_code) == (OutcomeKind.EXIT, 3)
        assert found["retry"].retry == timedelta(seconds=7)
        assert (found["again"].status, found["again"].retry) == (RunStatus.FAILED, "policy")
        assert found["again"].message == "not yet"
        assert (found["fail"].status, found["fail"].retry) == (RunStatus.FAILED, "never")
        assert (found["fail"].message, found["fail"].traceback) == ("for good", None)
        assert (found["cancel"].status, found["cancel"].kind) == (RunStatus.CANCELLED, OutcomeKind.CANCELLED)
        assert (found["cancel"].message, found["cancel"].retry) == ("not today", "never")
        assert "ValueError: no luck" in (found["cause"].traceback or "")
        assert found["base"].message == "BaseException: at the base"
        assert (found["recursion"].message or "").startswith("RecursionError")
        assert found["large"].result == "x" * 900_000
        assert found["object"].result is None
        assert "not stored" in (found["object"].note or "")
        assert all(run.text().startswith("before\n") for run in ends.values())


def the_context_is_handed_on(factory: ExecutorFactory) -> None:
    """What the handler is told is what the worker said, and what it reports arrives."""
    slot, deadline = (to_micros(parse_instant(f"2026-11-24T1{hour}:00:00Z")) for hour in (2, 3))
    with recording(factory) as recorder:
        run = recorder.submit(
            "tell", attempt=3, slot_at=slot, schedule_id="nightly", deadline=deadline, idempotency_key="key"
        )
        assert run.outcome().result == {
            "run_id": run.run_id,
            "attempt": 3,
            "slot_at": "2026-11-24T12:00:00+00:00",
            "schedule_id": "nightly",
            "deadline": "2026-11-24T13:00:00+00:00",
            "idempotency_key": "key",
            "cancelled": False,
        }
        assert run.reports == [(0.25, "a quarter"), (1.0, "done")]
        bare = recorder.submit("tell").outcome().result
        assert (bare["slot_at"], bare["schedule_id"], bare["deadline"]) == (None, None, None)


def an_async_handler_runs_to_its_end(factory: ExecutorFactory) -> None:
    """What its tasks print and report is the run's, and what they return too."""
    with recording(factory) as recorder:
        runs = [recorder.submit("wait-a-little", {"times": 3}) for _ in range(2)]
        for run in runs:
            assert run.outcome().result == {"tasks": [0, 1, 2]}
            assert run.text() == "task 2\ntask 1\ntask 0\n"
            assert {text for _, text in run.reports} <= {"task 0", "task 1", "task 2"}
            assert run.reports


def versions_stand_side_by_side(factory: ExecutorFactory) -> None:
    """Each version runs its own data; old data whose version is not there goes through the migrations first."""
    with recording(factory) as recorder:
        results = {version: recorder.submit("grow", {"x": 0}, version=version) for version in (1, 2, 3, 4)}
        assert {version: run.outcome().result for version, run in results.items()} == {
            1: {"by": 1, "x": 0},
            2: {"by": 4, "x": 0, "from_2": True, "from_3": True},
            3: {"by": 4, "x": 0, "from_3": True},
            4: {"by": 4, "x": 0},
        }
        spoilt = recorder.submit("grow", {"spoilt": True}, version=2).outcome()
        assert (spoilt.kind, spoilt.retry) == (OutcomeKind.INVALID_DATA, "never")
        assert "LookupError: it is spoilt" in (spoilt.message or "")
        assert recorder.submit("grow", version=9).outcome().kind is OutcomeKind.NO_HANDLER


def a_handler_that_is_not_here_is_told(factory: ExecutorFactory) -> None:
    """A run of an unknown handler ends as such."""
    with recording(factory) as recorder:
        assert recorder.submit("nowhere").outcome().kind is OutcomeKind.NO_HANDLER


def a_run_that_was_taken_back_is_dropped(factory: ExecutorFactory) -> None:
    """Where ``begin()`` says False, the handler is not called, nothing is told, and the next run begins."""
    with recording(factory, places=1) as recorder:
        dropped = recorder.run("say", {"text": "never"})
        dropped.is_wanted = False
        recorder.executor.submit(dropped)
        assert recorder.submit("say", {"text": "next"}).outcome().status is RunStatus.SUCCEEDED
        assert (dropped.begun, dropped.chunks, dropped.outcomes) == (1, [], [])


def runs_begin_in_order_and_end_once(factory: ExecutorFactory) -> None:
    """With one place, runs end in the order of submitting; each begins and ends once."""
    with recording(factory, places=1) as recorder:
        runs = [recorder.submit("say", {"text": "x"}) for _ in range(50)]
        for run in runs:
            run.outcome()
        assert recorder.order == [run.run_id for run in runs]
        assert [(run.begun, len(run.outcomes)) for run in runs] == [(1, 1)] * 50


def no_more_runs_than_places(factory: ExecutorFactory) -> None:
    """What has no place waits, and begins when there is one."""
    with recording(factory, places=2) as recorder:
        first, second, third = (recorder.submit("obey") for _ in range(3))
        assert first.wait_inside()
        assert second.wait_inside()
        assert not third.wait_inside(_A_MOMENT_SECONDS)
        recorder.stop_run(first)
        assert first.outcome().status is RunStatus.CANCELLED
        assert third.wait_inside()
        assert second.outcomes == []
        for run in (second, third):
            recorder.stop_run(run)
            assert run.outcome().message == "stopped as told"


def a_handler_that_looks_is_told_to_stop(factory: ExecutorFactory) -> None:
    """``interrupt`` brings ``cancelled`` to a handler that goes on, and to no other."""
    with recording(factory) as recorder:
        told, other = recorder.submit("obey"), recorder.submit("obey")
        assert told.wait_inside()
        assert other.wait_inside()
        recorder.stop_run(told)
        assert told.outcome().kind is OutcomeKind.CANCELLED
        assert not other.wait(lambda: other.outcomes, _A_MOMENT_SECONDS)
        recorder.stop_run(other)
        other.outcome()


def one_that_kills_interrupts_what_does_not_look(factory: ExecutorFactory) -> None:
    """With ``kills``: a handler that never looks is interrupted, ``async`` too, and may clean up."""
    with recording(factory) as recorder:
        if not recorder.executor.kills:
            return
        run = recorder.submit("nap")
        assert run.wait_inside()
        recorder.stop_run(run)
        assert run.outcome().status is RunStatus.FAILED
        assert "told to stop" in (run.outcome().message or "")
        assert run.text() == "tidied up\n"


def one_that_kills_ends_what_does_not_stop(factory: ExecutorFactory) -> None:
    """With ``kills``: the handler ends whatever it does, that is told, and the place is free for the next one."""
    with recording(factory, places=1) as recorder:
        if not recorder.executor.kills:
            return
        run = recorder.submit("sleep")
        assert run.wait_inside()
        waiting = recorder.submit("say", {"text": "x"})
        recorder.executor.kill(run)
        assert run.outcome().status is RunStatus.FAILED
        assert waiting.outcome().status is RunStatus.SUCCEEDED
        assert len(run.outcomes) == 1


def a_refresh_brings_the_handlers_of_now(factory: ExecutorFactory) -> None:
    """After ``refresh``, runs that begin have what the registry has now; one that goes on ends as it began."""
    with recording(factory, places=2) as recorder:
        before = recorder.submit("obey")
        assert before.wait_inside()
        assert recorder.submit("say", {"text": "x"}).outcome().status is RunStatus.SUCCEEDED
        less = recorder.registry.without(lambda _: True)
        less.load_source(Source("module", "enschedule_worker.testing.handlers", "say"))
        recorder.registry.become(less)
        recorder.executor.refresh()
        assert recorder.submit("tell").outcome().kind is OutcomeKind.NO_HANDLER
        assert recorder.submit("say", {"text": "y"}).outcome().status is RunStatus.SUCCEEDED
        assert before.outcomes == []
        recorder.stop_run(before)
        assert before.outcome().message == "stopped as told"
        for number in range(20):
            assert recorder.submit("say", {"text": str(number)}).outcome().result == {"text": str(number)}


def a_stop_ends_it(factory: ExecutorFactory) -> None:
    """``stop`` comes back though a handler goes on, and nothing begins afterwards."""
    with recording(factory, places=1) as recorder:
        run = recorder.submit("obey")
        assert run.wait_inside()
        recorder.executor.stop()
        waiting = recorder.submit("say", {"text": "never"})
        assert not waiting.wait(lambda: waiting.outcomes, _A_MOMENT_SECONDS)
        run.cancelled = True  # for a thread, which is left alone


EXECUTOR_CHECKS: tuple[Callable[[ExecutorFactory], None], ...] = (
    output_is_captured_in_order_and_by_stream,
    output_belongs_to_its_run,
    every_end_is_told_as_it_was,
    the_context_is_handed_on,
    an_async_handler_runs_to_its_end,
    versions_stand_side_by_side,
    a_handler_that_is_not_here_is_told,
    a_run_that_was_taken_back_is_dropped,
    runs_begin_in_order_and_end_once,
    no_more_runs_than_places,
    a_handler_that_looks_is_told_to_stop,
    one_that_kills_interrupts_what_does_not_look,
    one_that_kills_ends_what_does_not_stop,
    a_refresh_brings_the_handlers_of_now,
    a_stop_ends_it,
)
