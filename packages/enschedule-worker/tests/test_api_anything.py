"""Whatever is sent, the answer is a success or one of our problems, never a fault."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from enschedule_core.wire.schedules import ScheduleInput

FIELDS = [*ScheduleInput().fields, "count", "after", "until", "reason", "missed", "key", "unknown"]
SCRAPS = st.sampled_from(
    [
        "fetch",
        "log-job@1",
        "echo",
        "every day at 2 am",
        "*/5 * * * *",
        "0 0 29 2 *",
        "manual",
        "2027-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "Europe/Stockholm",
        "../etc",
        "kind",
        "cron",
        "\x00",
        "\ud800",
        "٣",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | SCRAPS
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "expression", "seconds", "at", "id", "version", "mode", "a"]), inner)
    ),
    max_leaves=6,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5) | VALUES
ROUTES = st.sampled_from(
    [
        ("POST", "schedules"),
        ("PUT", "schedules/hourly"),
        ("PUT", "schedules/fresh"),
        ("PATCH", "schedules/hourly"),
        ("POST", "schedules/hourly/pause"),
        ("POST", "schedules/hourly/resume"),
        ("POST", "schedules/hourly/runs"),
        ("POST", "runs"),
        ("POST", "runs/1/retry"),
        ("POST", "triggers/preview"),
        ("POST", "sessions"),
    ]
)
WORDS = st.sampled_from(
    ["limit", "cursor", "q", "status", "handler", "tag", "from", "to", "sort", "schedule", "after", "wait", "bucket"]
)
LISTS = st.sampled_from(
    [
        "schedules",
        "runs",
        "handlers",
        "stats/runs",
        "forecast",
        "runs/1/output",
        "runs/1/output/lines",
        "schedules/hourly/next",
    ]
)
several = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@several
@given(ROUTES, BODIES)
@example(("POST", "schedules"), {"handler": "echo", "trigger": {"kind": "once", "at": "9999-12-31T23:59:59.999999Z"}})
@example(("POST", "schedules"), {"handler": "echo", "trigger": {"kind": "every", "seconds": 60, "max_runs": 2**80}})
@example(("POST", "triggers/preview"), {"schedule": "daily", "after": "9999-12-31T23:59:59Z"})
@example(("POST", "schedules/hourly/pause"), {"until": "9999-12-31T23:59:59Z"})
def test_any_body_is_answered(api: Any, hourly: Any, route: tuple[str, str], body: Any) -> None:
    method, path = route
    response = api.ask(method, path, data=json.dumps(body), content_type="application/json")
    assert response.status_code < 500, (route, body, response.get_data(as_text=True))
    if response.status_code >= 400:
        assert response.get_json()["type"].startswith("urn:enschedule:error:")
    for name in ("schedules", "forecast", "stats/schedules"):
        assert api.ask("GET", name).status_code == 200, (name, route, body)


@several
@given(LISTS, st.dictionaries(WORDS, SCRAPS | st.text(max_size=20) | st.integers().map(str), max_size=3))
def test_any_query_is_answered(api: Any, hourly: Any, path: str, query: dict[str, str]) -> None:
    if "wait" in query:
        query["wait"] = "0"
    clean = {name: text.encode("utf-8", "replace").decode() for name, text in query.items()}
    response = api.client.get(f"/api/v1/{path}", query_string=clean)
    assert response.status_code < 500, (path, query, response.get_data(as_text=True))
