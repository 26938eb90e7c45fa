"""The client has a method for each route of the OpenAPI document, and takes each parameter of it."""

from __future__ import annotations

import re
import typing

import httpx
import pytest

from enschedule_client import Client
from enschedule_client.runs import ActOptions as RunActOptions
from enschedule_client.runs import RunFilters, RunWhere
from enschedule_client.schedules import ActOptions as ScheduleActOptions
from enschedule_client.schedules import ScheduleFilters, ScheduleWhere

BODY = {"handler": "log-job", "schedule": "manual"}
AT = "2026-03-28T00:00:00Z"
PAGE = {"limit": 5, "cursor": "c"}
RUNS = {"status": ["failed"], "schedule": "s", "handler": "h", "worker": "w", "tag": ["a"], "group": "g", "q": "x"}
SCHEDULES = {"status": ["paused"], "handler": "h", "tag": ["a"], "worker": "w", "group": "g", "q": "x"}
SCHEDULES |= {"paused": True, "failing": True}
# How each operation is called, with everything that it takes.
CALLS = {
    "GET /api/v1/schedules": lambda c: c.schedules.list(**PAGE, **SCHEDULES, sort="id", by="tag"),
    "POST /api/v1/schedules": lambda c: c.schedules.create(BODY),
    "POST /api/v1/schedules/preview": lambda c: c.schedules.preview([{"id": "s", "handler": "h"}], known=["t"]),
    "POST /api/v1/schedules/{schedule_id}/revert": lambda c: c.schedules.revert("s"),
    "POST /api/v1/schedules/actions": lambda c: c.schedules.actions("run", ids=["s"], idempotency_key="k"),
    "GET /api/v1/schedules/{schedule_id}": lambda c: c.schedules.get("s"),
    "PUT /api/v1/schedules/{schedule_id}": lambda c: c.schedules.put("s", BODY, if_match=1),
    "PATCH /api/v1/schedules/{schedule_id}": lambda c: c.schedules.patch("s", BODY, if_match=1),
    "DELETE /api/v1/schedules/{schedule_id}": lambda c: c.schedules.delete("s", if_match=1),
    "POST /api/v1/schedules/{schedule_id}/restore": lambda c: c.schedules.restore("s", if_match=1),
    "POST /api/v1/schedules/{schedule_id}/runs": lambda c: c.schedules.run("s", {}, idempotency_key="k"),
    "POST /api/v1/schedules/{schedule_id}/pause": lambda c: c.schedules.pause(
        "s", "why", AT, if_match=1, pause_at=None
    ),
    "POST /api/v1/schedules/{schedule_id}/resume": lambda c: c.schedules.resume("s", "all", if_match=1, pause_at=AT),
    "GET /api/v1/schedules/{schedule_id}/next": lambda c: c.schedules.next("s", 3),
    "GET /api/v1/schedules/{schedule_id}/diagnosis": lambda c: c.schedules.diagnosis("s"),
    "GET /api/v1/schedules/{schedule_id}/skips": lambda c: c.schedules.skips("s", **PAGE),
    "GET /api/v1/schedules/{schedule_id}/history": lambda c: c.schedules.history("s", **PAGE),
    "GET /api/v1/runs": lambda c: c.runs.list(**PAGE, **RUNS, from_=AT, to=AT),
    "GET /api/v1/runs/count": lambda c: c.runs.count(**RUNS, from_=AT, to=AT),
    "POST /api/v1/runs": lambda c: c.runs.create("log-job", {}, idempotency_key="k"),
    "POST /api/v1/runs/actions": lambda c: c.runs.actions("retry", ids=[1], data="today", idempotency_key="k"),
    "GET /api/v1/runs/{run_id}": lambda c: c.runs.get(1),
    "DELETE /api/v1/runs/{run_id}": lambda c: c.runs.delete(1),
    "POST /api/v1/runs/{run_id}/cancel": lambda c: c.runs.cancel(1),
    "POST /api/v1/runs/{run_id}/retry": lambda c: c.runs.retry(1, data="today", idempotency_key="k"),
    "GET /api/v1/runs/{run_id}/output": lambda c: c.runs.output(1, 2, 3, "stdout"),
    "GET /api/v1/runs/{run_id}/output/lines": lambda c: c.runs.lines(
        1, 2, after=3, wait_seconds=4, limit=5, stream="stdout"
    ),
    "GET /api/v1/runs/{run_id}/output/matches": lambda c: c.runs.matches(1, "x", first=2, limit=3, stream="stdout"),
    "GET /api/v1/views": lambda c: c.views.list(),
    "PUT /api/v1/views": lambda c: c.views.put([]),
    "GET /api/v1/pause": lambda c: c.pause.get(),
    "PUT /api/v1/pause": lambda c: c.pause.begin("why", AT, if_match=1),
    "GET /api/v1/concurrency-groups": lambda c: c.concurrency_groups.list(),
    "PUT /api/v1/concurrency-groups": lambda c: c.concurrency_groups.put({"a": 1}),
    "GET /api/v1/handlers": lambda c: c.handlers.list(q="x"),
    "GET /api/v1/handlers/{handler_id}": lambda c: c.handlers.get("h", 1),
    "PUT /api/v1/handlers/{handler_id}/access": lambda c: c.handlers.put_access(
        "h", minimum_role="admin", groups=["g"]
    ),
    "GET /api/v1/plugins": lambda c: c.plugins.list(),
    "GET /api/v1/workers": lambda c: c.workers.list(),
    "DELETE /api/v1/workers/{instance_id}": lambda c: c.workers.delete("i"),
    "POST /api/v1/triggers/preview": lambda c: c.triggers.preview("manual", timezone="UTC", after=AT, count=1),
    "GET /api/v1/stats/schedules": lambda c: c.schedules.counts(limit=3, **SCHEDULES),
    "GET /api/v1/tags": lambda c: c.schedules.tags(limit=5),
    "GET /api/v1/stats/runs": lambda c: c.stats.runs(from_=AT, to=AT, bucket_seconds=3600, schedule="s"),
    "GET /api/v1/stats/queue": lambda c: c.stats.queue(),
    "GET /api/v1/forecast": lambda c: c.forecast(from_=AT, to=AT, limit=1, fullest=1, offset_minutes=1),
    "POST /api/v1/retention/preview": lambda c: c.retention.preview(schedule="s", retention={}),
    "GET /api/v1/settings": lambda c: c.settings(),
    "GET /api/v1/me": lambda c: c.me(),
    "PATCH /api/v1/me": lambda c: c.sessions.change_own(theme="dark"),
    "POST /api/v1/setup": lambda c: c.sessions.set_up("t", "ada", "p"),
    "GET /api/v1/sign-on": lambda c: c.sessions.ways_in(),
    "POST /api/v1/sign-on": lambda c: c.sessions.begin_sign_on("https://jobs.example.org/login/callback"),
    "GET /api/v1/sessions": lambda c: c.sessions.list(),
    "DELETE /api/v1/sessions": lambda c: c.sessions.delete_all(),
    "DELETE /api/v1/sessions/{session_id}": lambda c: c.sessions.delete("s"),
    "GET /api/v1/users": lambda c: c.users.list(**PAGE),
    "POST /api/v1/users": lambda c: c.users.create("ada", "p", "viewer"),
    "GET /api/v1/users/{name}": lambda c: c.users.get("ada"),
    "PATCH /api/v1/users/{name}": lambda c: c.users.change("ada", role="viewer"),
    "DELETE /api/v1/users/{name}": lambda c: c.users.delete("ada"),
    "GET /api/v1/groups": lambda c: c.groups.list(),
    "POST /api/v1/groups": lambda c: c.groups.create("ops", "Ops"),
    "GET /api/v1/groups/{group_id}": lambda c: c.groups.get("ops"),
    "PATCH /api/v1/groups/{group_id}": lambda c: c.groups.rename("ops", "Ops"),
    "DELETE /api/v1/groups/{group_id}": lambda c: c.groups.delete("ops"),
    "PUT /api/v1/groups/{group_id}/members/{name}": lambda c: c.groups.put_member("ops", "ada", "viewer"),
    "DELETE /api/v1/groups/{group_id}/members/{name}": lambda c: c.groups.delete_member("ops", "ada"),
    "GET /api/v1/api-keys": lambda c: c.api_keys.list(own=True, **PAGE),
    "POST /api/v1/api-keys": lambda c: c.api_keys.create("ci", "viewer", group="ops", expires_at=AT, own=True),
    "DELETE /api/v1/api-keys/{key_id}": lambda c: c.api_keys.revoke("k"),
    "GET /api/v1/audit": lambda c: c.audit.list(
        **PAGE, actor="a", action="b", kind="k", id="i", group="g", refused=True, from_=AT, to=AT
    ),
    "GET /api/v1/secrets": lambda c: c.secrets.list(),
    "GET /api/v1/secrets/{name}": lambda c: c.secrets.get("A"),
    "PUT /api/v1/secrets/{name}": lambda c: c.secrets.put("A", "x", group="ops"),
    "DELETE /api/v1/secrets/{name}": lambda c: c.secrets.delete("A"),
    "POST /api/v1/encryption/rotate": lambda c: c.secrets.rotate("c"),
    "POST /api/v1/sessions": lambda c: c.sessions.create("k"),
    "DELETE /api/v1/sessions/current": lambda c: c.sessions.delete_current(),
    "GET /api/v1/healthz": lambda c: c.health(),
    "GET /api/v1/readyz": lambda c: c.ready(),
    "GET /metrics": lambda c: c.metrics(),
}


@pytest.fixture(scope="module")
def document(worker):
    return worker.app.test_client().get("/api/v1/openapi.json").get_json()


def operations(document):
    """The operations of the document, each with the parameters of its path besides its own."""
    return {
        f"{method.upper()} {path}": found | {"parameters": shared.get("parameters", []) + found.get("parameters", [])}
        for path, shared in document["paths"].items()
        for method, found in shared.items()
        if method != "parameters"
    }


def test_there_is_a_method_for_each_route_and_no_other(document):
    assert set(CALLS) == set(operations(document))


@pytest.mark.parametrize("operation", CALLS)
def test_a_method_sends_what_its_route_takes(document, operation):
    sent = []

    def answer(request):
        sent.append(request)
        text = operation == "GET /metrics"
        return httpx.Response(200, text="x") if text else httpx.Response(200, json={})

    CALLS[operation](Client(transport=httpx.MockTransport(answer)))
    (request,) = sent
    method, _, path = operation.partition(" ")
    assert request.method == method
    assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)
    takes = operations(document)[operation]
    for place, given in (("query", set(request.url.params)), ("header", set(request.headers))):
        known = {one["name"] for one in takes["parameters"] if one["in"] == place}
        missing = {name for name in known if name.lower() not in {one.lower() for one in given}}
        assert missing <= {"Last-Event-ID"}, (place, missing)  # of the stream of events, which follow() does without
        if place == "query":
            assert given <= known
    assert bool(request.content) == ("requestBody" in takes or (method == "POST" and request.content == b"{}"))


def members(document, name):
    return set(document["components"]["schemas"][name]["properties"])


@pytest.mark.parametrize(
    ("typed", "schema"),
    [
        (ScheduleWhere, "ScheduleWhere"),
        (RunWhere, "RunWhere"),
        (ScheduleActOptions, "ScheduleActionsInput"),
        (RunActOptions, "RunActionsInput"),
    ],
)
def test_a_bulk_action_takes_what_the_document_says(document, typed, schema):
    names = {name.removesuffix("_") for name in typing.get_type_hints(typed)}
    renamed = {"where": "filter"}
    ours = {renamed.get(name, name) for name in names} - {"idempotency_key"}
    assert ours == members(document, schema) - {"action", "cursor"}


@pytest.mark.parametrize(("typed", "route"), [(ScheduleFilters, "schedules"), (RunFilters, "runs")])
def test_a_list_takes_each_filter_of_its_route(document, typed, route):
    takes = operations(document)[f"GET /api/v1/{route}"]["parameters"]
    assert {name.removesuffix("_") for name in typing.get_type_hints(typed)} == {one["name"] for one in takes}
