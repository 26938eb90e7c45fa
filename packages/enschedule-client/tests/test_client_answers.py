"""How the client reads what comes back: problems, strangers' answers, and nothing at all."""

from __future__ import annotations

import json
import socket

import pytest

from enschedule_client import Client
from enschedule_core import errors

PROBLEM = "application/problem+json"


def answering(status, content_type, body, **headers):
    def app(_environ, start_response):
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body))), *named])
        return [body]

    return app


@pytest.mark.parametrize(
    "raised",
    [
        errors.Unauthenticated(),
        errors.NotFound("There is no schedule “x”.", hint="See /schedules."),
        errors.Conflict("It is running."),
        errors.StaleRevision(extra={"current": {"revision": 4}}),
        errors.InvalidTrigger("No.", errors=[errors.FieldError("schedule", "what?", 3, 7, "every day")]),
        errors.TooLarge(),
        errors.Unavailable("busy"),
    ],
    ids=lambda error: error.code,
)
def test_a_problem_comes_back_as_the_class_that_was_raised(client_of, raised):
    body = json.dumps(raised.problem()).encode()
    client = client_of(answering(f"{raised.status} Refused", PROBLEM, body))
    with pytest.raises(errors.EnscheduleError) as caught:
        client.schedules.get("x")
    assert type(caught.value) is type(raised)
    assert caught.value.problem() == raised.problem()


@pytest.mark.parametrize("raised", [errors.NotFound("gone"), errors.Forbidden()], ids=["404", "403"])
def test_refusals_of_texts_and_deletes_come_back_too(client_of, raised):
    client = client_of(answering(f"{raised.status} Refused", PROBLEM, json.dumps(raised.problem()).encode()))
    with pytest.raises(type(raised)):
        client.runs.text(1)
    with pytest.raises(type(raised)):
        client.runs.delete(1)


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        ("200 OK", "text/html", b"<h1>Welcome to nginx</h1>", errors.WorkerUnreachable),
        ("200 OK", "application/json", b"{broken", errors.WorkerUnreachable),
        ("200 OK", "application/json", b'"\xff"', errors.WorkerUnreachable),
        ("200 OK", "application/json", b"[" * 100_000, errors.WorkerUnreachable),
        ("502 Bad Gateway", "text/html", b"<h1>Bad Gateway</h1>", errors.WorkerUnreachable),
        ("404 Not Found", "text/html", b"<h1>Nope</h1>", errors.NotFound),
        ("401 Unauthorized", "text/plain", b"proxy says no", errors.Unauthenticated),
        ("500 Oops", "application/json", b'{"title": "x", "errors": "text", "hint": [1]}', errors.EnscheduleError),
        ("500 Oops", "application/json", b'["not a problem"]', errors.EnscheduleError),
    ],
)
def test_an_answer_that_is_not_a_workers_is_described(client_of, status, kind, body, expected):
    client = client_of(answering(status, kind, body))
    with pytest.raises(errors.EnscheduleError) as caught:
        client.me()
    assert type(caught.value) is expected
    if kind != "application/json":
        assert client.url in caught.value.detail
        assert status[:3] in caught.value.detail


def test_a_redirect_is_not_followed(client_of):
    client = client_of(answering("302 Found", "text/html", b"", Location="http://elsewhere.test/"), api_key="k")
    with pytest.raises(errors.WorkerUnreachable, match=r"elsewhere\.test"):
        client.me()


def test_a_worker_that_is_not_ready_is_an_answer(client_of):
    body = {"status": "not_ready", "checks": [{"name": "database", "ok": False, "detail": "locked"}]}
    client = client_of(answering("503 Not Ready", "application/json", json.dumps(body).encode(), Retry_After="1"))
    assert client.ready() == body


def test_text_is_read_as_utf8(client_of):
    client = client_of(answering("200 OK", "text/plain; charset=utf-8", "åäö\n✓".encode()))
    assert client.runs.text(1) == "åäö\n✓"


# Nobody there


def test_a_refused_connection_names_the_address():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: refuses
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(errors.WorkerUnreachable) as caught:
            Client(url).schedules.create({})
    assert caught.value.detail.startswith(f"{url} does not answer: ")
    assert caught.value.extra["url"] == url


def test_silence_ends_at_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(errors.WorkerUnreachable, match=r"did not answer within 0\.05 s"):
            Client(url, timeout_seconds=0.05).me()
