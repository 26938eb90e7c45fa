"""When the client asks again: after failures where it does no harm, and for the next page."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from enschedule_client import Client
from enschedule_client.call import Caller
from enschedule_client.runs import Runs
from enschedule_client.schedules import Schedules
from enschedule_client.system import EverythingPaused, Triggers, Views
from enschedule_core import errors

PROBLEM = "application/problem+json"


class Script(httpx.BaseTransport):
    """Plays answers and failures one after the other, and remembers what was asked."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self.requests = []

    def handle_request(self, request):
        self.requests.append(request)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step


def answered(body=None, status=200, **headers):
    kind = "application/json" if status < 400 else PROBLEM
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body if body is not None else {}, headers={"Content-Type": kind, **named})


def busy(**headers):
    return answered(errors.Unavailable().problem(), 503, **headers)


def caller_of(*steps):
    """Return a caller over a script, the script, and the list of pauses it made (in seconds)."""
    script, pauses = Script(*steps), []
    http = httpx.Client(transport=script)
    return Caller(http, "http://worker.test", headers={}, sleep=pauses.append), script, pauses


def test_waiting_for_output_is_allowed_to_take_that_long():
    caller, script, _ = caller_of(answered())
    Runs(caller).output(1, wait_seconds=20)
    assert script.requests[0].extensions["timeout"]["read"] == 30
    assert script.requests[0].extensions["timeout"]["connect"] == 10


# Asking again

REFUSED = httpx.ConnectError("refused")
BROKEN = httpx.ReadError("reset")
BUSY = {"Retry_After": "2"}


@pytest.mark.parametrize(
    ("call", "failure", "repeated"),
    [
        (lambda c: Schedules(c).get("x"), REFUSED, True),
        (lambda c: Schedules(c).get("x"), BROKEN, True),
        (lambda c: Schedules(c).get("x"), httpx.ReadTimeout("slow"), False),
        (lambda c: Schedules(c).put("x", {}), BROKEN, True),
        (lambda c: Schedules(c).put("x", {}, if_match=3), REFUSED, True),
        (lambda c: Schedules(c).put("x", {}, if_match=3), BROKEN, False),
        (lambda c: Schedules(c).delete("x"), REFUSED, True),
        (lambda c: Schedules(c).delete("x"), BROKEN, False),
        (lambda c: Schedules(c).create({}), REFUSED, False),
        (lambda c: Schedules(c).create({}), BROKEN, False),
        (lambda c: Schedules(c).patch("x", {}), BROKEN, False),
        (lambda c: Schedules(c).run("x"), BROKEN, False),
        (lambda c: Schedules(c).run("x", idempotency_key="k"), BROKEN, True),
        (lambda c: Runs(c).retry(1, idempotency_key="k"), BROKEN, True),
        (lambda c: Triggers(c).preview("hourly"), BROKEN, True),
        (lambda c: Schedules(c).actions("pause", where={}), BROKEN, True),
        (lambda c: Schedules(c).actions("pause", ids=["x"], pause_at=[]), BROKEN, False),
        (lambda c: EverythingPaused(c).begin(), BROKEN, True),
        (lambda c: EverythingPaused(c).begin(if_match=3), BROKEN, False),
        (lambda c: Schedules(c).actions("delete", where={}), REFUSED, True),
        (lambda c: Schedules(c).actions("delete", where={}), BROKEN, False),
        (lambda c: Schedules(c).actions("run", ids=["x"]), BROKEN, False),
        (lambda c: Schedules(c).actions("run", ids=["x"], idempotency_key="k"), BROKEN, True),
        (lambda c: Runs(c).actions("cancel", ids=[1]), BROKEN, False),
        (lambda c: Views(c).put([]), BROKEN, True),
        (lambda c: Schedules(c).get("x"), "busy", True),
        (lambda c: Schedules(c).delete("x"), "busy", True),
        (lambda c: Schedules(c).create({}), "busy", False),
        (lambda c: Schedules(c).run("x", idempotency_key="k"), "busy", True),
    ],
)
def test_only_what_does_no_harm_is_sent_again(call, failure, repeated):
    def fail():
        return busy(**BUSY) if failure == "busy" else failure

    caller, script, _ = caller_of(fail(), fail(), answered())
    if repeated:
        call(caller)
        assert len(script.requests) == 3
        keys = {request.headers.get("Idempotency-Key") for request in script.requests}
        assert len(keys) == 1
    else:
        with pytest.raises(errors.Unavailable):
            call(caller)
        assert len(script.requests) == 1


def test_it_gives_up_after_two_repeats():
    caller, script, pauses = caller_of(REFUSED, REFUSED, REFUSED, answered())
    with pytest.raises(errors.WorkerUnreachable):
        Schedules(caller).get("x")
    assert (len(script.requests), pauses) == (3, [0.1, 0.4])


def test_it_waits_as_long_as_it_is_asked_to():
    soon = datetime.now(UTC) + timedelta(seconds=3)
    stamp = soon.strftime("%a, %d %b %Y %H:%M:%S GMT")
    caller, _, pauses = caller_of(busy(Retry_After="2"), busy(Retry_After=stamp), answered())
    Schedules(caller).get("x")
    assert pauses[0] == 2
    assert 0.4 <= pauses[1] <= 3


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "3600"}, {"Retry_After": "later"}])
def test_a_busy_worker_is_not_asked_again_unless_it_says_soon(headers):
    caller, script, pauses = caller_of(busy(**headers))
    with pytest.raises(errors.Unavailable) as caught:
        Schedules(caller).get("x")
    assert (len(script.requests), pauses) == (1, [])
    assert caught.value.extra.get("retry_after") == headers.get("Retry_After")


def test_not_ready_is_not_asked_again():
    script = Script(httpx.Response(503, json={"status": "not_ready", "checks": []}, headers={"Retry-After": "1"}))
    assert Client(transport=script).ready()["status"] == "not_ready"
    assert len(script.requests) == 1


# Pages


def test_each_goes_through_all_pages_and_keeps_the_filter():
    pages = [answered({"items": [1, 2], "next_cursor": "c1"}), answered({"items": [], "next_cursor": "c2"})]
    caller, script, _ = caller_of(*pages, answered({"items": [3], "next_cursor": None}))
    assert list(Schedules(caller).each(q="x", limit=2)) == [1, 2, 3]
    assert [request.url.query for request in script.requests] == [
        b"q=x&limit=2",
        b"q=x&limit=2&cursor=c1",
        b"q=x&limit=2&cursor=c2",
    ]


def test_each_fetches_a_page_only_when_it_is_needed():
    caller, script, _ = caller_of(answered({"items": [1, 2], "next_cursor": "c1"}))
    runs = Runs(caller).each()
    assert script.requests == []
    assert (next(runs), next(runs), len(script.requests)) == (1, 2, 1)


def test_a_cursor_that_leads_nowhere_is_an_error():
    page = {"items": [1], "next_cursor": "same"}
    caller, _, _ = caller_of(answered(page), answered(page))
    with pytest.raises(errors.EnscheduleError, match="no end"):
        list(Runs(caller).each())


def acted(*ids, cursor=None, failed=()):
    return answered({"done": [{"id": id} for id in ids], "failed": list(failed), "next_cursor": cursor})


def test_an_action_goes_on_to_the_last_one():
    refused = {"id": "b", "code": "conflict", "detail": "No.", "hint": None}
    caller, script, _ = caller_of(acted("a", cursor="c1", failed=[refused]), acted("c"))
    found = Schedules(caller).act("pause", where={"tag": ["x", "y"], "paused": False, "q": None}, reason="move")
    assert found == {"done": [{"id": "a"}, {"id": "c"}], "failed": [refused], "next_cursor": None}
    bodies = [json.loads(request.content) for request in script.requests]
    first = {"action": "pause", "filter": {"tag": "x,y", "paused": False}, "reason": "move"}
    assert bodies == [first, first | {"cursor": "c1"}]


def test_an_action_on_more_ids_than_a_request_takes_is_several():
    caller, script, _ = caller_of(acted(1), acted(2))
    assert Runs(caller).act("delete", ids=range(1, 1_501))["done"] == [{"id": 1}, {"id": 2}]
    assert [len(json.loads(request.content)["ids"]) for request in script.requests] == [1_000, 500]


def test_an_action_that_comes_to_no_end_is_an_error():
    caller, _, _ = caller_of(acted(1, cursor="same"), acted(1, cursor="same"))
    with pytest.raises(errors.EnscheduleError, match="no end"):
        Runs(caller).act("delete", where={})
