"""What the client sends: every route, who is asking, and what is refused before it is sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from enschedule_client import Client
from enschedule_core import errors


def echo(environ, start_response):
    """Answer with what a worker would have seen."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    shown = {
        "call": f"{environ['REQUEST_METHOD']} {environ['PATH_INFO'].encode('latin-1').decode()}",
        "query": environ["QUERY_STRING"],
        "body": json.loads(body) if body else None,
        **{name: value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))},
    }
    start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "enschedule=stolen; Path=/")])
    return [json.dumps(shown).encode()]


# What is sent


def test_every_route_has_its_method_path_and_body(client_of):
    client = client_of(echo)
    moment = datetime(2026, 3, 28, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    calls = {
        "GET /api/v1/schedules?paused=true&tag=a%26b": (client.schedules.list(paused=True, tag="a&b", q=None), None),
        "GET /api/v1/schedules/ping": (client.schedules.get("ping"), None),
        "POST /api/v1/schedules": (client.schedules.create({"title": "é"}), {"title": "é"}),
        "PUT /api/v1/schedules/ping": (client.schedules.put("ping", {"title": "x"}), {"title": "x"}),
        "PATCH /api/v1/schedules/ping": (client.schedules.patch("ping", {"tags": []}), {"tags": []}),
        "POST /api/v1/schedules/ping/restore": (client.schedules.restore("ping"), {}),
        "POST /api/v1/schedules/ping/revert": (client.schedules.revert("ping"), {}),
        "POST /api/v1/schedules/preview": (
            client.schedules.preview([{"id": "ping"}], ["pong"]),
            {"items": [{"id": "ping"}], "known": ["pong"]},
        ),
        "POST /api/v1/schedules/ping/runs": (client.schedules.run("ping", {"a": 1}), {"data": {"a": 1}}),
        "POST /api/v1/schedules/ping/pause": (
            client.schedules.pause("ping", "why", moment),
            {"reason": "why", "until": "2026-03-28T09:30:00Z"},
        ),
        "POST /api/v1/schedules/ping/resume": (client.schedules.resume("ping", "latest"), {"missed": "latest"}),
        "GET /api/v1/schedules/ping/next?count=3": (client.schedules.next("ping", 3), None),
        "GET /api/v1/schedules/ping/diagnosis": (client.schedules.diagnosis("ping"), None),
        "GET /api/v1/schedules/ping/skips?limit=5": (client.schedules.skips("ping", limit=5), None),
        "GET /api/v1/schedules/ping/history": (client.schedules.history("ping"), None),
        "GET /api/v1/stats/schedules": (client.schedules.counts(), None),
        "GET /api/v1/stats/schedules?tag=a&failing=true": (client.schedules.counts(tag="a", failing=True), None),
        "GET /api/v1/tags?limit=9": (client.schedules.tags(limit=9), None),
        "GET /api/v1/runs/count?worker=web-1": (client.runs.count(worker="web-1"), None),
        "GET /api/v1/runs?status=failed&status=lost&from=2026-03-28T09%3A30%3A00Z": (
            client.runs.list(status=["failed", "lost"], from_=moment),
            None,
        ),
        "GET /api/v1/runs/7": (client.runs.get(7), None),
        "POST /api/v1/runs": (client.runs.create("log-job@1", {"m": 1}), {"handler": "log-job@1", "data": {"m": 1}}),
        "POST /api/v1/runs/7/cancel": (client.runs.cancel(7), {}),
        "POST /api/v1/runs/7/retry": (client.runs.retry(7), {}),
        "GET /api/v1/runs/7/output?after=3&wait=0.5&stream=stderr": (client.runs.output(7, 3, 0.5, "stderr"), None),
        "GET /api/v1/handlers?q=fe": (client.handlers.list(q="fe"), None),
        "GET /api/v1/handlers/fetch?version=2": (client.handlers.get("fetch", 2), None),
        "GET /api/v1/plugins": (client.plugins.list(), None),
        "GET /api/v1/pause": (client.pause.get(), None),
        "PUT /api/v1/pause": (
            client.pause.begin("move", moment),
            {"paused": True, "reason": "move", "until": "2026-03-28T09:30:00Z"},
        ),
        "GET /api/v1/concurrency-groups": (client.concurrency_groups.list(), None),
        "PUT /api/v1/concurrency-groups": (
            client.concurrency_groups.put({"erp": 4}),
            {"items": [{"name": "erp", "max_running": 4}]},
        ),
        "GET /api/v1/workers": (client.workers.list(), None),
        "POST /api/v1/triggers/preview": (
            client.triggers.preview("hourly", timezone="UTC", after=moment, count=2),
            {"schedule": "hourly", "timezone": "UTC", "after": "2026-03-28T09:30:00Z", "count": 2},
        ),
        "GET /api/v1/stats/runs?bucket=3600": (client.stats.runs(bucket_seconds=3600), None),
        "GET /api/v1/stats/queue": (client.stats.queue(), None),
        "POST /api/v1/retention/preview": (
            client.retention.preview(schedule="ping", retention={"days": 7}),
            {"schedule": "ping", "retention": {"days": 7}},
        ),
        "GET /api/v1/forecast?limit=9": (client.forecast(limit=9), None),
        "GET /api/v1/me": (client.me(), None),
        "POST /api/v1/sessions": (client.sessions.create("k"), {"key": "k"}),
        "GET /api/v1/healthz": (client.health(), None),
        "GET /api/v1/readyz": (client.ready(), None),
    }
    for expected, (seen, body) in calls.items():
        asked = seen["call"] + (f"?{seen['query']}" if seen["query"] else "")
        assert (asked, seen["body"]) == (expected, body)


def test_everything_goes_on_with_what_is_to_become_of_missed_slots(client_of):
    client = client_of(echo)
    assert client.pause.end()["body"] == {"paused": False}  # as servers before "missed" know it
    assert client.pause.end("latest")["body"] == {"paused": False, "missed": "latest"}


@pytest.mark.parametrize(
    ("delete", "path"),
    [
        (lambda client: client.schedules.delete("ping"), "schedules/ping"),
        (lambda client: client.runs.delete(7), "runs/7"),
        (lambda client: client.workers.delete("a/b"), "workers/a/b"),
        (lambda client: client.sessions.delete_current(), "sessions/current"),
    ],
)
def test_deletes_return_nothing(client_of, delete, path):
    seen = []

    def app(environ, start_response):
        seen.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        start_response("204 No Content", [])
        return []

    assert delete(client_of(app)) is None
    assert seen == [f"DELETE /api/v1/{path}"]


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_cannot_lead_elsewhere(client_of, id):
    with pytest.raises(errors.InvalidInput) as caught:
        client_of(echo).schedules.delete(id)
    assert caught.value.errors[0].field == "id"


@pytest.mark.parametrize("id", ["a/../b", "å?x=1#y", "a b%2F"])
def test_an_id_is_one_segment(client_of, id):
    seen = client_of(echo).schedules.get(id)
    assert (seen["call"], seen["query"]) == (f"GET /api/v1/schedules/{id}", "")


@pytest.mark.parametrize(("given", "sent"), [(7, '"7"'), ("7", '"7"'), ('"7"', '"7"'), ("*", "*")])
def test_if_match_is_the_revision_in_quotes(client_of, given, sent):
    assert client_of(echo).schedules.put("ping", {}, if_match=given)["HTTP_IF_MATCH"] == sent


def test_lone_surrogates_travel_as_escapes(client_of):
    assert client_of(echo).schedules.create({"title": "\ud800"})["body"] == {"title": "\ud800"}


@pytest.mark.parametrize("body", [{"a": float("nan")}, {"a": {1, 2}}, {"until": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_what_json_cannot_carry_is_refused_here(client_of, body):
    with pytest.raises(errors.InvalidInput):
        client_of(echo).schedules.create(body)


def test_data_that_holds_itself_is_refused_here(client_of):
    body = {}
    body["self"] = body
    with pytest.raises(errors.InvalidInput):
        client_of(echo).schedules.create(body)


def test_an_instant_without_offset_is_refused_by_name(client_of):
    with pytest.raises(errors.InvalidInput) as caught:
        client_of(echo).runs.list(from_=datetime(2026, 1, 1))  # noqa: DTZ001
    assert caught.value.errors[0].field == "from"


def test_a_header_cannot_be_split(client_of):
    with pytest.raises(errors.InvalidInput) as caught:
        client_of(echo).schedules.run("ping", idempotency_key="a\r\nX-API-Key: b")
    assert caught.value.errors[0].field == "Idempotency-Key"


# Who asks


def test_credentials_travel_on_every_call(client_of):
    client = client_of(echo, api_key="service-key", token="persons-token", forwarded_for="203.0.113.9")
    for seen in (client.me(), client.schedules.create({})):
        assert seen["HTTP_X_API_KEY"] == "service-key"
        assert seen["HTTP_AUTHORIZATION"] == "Bearer persons-token"
        assert seen["HTTP_USER_AGENT"].startswith("enschedule-client/")


def test_without_credentials_none_are_sent(client_of):
    assert {"HTTP_X_API_KEY", "HTTP_AUTHORIZATION"}.isdisjoint(client_of(echo).me())


def test_no_cookie_is_kept(client_of):
    client = client_of(echo)
    client.me()
    assert "HTTP_COOKIE" not in client.acting_as(token="other").me()
    assert "HTTP_COOKIE" not in client.me()


def test_acting_as_somebody_else_takes_nothing_along(client_of):
    client = client_of(echo, api_key="service", token="first")
    with client.acting_as(token="second") as other:
        seen = other.me()
    assert (seen["HTTP_AUTHORIZATION"], seen.get("HTTP_X_API_KEY")) == ("Bearer second", None)
    assert client.me()["HTTP_AUTHORIZATION"] == "Bearer first"  # and its connections are still open


def test_the_browsers_address_is_passed_on_over_a_socket(serve):
    client = Client(serve(echo), forwarded_for="203.0.113.9")
    assert client.me()["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(serve, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert Client(serve(echo)).me()["call"] == "GET /api/v1/me"


@pytest.mark.parametrize("key", ["", " padded", "two\nlines", "schlüssel"])
def test_an_unusable_key_is_refused_without_showing_it(key):
    with pytest.raises(errors.ConfigurationError) as caught:
        Client(api_key=key)
    assert "api_key" in str(caught.value)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["", "worker:8080", "ftp://worker", "http://", "http://a b", "http://w/?x=1", "http://w:99999", "http://[::1"],
)
def test_an_unusable_url_is_refused_with_an_example(url):
    with pytest.raises(errors.ConfigurationError, match=r"^url: .*http://127\.0\.0\.1:3000"):
        Client(url)


def test_a_password_in_the_url_is_refused_without_showing_it():
    with pytest.raises(errors.ConfigurationError) as caught:
        Client("http://me:secret@worker")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://w:8080/", "http://w:8080"),
        ("http://w/api/v1/", "http://w"),
        (" https://w/sub ", "https://w/sub"),
    ],
)
def test_a_url_may_be_written_in_several_ways(given, url):
    assert Client(given).url == url


def test_a_path_in_front_is_kept(serve):
    assert Client(serve(echo) + "/sub").me()["call"] == "GET /sub/api/v1/me"
