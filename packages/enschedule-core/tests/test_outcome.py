"""How a run ends, whatever the handler does."""

from __future__ import annotations

import math
import os
import sys
from datetime import timedelta
from typing import Any

import pytest
from marshmallow import Schema, fields

from enschedule_core import Cancel, Context, Fail, Handler, Retry, handler
from enschedule_core.outcome import Outcome, perform
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.testing import RecordingChannel


def outcome_of(function: Any, data: Any = None, *, version: int = 1, **declared: Any) -> Outcome:
    registry = Registry()
    registry.register(function if isinstance(function, Handler) else handler(id="x", **declared)(function))
    context = Context(RecordingChannel(), run_id=1)
    return perform(registry, handler_id="x", version=version, data=data or {}, context=context)


def raising(error: BaseException) -> Outcome:
    def run(data):
        raise error

    return outcome_of(run)


def deep(data):
    return deep(data)


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Numbers(Schema):
    n = fields.Integer(required=True)


class TestSuccess:
    def test_what_the_handler_returns_is_the_result(self) -> None:
        done = outcome_of(lambda data: {"got": data["a"], "pair": (1, 2)}, {"a": "å"})
        assert (done.status, done.kind, done.result) == (RunStatus.SUCCEEDED, None, {"got": "å", "pair": [1, 2]})

    @pytest.mark.parametrize(
        ("result", "says"),
        [
            ({"a": math.nan}, "result.a"),
            ({"a": [2**64]}, "result.a.0"),
            ({"a": object()}, "type object"),
            ("x" * (1024 * 1024), "larger than 1 MiB"),
            ({1: 2}, "not a string"),
        ],
    )
    def test_a_result_that_cannot_be_stored_becomes_a_note(self, result: Any, says: str) -> None:
        done = outcome_of(lambda data: result)
        assert (done.status, done.result) == (RunStatus.SUCCEEDED, None)
        assert done.note is not None
        assert says in done.note

    def test_a_result_whose_class_misbehaves_becomes_a_note(self) -> None:
        class Bad(dict):  # type: ignore[type-arg]
            def items(self) -> Any:
                raise SystemExit

        done = outcome_of(lambda data: Bad(a=1))
        assert done.status is RunStatus.SUCCEEDED
        assert done.note is not None
        assert "SystemExit" in done.note

    def test_text_of_a_result_is_cleaned(self) -> None:
        assert outcome_of(lambda data: "a\x00\ud800").result == "a\\x00\\ud800"

    @pytest.mark.parametrize("code", [None, 0, False])
    def test_a_clean_exit_succeeds(self, code: Any) -> None:
        assert outcome_of(lambda data: sys.exit(code)).status is RunStatus.SUCCEEDED


class TestFailure:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            (ValueError("no\nsuch  thing"), "ValueError: no such thing"),
            (ValueError(), "ValueError"),
            (KeyError("x"), "KeyError: 'x'"),
            (KeyboardInterrupt(), "KeyboardInterrupt"),
            (GeneratorExit(), "GeneratorExit"),
            (MemoryError(), "MemoryError"),
            (Hostile(), "Hostile: (its text cannot be shown: SystemExit)"),
            (ValueError("\x00\ud800"), "ValueError: \\x00\\ud800"),
            (ExceptionGroup("two", [ValueError("a"), KeyError("b")]), "ExceptionGroup: two (2 sub-exceptions)"),
        ],
    )
    def test_whatever_is_raised_is_a_failure_with_one_line(self, error: BaseException, message: str) -> None:
        done = raising(error)
        assert (done.status, done.kind, done.message) == (RunStatus.FAILED, OutcomeKind.EXCEPTION, message)
        assert done.retry == "policy"
        assert done.traceback is not None
        done.traceback.encode()

    def test_a_long_message_and_traceback_are_cut(self) -> None:
        done = raising(ValueError("x" * 3_000_000))
        assert done.message is not None
        assert done.traceback is not None
        assert len(done.message) == 2_000
        assert len(done.traceback.encode()) <= 64 * 1024
        assert "bytes left out" in done.traceback

    def test_deep_recursion_is_a_failure(self) -> None:
        done = outcome_of(deep)
        assert done.message is not None
        assert done.message.startswith("RecursionError: maximum recursion depth exceeded")

    @pytest.mark.parametrize(("code", "exit_code"), [(3, 3), (-1, -1), (True, 1), ("no disk", 1)])
    def test_an_exit_with_a_code_is_a_failure(self, code: Any, exit_code: int) -> None:
        done = outcome_of(lambda data: sys.exit(code))
        assert (done.status, done.kind, done.exit_code) == (RunStatus.FAILED, OutcomeKind.EXIT, exit_code)
        assert str(code) if isinstance(code, str) else str(exit_code) in (done.message or "")

    def test_the_traceback_begins_with_the_handler(self) -> None:
        async def run(data):
            return data["missing"]

        lines = (outcome_of(run).traceback or "").splitlines()
        assert __file__ in lines[1]
        assert ", in run" in lines[1]
        assert lines[-1] == "KeyError: 'missing'"

    def test_an_unset_variable_names_the_setting(self) -> None:
        message = outcome_of(lambda data: os.environ["NO_SUCH_VARIABLE"]).message or ""
        assert message.startswith("KeyError: 'NO_SUCH_VARIABLE'")
        assert "the environment variable NO_SUCH_VARIABLE is not set: set it for the worker" in message

    def test_another_missing_key_does_not(self) -> None:
        assert "ENSCHEDULE" not in (outcome_of(lambda data: data["a"]).message or "")


class TestOnPurpose:
    def test_retry_asks_for_another_attempt(self) -> None:
        assert raising(Retry(after_seconds=30, message="busy")) == Outcome(
            RunStatus.FAILED, OutcomeKind.EXCEPTION, "busy", retry=timedelta(seconds=30)
        )
        assert raising(Retry()).retry == "policy"
        ended = raising(Retry(message="ended with 3", exit_code=3))
        assert (ended.kind, ended.exit_code, ended.message, ended.retry) == (
            OutcomeKind.EXIT,
            3,
            "ended with 3",
            "policy",
        )

    @pytest.mark.parametrize("bad", [-1, math.nan, math.inf])
    def test_retry_refuses_a_time_that_never_comes(self, bad: float) -> None:
        with pytest.raises(ValueError, match="0 or more"):
            Retry(after_seconds=bad)

    def test_fail_is_not_tried_again(self) -> None:
        assert raising(Fail("no such customer")) == Outcome(
            RunStatus.FAILED, OutcomeKind.EXCEPTION, "no such customer", retry="never"
        )

    def test_a_failure_with_a_cause_keeps_its_traceback(self) -> None:
        def run(data):
            try:
                data["a"]
            except KeyError as error:
                raise Fail("incomplete") from error

        assert "KeyError: 'a'" in (outcome_of(run).traceback or "")

    def test_cancel_is_no_failure(self) -> None:
        done = raising(Cancel("nothing to do"))
        assert (done.status, done.kind, done.message) == (
            RunStatus.CANCELLED,
            OutcomeKind.CANCELLED,
            "nothing to do",
        )


class TestData:
    def test_bad_data_fails_with_the_field_and_is_not_tried_again(self) -> None:
        done = outcome_of(print, {"n": "x"}, data_schema=Numbers)
        assert (done.status, done.kind, done.retry) == (RunStatus.FAILED, OutcomeKind.INVALID_DATA, "never")
        assert done.message == "The data does not fit the handler: data.n: Not a valid integer"

    def test_old_data_is_upgraded_first(self) -> None:
        new = handler(id="x", version=2, data_schema=Numbers)(lambda data: data["n"] + 1)
        new.migrate(from_version=1)(lambda old: {"n": old["text"]})
        assert outcome_of(new, {"text": "5"}).result == 6

    def test_a_migration_that_raises_says_where(self) -> None:
        new = handler(id="x", version=2)(print)
        new.migrate(from_version=1)(lambda old: old["gone"])
        done = outcome_of(new)
        assert (done.kind, done.retry) == (OutcomeKind.INVALID_DATA, "never")
        assert done.message == "Could not upgrade to version 2 or check the data of x@1: KeyError: 'gone'"

    def test_no_handler_is_a_failure_that_says_what_there_is(self) -> None:
        done = outcome_of(print, version=4)
        assert (done.status, done.kind) == (RunStatus.FAILED, OutcomeKind.NO_HANDLER)
        assert done.message == "There is no handler x@4 here, only version 1."
