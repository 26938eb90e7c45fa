"""What is refused, each with one problem+json that names the field and shows the way out."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

BODY: dict[str, Any] = {"handler": "log-job", "data": {"message": "hello"}, "schedule": "every day at 2 am"}


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"dat": {}}, "dat", "Did you mean data?"),
        ({"retry": {"max_attempt": 2}}, "retry.max_attempt", "Did you mean max_attempts?"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts", "from 1 to 1,000"),
        ({"retry": {"max_attempts": "2"}}, "retry.max_attempts", "whole number from 1 to 1,000"),
        ({"retry": {"jitter": 1.5}}, "retry.jitter", "from 0 to 1"),
        ({"retry": 3}, "retry", 'for example {"max_attempts": 3}'),
        ({"timeout_seconds": 0}, "timeout_seconds", "seconds"),
        ({"timeout_seconds": 10**20}, "timeout_seconds", "31,622,400"),
        ({"timeout_seconds": True}, "timeout_seconds", "number"),
        ({"overlap": "wait"}, "overlap", "skip, queue, allow, replace"),
        ({"catch_up": {"mode": "some"}}, "catch_up.mode", "latest, all, none"),
        ({"on_lost": "cry"}, "on_lost", "retry, leave"),
        ({"priority": 1001}, "priority", "from -1,000 to 1,000"),
        ({"id": "New Thing"}, "id", "check-web-shop"),
        ({"id": "new"}, "id", "reserved"),
        ({"id": "a" * 101}, "id", "1 to 100"),
        ({"id": 7}, "id", "Must be text"),
        ({"title": ""}, "title", "empty"),
        ({"title": "two\nlines"}, "title", "one line"),
        ({"title": "x" * 201}, "title", "200"),
        ({"title": "🙂" * 101}, "title", "200"),
        ({"title": "a", "name": "b"}, "name", "not both"),
        ({"tags": "shop"}, "tags", "list"),
        ({"tags": ["with space"]}, "tags.0", "1 to 50"),
        ({"tags": [str(number) for number in range(21)]}, "tags", "20"),
        ({"paused": "yes"}, "paused", "boolean"),
        ({"max_runing": 1}, "max_runing", "Unknown"),
        ({"handler": "Log Job"}, "handler", '"fetch@1"'),
        ({"handler": {"id": "log-job", "versio": 1}}, "handler.versio", "Unknown"),
        ({"handler": "log-job@99999999999"}, "handler", "handler"),
        ({"handler": None}, "handler", "null"),
        ({"data": [1]}, "data", "JSON object"),
        ({"data": {"message": 3}}, "data.message", "string"),
        ({"data": {"message": "x", "level": "loud"}}, "data.level", "info, error"),
        ({"data": {"message": "x", "address": {"number": 1}}}, "data.address.street", "required"),
        ({"data": {"message": "x", "extra": 1}}, "data.extra", "Unknown"),
        ({"handler": "echo", "data": {"n": 2**63}}, "data.n", "2^63"),
        ({"handler": "echo", "data": nested(31)}, "data" + ".a" * 30, "30 levels"),
        ({"schedule": "asdf"}, "schedule", ""),
        ({"schedule": "0 25 * * *"}, "schedule", ""),
        ({"schedule": "0 0 30 2 *"}, "schedule", "Never fires"),
        ({"schedule": "2020-01-01T00:00:00Z"}, "schedule", "past"),
        ({"schedule": 5}, "schedule", "number"),
        ({"timezone": "Europe/Stockhom"}, "timezone", "Did you mean Europe/Stockholm?"),
        ({"timezone": 5}, "timezone", 'Must be text, for example "Europe/Stockholm"'),
        ({"trigger": {"kind": "manual"}}, "trigger", "not both"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(
    api: Any, change: dict[str, Any], field: str, said: str
) -> None:
    error = api.field("POST", "schedules", {**BODY, **change})
    assert error["field"] == field
    assert said in error["message"]
    assert api.ok("GET", "schedules")["items"] == []


@pytest.mark.parametrize(
    ("trigger", "field"),
    [
        ({"kind": "cron", "expression": "61 * * * *"}, "trigger.expression"),
        ({"kind": "every", "seconds": 0}, "trigger.seconds"),
        ({"kind": "once", "at": "2020-01-01T00:00:00Z"}, "trigger.at"),
        ({"kind": "sometimes"}, "trigger.kind"),
        ({"kind": "manual", "timezone": "Mars/Olympus"}, "trigger.timezone"),
        ({"kind": "every", "seconds": 60, "second": 1}, "trigger.second"),
        ({"kind": "cron", "expression": "0 0 * * *", "ends_at": "2026-11-24T13:00:00Z"}, "trigger.ends_at"),
        ([], "trigger"),
    ],
)
def test_a_wrong_trigger_is_named_by_its_member(api: Any, trigger: Any, field: str) -> None:
    body = {"handler": "echo", "trigger": trigger}
    problem = api.refused(422, "POST", "schedules", body)
    assert (problem["code"], problem["errors"][0]["field"]) == ("invalid_trigger", field)


def test_a_mistake_in_a_phrase_is_pointed_at(api: Any) -> None:
    error = api.field("POST", "schedules", {**BODY, "schedule": "every day at 25:00"})
    assert "every day at 25:00"[error["start"] : error["end"]] == "25:00"
    assert error["suggestion"] == "every day at 23:00"


def test_all_mistakes_are_named_at_once(api: Any) -> None:
    body = {"handler": "echo", "titel": "x", "schedule": "every day at 25:00", "data": [], "priority": 10**9}
    problem = api.refused(422, "POST", "schedules", body)
    assert {error["field"] for error in problem["errors"]} == {"titel", "schedule", "data", "priority"}


def test_an_unknown_handler_is_named_with_the_nearest(api: Any) -> None:
    problem = api.refused(422, "POST", "schedules", {**BODY, "handler": "log-jobb"})
    assert (problem["code"], problem["errors"][0]["suggestion"]) == ("unknown_handler", "log-job")
    assert "log-job@1" in api.field("POST", "schedules", {**BODY, "handler": "log-job@7"})["message"]


def test_a_put_to_an_impossible_id_is_refused(api: Any) -> None:
    for path in ("schedules/Not%20An%20Id", "schedules/new", "schedules/%E2%82%AC"):
        assert api.field("PUT", path, BODY)["field"] == "id"
    assert api.field("PUT", "schedules/a", {**BODY, "id": "b"})["field"] == "id"
    api.refused(400, "GET", "schedules/a%00b")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ("nul", 400),
        (b"\xff\xfe", 400),
        ("[]", 422),
        ("null", 422),
        ('"text"', 422),
        ('{"handler": NaN}', 422),
        ('{"priority": Infinity}', 422),
        ('{"timeout_seconds": 1e400}', 422),
        ('{"priority": ' + "9" * 5000 + "}", 422),
        ('{"handler": "echo", "handler": "log-job"}', 422),
        ("[" * 100_000, 422),
        ('{"data":' * 1000 + "1" + "}" * 1000, 422),
        ('{"handler":"echo","data":' + '{"a":' * 31 + "1" + "}" * 32, 422),
        (json.dumps({"handler": "echo", "data": {"a": "x" * 2_000_000}}), 413),
    ],
)
def test_a_body_that_no_database_could_keep_is_refused_never_500(api: Any, body: Any, status: int) -> None:
    api.refused(status, "POST", "schedules", data=body, content_type="application/json")


def test_a_body_of_unknown_length_is_limited_too_and_not_cut_off(api: Any) -> None:
    environ = EnvironBuilder("/api/v1/schedules", method="POST", content_type="application/json").get_environ()
    environ |= {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    environ["wsgi.input"] = io.BytesIO(b'{"handler": "echo"}' + b" " * 4_000_000)
    environ.pop("CONTENT_LENGTH", None)
    _, status, _ = run_wsgi_app(api.app, environ)
    assert status.startswith("413")


def test_what_is_not_sent_as_json_is_refused(api: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonx"):
        api.refused(415, "POST", "schedules", data=json.dumps(BODY), content_type=kind)
    api.ok("POST", "schedules", data=json.dumps(BODY), content_type="application/json; charset=utf-8")
    api.refused(415, "POST", "schedules/x/pause", data="{}", content_type="text/plain")


def test_text_that_no_database_takes_is_escaped(api: Any) -> None:
    body = {"handler": "echo", "id": "x", "description": "a\x00b \ud800", "data": {"k\x00": "\ud800"}}
    made = api.ok("POST", "schedules", data=json.dumps(body), content_type="application/json")
    assert (made["description"], made["data"]) == ("a\\x00b \\ud800", {"k\\x00": "\\ud800"})
    assert api.ok("GET", "schedules/x")["data"] == made["data"]


@pytest.mark.parametrize("title", ["", " ", "\u00a0", "\u200b", "\u202e\u202c", "\u2800", "\u3164\u2060", "\ufeff"])
def test_a_title_that_shows_nothing_is_refused(api: Any, title: str) -> None:
    for field in ("title", "name"):
        problem = api.refused(422, "PUT", "schedules/unseen", {"handler": "echo", field: title})
        assert problem["errors"][0]["field"] == field
        assert problem["errors"][0]["message"].startswith("Must ")
    assert api.ok("PUT", "schedules/seen", {"handler": "echo", "title": f"{title}ش"})["title"].endswith("ش")


def test_titles_are_kept_exactly(api: Any) -> None:
    for number, title in enumerate(("🙂 emoji", "שלום", "Job", "job", "<b>&amp;")):
        assert api.ok("PUT", f"schedules/t{number}", {"handler": "echo", "title": title})["title"] == title
    assert [one["title"] for one in api.ok("GET", "schedules?sort=title")["items"]][:2] == ["<b>&amp;", "Job"]


def test_unknown_addresses_and_methods_are_problems_too(api: Any) -> None:
    api.refused(404, "GET", "nothing")
    api.refused(404, "GET", "runs/abc")
    response = api.ask("PUT", "runs")
    assert response.get_json()["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))
    assert api.client.get("/elsewhere").content_type == "application/problem+json"


def test_unknown_query_parameters_are_refused_on_every_route(api: Any, hourly: Any) -> None:
    """Also where there are none at all."""
    checked = 0
    for rule in api.app.url_map.iter_rules():
        path = rule.rule.removeprefix("/api/v1/")
        if not rule.rule.startswith("/api/v1/") or path.startswith(("openapi", "docs")):
            continue
        path = path.replace("<schedule_id:schedule_id>", "hourly").replace("<int:run_id>", "1")
        path = path.replace("<handler_id>", "echo").replace("<instance_id>", "i1")
        for method in set(rule.methods or ()) - {"HEAD", "OPTIONS"}:
            needed = "q=x&" if path.endswith("/matches") else ""
            assert api.field(method, f"{path}?{needed}colour=red")["field"] == "colour", (method, path)
            checked += 1
    assert checked > 30


def test_a_fault_of_ours_is_a_problem_with_a_reference_into_the_log(
    api: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise KeyError("inner detail")

    monkeypatch.setitem(api.app.view_functions, "health.get_health", broken)
    problem = api.refused(500, "GET", "healthz")
    assert "inner detail" not in json.dumps(problem)
    assert problem["reference"] in caplog.text
    assert "inner detail" in caplog.text
