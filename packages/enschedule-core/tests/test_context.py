"""What a handler is told, and how it answers."""

from __future__ import annotations

import logging
import logging.config

import pytest

from enschedule_core import Context, Stream
from enschedule_core.testing import RecordingChannel


def test_the_log_goes_to_the_runs_stderr_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    channel = RecordingChannel()
    log = Context(channel, run_id=1).log
    log.debug("a %s", "b")
    log.warning("två")
    try:
        raise KeyError("x")
    except KeyError:
        log.exception("failed")
    lines = channel.text(Stream.STDERR).splitlines()
    assert lines[:3] == ["DEBUG a b", "WARNING två", "ERROR failed"]
    assert lines[-1] == "KeyError: 'x'"
    assert not caplog.records


def test_two_runs_do_not_share_a_log() -> None:
    first, second = RecordingChannel(), RecordingChannel()
    Context(first, run_id=1).log.info("one")
    Context(second, run_id=2).log.info("two")
    assert (first.text(Stream.STDERR), second.text(Stream.STDERR)) == ("INFO one\n", "INFO two\n")


def test_logging_disabled_for_existing_loggers_does_not_silence_a_run() -> None:
    channel = RecordingChannel()
    context = Context(channel, run_id=1)
    log = context.log
    others = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [one.disabled for one in others]
    try:
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
        log.info("still here")
    finally:
        for one, disabled in zip(others, before, strict=True):
            one.disabled = disabled
    assert channel.text(Stream.STDERR) == "INFO still here\n"


@pytest.mark.parametrize(
    ("given", "kept"), [(0.4, 0.4), (0, 0.0), (7, 1.0), (-1, 0.0), (float("nan"), 0.0), (float("inf"), 1.0)]
)
def test_progress_stays_between_0_and_1(given: float, kept: float) -> None:
    channel = RecordingChannel()
    Context(channel, run_id=1).progress(given, "half\nway\x00")
    assert channel.reports == [(kept, "half way\\x00")]


def test_cancelled_is_asked_anew_each_time() -> None:
    channel = RecordingChannel()
    context = Context(channel, run_id=1)
    assert not context.cancelled
    channel.cancelled = True
    assert context.cancelled


def test_there_is_always_an_idempotency_key() -> None:
    assert Context(RecordingChannel(), run_id=5).idempotency_key == "run-5"
    assert Context(RecordingChannel(), run_id=5, idempotency_key="s1:2").idempotency_key == "s1:2"
