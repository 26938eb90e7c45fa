"""A server that shows everything and changes nothing (ENSCHEDULE_READ_ONLY)."""

from __future__ import annotations

from typing import Any

import pytest

from enschedule_core.errors import Forbidden, ReadOnly, from_problem
from enschedule_worker.api.routing import CHANGES

ANSWERED = {
    "schedules.preview_schedules": {"items": [{"id": "fresh", "handler": "echo"}]},
    "triggers.preview_trigger": {"schedule": "every hour"},
    "retention.preview_retention": {},
    "sessions.begin_sign_on": {"redirect_uri": "https://jobs.example.org/login/callback"},
    "sessions.create_session": {"key": "correct-horse-battery"},
    "sessions.delete_sessions": None,
    "sessions.delete_session": None,
    "sessions.delete_one_session": None,
}
"""What is no GET and is answered all the same, with a body that will do."""
PARTS = {"schedule_id": "hourly", "run_id": 1, "handler_id": "echo"}


@pytest.fixture
def shown(make_api: Any, api: Any, hourly: dict[str, Any]) -> Any:
    """The API of a server that is read-only, over a database with a schedule."""
    assert hourly["id"] == "hourly"
    return make_api(read_only=True)


def _changing(api: Any) -> list[tuple[str, str, str]]:
    """Return endpoint, method and path of every route that is not asked by GET."""
    adapter = api.app.url_map.bind("localhost")
    found = []
    for rule in api.app.url_map.iter_rules():
        for method in sorted(set(rule.methods or ()) - {"GET", "HEAD", "OPTIONS"}):
            parts = {name: PARTS.get(name, "x") for name in rule.arguments}
            path = adapter.build(rule.endpoint, parts, method=method)
            found.append((rule.endpoint, method, path.removeprefix("/api/v1/")))
    return found


def test_every_change_is_refused_and_nothing_else(shown: Any, api: Any) -> None:
    refused = set()
    for endpoint, method, path in _changing(shown):
        if endpoint in ANSWERED:
            answer = shown.ask(method, path, ANSWERED[endpoint])
            assert (answer.get_json(silent=True) or {}).get("code") != "read_only", path
            assert answer.status_code < 500, path
        else:
            problem = shown.refused(403, method, path, {})
            assert problem["code"] == "read_only", path
            assert "ENSCHEDULE_READ_ONLY" in problem["hint"]
            refused.add(f"{method} {path}")
    assert {"PUT schedules/hourly", "POST schedules/hourly/runs", "DELETE runs/1", "POST setup", "PUT pause"} <= refused
    assert len(refused) > 30
    assert [one["id"] for one in api.ok("GET", "schedules")["items"]] == ["hourly"]
    assert api.ok("GET", "runs")["items"] == []


def test_what_is_answered_all_the_same_is_marked_at_the_route(shown: Any) -> None:
    marked = {name for name, view in shown.app.view_functions.items() if not getattr(view, CHANGES, True)}
    assert marked == set(ANSWERED)


def test_everything_is_shown_and_it_says_what_it_is(shown: Any, api: Any) -> None:
    assert shown.ok("GET", "me")["read_only"] is True
    assert api.ok("GET", "me")["read_only"] is False
    assert shown.ok("GET", "schedules/hourly")["id"] == "hourly"
    (seen,) = shown.ok("POST", "schedules/preview", ANSWERED["schedules.preview_schedules"])["items"]
    assert seen["change"] == "created"


def test_a_refusal_is_not_kept_in_the_audit(shown: Any, api: Any) -> None:
    before = api.ok("GET", "audit")["items"]
    shown.refused(403, "DELETE", "schedules/hourly")
    assert api.ok("GET", "audit")["items"] == before


def test_who_is_not_let_in_is_told_that_first(make_api: Any) -> None:
    shown = make_api(loopback=False, read_only=True)
    assert shown.refused(401, "DELETE", "schedules/hourly")["code"] == "unauthenticated"


def test_a_client_raises_it_as_what_it_is() -> None:
    raised = from_problem(403, ReadOnly().problem())
    assert type(raised) is ReadOnly
    assert isinstance(raised, Forbidden)
    assert raised.detail.startswith("This server is read-only")
