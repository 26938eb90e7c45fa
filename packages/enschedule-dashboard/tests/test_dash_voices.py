"""The sentence a page opens with, word for word: it is what people read first, at three in the morning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enschedule_core.clock import format_instant
from enschedule_dashboard import policies
from enschedule_dashboard.present import Viewer
from enschedule_dashboard.voices import readable, run_voice, schedule_voice

NOW = datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC)
VIEWER = Viewer(NOW, ZoneInfo("Europe/Stockholm"))


def at(**offset: float) -> str:
    return format_instant(NOW + timedelta(**offset)) or ""


def schedule(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "status": "scheduled",
        "handler": {"id": "images", "version": 2},
        "trigger": {"kind": "cron", "timezone": "Europe/Stockholm", "description": "Every 15 minutes"},
        "due_at": at(seconds=773),
        "retry_at": None,
        "failing_since": None,
        "failures_in_row": 0,
        "paused": False,
        "pause": None,
    }
    return base | more


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "Every 15 minutes; the next run is at 14:45, in 13 min."),
        (
            {"status": "retrying", "failing_since": at(minutes=-77), "failures_in_row": 5, "retry_at": at(seconds=183)},
            "Failing since 13:15, 5 times in a row. Every 15 minutes; the next attempt starts at 14:35:10, in 3 min.",
        ),
        (
            {"failing_since": at(minutes=-77), "failures_in_row": 1},
            "Failing since 13:15, once so far. Every 15 minutes; the next run is at 14:45, in 13 min.",
        ),
        (
            {"status": "waiting", "due_at": at(seconds=-727)},
            "Waiting: no worker that is up offers images v2. Every 15 minutes; it was due at 14:20, 12 min ago.",
        ),
        (
            {"status": "waiting", "due_at": at(hours=-1), "worker": {"tags": ["a"]}},
            "Waiting: no worker tagged a that is up offers images v2. Every 15 minutes; it was due at 13:32, 1 h ago.",
        ),
        (
            {"status": "waiting", "due_at": at(hours=-1), "worker": {"id": "w", "tags": []}},
            "Waiting: worker w is not up, or does not offer images v2. Every 15 minutes; it was due at 13:32, 1 h ago.",
        ),
        (
            {"status": "broken", "broken_reason": "Europe/Kyev is unknown to this server"},
            "Broken: Europe/Kyev is unknown to this server. Nothing runs until that is mended.",
        ),
        (
            {
                "status": "paused",
                "paused": True,
                "pause": {"by": "ada", "until": at(days=3, hours=17.5), "reason": "vendor maintenance", "at": at()},
            },
            "Paused by ada until Fri 08:02: “vendor maintenance”. Every 15 minutes; no slot runs until then.",
        ),
        (
            {"status": "paused", "paused": True, "pause": None},
            "Paused. Every 15 minutes; no slot runs until it is resumed.",
        ),
        (
            {
                "trigger": {"kind": "manual", "timezone": "UTC", "description": "By hand"},
                "due_at": None,
                "status": "manual",
            },
            "It runs only when somebody says so.",
        ),
        ({"due_at": None, "status": "finished"}, "Every 15 minutes. Nothing more is planned."),
        (
            {"trigger": {"kind": "cron", "timezone": "Asia/Tokyo", "description": "Every day at 02:30"}},
            "Every day at 02:30, Tokyo time; the next run is at 14:45, in 13 min.",
        ),
        ({"due_at": at(days=40)}, "Every 15 minutes; the next run is on 2 Jan 2027 14:32."),
    ],
)
def test_a_schedule_says_how_it_stands(more: dict[str, Any], said: str) -> None:
    assert schedule_voice(schedule(**more), VIEWER).text == said


def run(status: str, **more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "status": status,
        "handler": {"id": "fetch", "version": 1},
        "worker": {"id": "web-2", "instance_id": "x"},
        "attempt": 1,
        "max_attempts": 1,
        "attempts": [],
        "queued_at": at(seconds=-60),
        "not_before": None,
        "started_at": at(seconds=-41),
        "finished_at": at(seconds=-37),
        "duration_seconds": 4.2,
        "retry_at": None,
        "cancel_requested": False,
        "outcome": None,
        "output": {"lines": 12, "bytes": 400, "truncated": False},
    }
    return base | more


FAILED = {"outcome": {"kind": "exception", "message": "connection refused", "exit_code": None}}


@pytest.mark.parametrize(
    ("found", "about", "said"),
    [
        (run("succeeded"), {}, "Succeeded in 4.2 s, 12 lines."),
        (run("succeeded", output={"lines": 0}), {}, "Succeeded in 4.2 s, with no output."),
        (
            run("succeeded", duration_seconds=0.9),
            {"usual_seconds": 60.0},
            "Succeeded in 900 ms, which is unusual: it takes 1 min as a rule.",
        ),
        (
            run("failed", attempt=2, max_attempts=4, retry_at=at(seconds=183), **FAILED),
            {},
            "Failed after 4.2 s: connection refused. Attempt 2 of 4; the next starts at 14:35:10, in 3 min.",
        ),
        (
            run(
                "failed",
                attempt=4,
                max_attempts=4,
                outcome={"kind": "exit", "message": "exit code 3", "exit_code": 3},
            ),
            {"due_at": at(hours=12)},
            "Failed after 4.2 s with exit code 3. All 4 attempts are used; the next slot is on Tue 02:32, in 12 h.",
        ),
        (
            run("failed", attempt=1, max_attempts=4, attempts=[{"attempt": 1}, {"attempt": 2}], **FAILED),
            {},
            "Failed after 4.2 s: connection refused. Attempt 1 of 4; attempt 2 followed.",
        ),
        (run("failed", **FAILED), {"due_at": at(hours=1), "paused": True}, "Failed after 4.2 s: connection refused."),
        (run("timed_out", duration_seconds=3600.0), {}, "Timed out after 1 h."),
        (
            run("timed_out", outcome={"message": "Timed out after 1 h. It stopped when it was told to."}),
            {},
            "Timed out after 1 h. It stopped when it was told to.",
        ),
        (
            run("cancelled", duration_seconds=12.0, outcome={"message": "Cancelled by ada. It was killed."}),
            {},
            "Cancelled by ada after 12 s. It was killed.",
        ),
        (
            run("cancelled", duration_seconds=None, outcome={"message": "Cancelled by ada before it started."}),
            {},
            "Cancelled by ada before it started.",
        ),
        (
            run("lost", outcome={"kind": "lost", "message": "seen at 14:02:11", "exit_code": None}),
            {},
            "Lost: seen at 14:02:11. Whether it finished is not known; it is not repeated unless you say so.",
        ),
        (
            run(
                "lost", attempts=[{"attempt": 1}, {"attempt": 2}], max_attempts=2, outcome={"message": "web-2 is gone"}
            ),
            {},
            "Lost: web-2 is gone. Whether it finished is not known. Attempt 1 of 2; attempt 2 followed.",
        ),
        (run("cancelled", duration_seconds=12.0), {}, "Cancelled after 12 s."),
        (run("cancelled", duration_seconds=None), {}, "Cancelled before it started."),
        (run("running"), {"usual_seconds": 180.0}, "Running for 41 s on web-2; usually 3 min."),
        (run("running"), {"usual_seconds": 5.0}, "Running for 41 s on web-2: 8 × its usual time of 5 s."),
        (
            run("running", cancel_requested=True),
            {},
            "Running for 41 s on web-2. It was told to stop; the handler has not answered yet.",
        ),
        (run("queued", started_at=None), {}, "Waiting for a free place on a worker that has fetch, for 1 min now."),
        (
            run("queued", started_at=None, attempt=3, not_before=at(seconds=183)),
            {},
            "Waiting: attempt 3 starts at 14:35:10, in 3 min.",
        ),
        (
            run("skipped", outcome={"kind": "timeout", "message": "it was to start before 02:10", "exit_code": None}),
            {},
            "Expired: it was to start before 02:10.",
        ),
    ],
)
def test_a_run_says_what_became_of_it(found: dict[str, Any], about: dict[str, Any], said: str) -> None:
    assert run_voice(found, VIEWER, about).text == said


def test_policies_are_said_so_that_the_group_need_not_be_opened() -> None:
    found = policies.trouble_words(
        {
            "retry": {"max_attempts": 4, "delay_seconds": 120, "backoff": "exponential", "max_delay_seconds": 3600},
            "timeout_seconds": 300,
            "overlap": "queue",
            "catch_up": {"mode": "all", "max": 5, "window_seconds": 7200},
            "on_lost": "leave",
        }
    )
    assert found == (
        "4 attempts, 2 min apart, doubling up to 1 h, stops after 5 min, "
        "lets one run wait while the previous is going, "
        "catches up at most 5 missed slots of the last 2 h, leaves a lost run"
    )


def test_instants_inside_a_text_are_said_in_the_viewers_zone() -> None:
    text = "It failed once, since 2026-11-23T12:15:00.661812Z. Its next slot is 2026-11-25T01:30:00Z."
    assert readable(text, VIEWER) == "It failed once, since 13:15. Its next slot is Wed 02:30."


def test_a_weekday_alone_in_a_text_is_one_to_come() -> None:
    text = "Paused since 2026-11-19T10:32:07Z until 2026-11-26T13:32:00Z, seen 2026-11-02T10:00:00Z."
    assert readable(text, VIEWER) == "Paused since Thu 19 Nov 11:32:07 until Thu 14:32, seen 2 Nov 11:00."
    last_year = Viewer(datetime(2027, 1, 2, 12, 0, tzinfo=UTC), ZoneInfo("UTC"))
    assert readable("2026-12-31T23:00:00Z", last_year) == "Thu 31 Dec 2026 23:00"
