"""What the audit says of a change: in words, with the viewer's times, and never more than what was kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from enschedule_dashboard.present import Viewer
from enschedule_dashboard.views.audit import detail_lines

VIEWER = Viewer(datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC), ZoneInfo("Europe/Stockholm"))
ONCE = {"kind": "once", "at": "2026-11-25T22:32:07Z", "timezone": "Europe/Stockholm"}


@pytest.mark.parametrize(
    ("detail", "lines"),
    [
        (None, []),
        ({"run": 12963, "own_data": True}, ["run: 12,963", "own data: yes"]),
        (
            {"before": {"timeout_seconds": 7200.0}, "after": {"timeout_seconds": 10_800}},
            ["timeout: 2 h → 3 h"],
        ),
        ({"before": {"timeout_seconds": None}, "after": {"timeout_seconds": 0.3}}, ["timeout: none → 0.3 s"]),
        (
            {"after": {"title": "Sale", "handler": {"id": "log-job", "version": 1}, "trigger": ONCE, "group": None}},
            ["title: Sale", "handler: log-job@1", "trigger: Wed 23:32:07 (Europe/Stockholm)"],
        ),
        (
            {"until": "2026-11-26T13:32:07Z", "reason": "since 2026-11-26T13:32:07Z", "skipped": False},
            ["until: Thu 14:32:07", "since 2026-11-26T13:32:07Z"],
        ),
        (
            {"before": {"retry": {"max_attempts": 1}}, "after": {"retry": {"max_attempts": 3, "delay_seconds": 180}}},
            ["retry: max attempts 1 → max attempts 3, delay 3 min"],
        ),
        ({"user": "olaf", "before": None, "after": "admin"}, ["olaf: none → admin"]),
        (
            {"before": {"tags": ["a"]}, "after": {"tags": []}, "changed": ["data.url"]},
            ["tags: a → none", "data.url changed"],
        ),
    ],
)
def test_a_change_in_words(detail: Any, lines: list[str]) -> None:
    entry: Any = {"detail": detail}
    assert detail_lines(entry, VIEWER) == lines
