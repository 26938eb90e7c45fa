"""Runs over REST: run now, lists, attempts, cancel, again, delete, output."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from enschedule_core.run import RunStatus
from enschedule_worker.api import streaming


def test_run_now_takes_other_data_and_leaves_the_slot_alone(api: Any, hourly: Any) -> None:
    response = api.ask("POST", "schedules/hourly/runs", {"data": {"message": "other"}})
    assert response.status_code == 202
    run = response.get_json()
    assert response.headers["Location"] == f"/api/v1/runs/{run['id']}"
    assert (run["status"], run["slot_at"]) == ("queued", None)
    assert api.ok("GET", f"runs/{run['id']}")["data"] == {"message": "other"}
    assert run["origin"] == {"kind": "api", "actor": "local"}
    assert run["schedule"] == {"id": "hourly", "title": "hourly"}
    after = api.ok("GET", "schedules/hourly")
    assert (after["due_at"], after["open_runs"], after["data"]) == (hourly["due_at"], 1, {"message": "tick"})


def test_run_now_without_a_body_uses_the_schedules_data_even_when_paused(api: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/pause")
    run = api.ok("POST", "schedules/hourly/runs", status=202)
    assert api.ok("GET", f"runs/{run['id']}")["data"] == {"message": "tick"}


def test_data_of_one_run_is_checked_like_that_of_a_schedule(api: Any, hourly: Any) -> None:
    assert api.field("POST", "schedules/hourly/runs", {"data": {}})["field"] == "data.message"
    assert api.field("POST", "schedules/hourly/runs", {"data": [1]})["field"] == "data"
    assert api.field("POST", "schedules/hourly/runs", {"dat": {}})["field"] == "dat"
    assert api.ok("GET", "runs")["items"] == []


def test_the_same_idempotency_key_is_one_run_a_schedule(api: Any, hourly: Any) -> None:
    api.ok("PUT", "schedules/other", {"handler": "echo"})
    key = {"headers": {"Idempotency-Key": "abc"}}
    first = api.ok("POST", "schedules/hourly/runs", **key)
    assert api.ok("POST", "schedules/hourly/runs", **key)["id"] == first["id"]
    assert api.ok("POST", "schedules/other/runs", **key)["id"] != first["id"]
    assert len(api.ok("GET", "runs")["items"]) == 2
    assert api.field("POST", "schedules/hourly/runs", headers={"Idempotency-Key": "a b"})["field"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("enschedule-dashboard/0.1", "manual"),
        ("enschedule-client/0.1", "manual"),
        ("enschedule-cli/0.1", "cli"),
        ("curl/8", "api"),
    ],
)
def test_a_run_says_what_made_it(api: Any, hourly: Any, program: str, kind: str) -> None:
    run = api.ok("POST", "schedules/hourly/runs", headers={"User-Agent": program})
    assert run["origin"]["kind"] == kind


def test_a_handler_runs_without_a_schedule(api: Any, stage: Any) -> None:
    run = api.ok("POST", "runs", {"handler": "echo", "data": {"a": [1, None, "ü"]}}, status=202)
    assert (run["schedule"], run["revision"], run["handler"]) == (None, None, {"id": "echo", "version": 1})
    stage.finish(*stage.claim(), result='{"a":1}')
    done = api.ok("GET", f"runs/{run['id']}")
    assert (done["data"], done["result"], done["duration_seconds"]) == ({"a": [1, None, "ü"]}, {"a": 1}, 2.0)
    assert api.field("POST", "runs", {"handler": "log-job", "data": {}})["field"] == "data.message"
    assert api.field("POST", "runs", {"data": {}})["field"] == "handler"
    assert api.refused(422, "POST", "runs", {"handler": "nope"})["code"] == "unknown_handler"


def test_a_failed_run_shows_its_attempts_and_when_the_next_one_starts(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("PATCH", "schedules/hourly", {"retry": {"max_attempts": 2, "delay_seconds": 30}})
    api.ok("POST", "schedules/hourly/runs")
    stage.finish(*stage.claim(), RunStatus.FAILED)
    first = api.ok("GET", "runs/1")
    assert first["outcome"]["message"] == "ValueError: no"
    assert first["outcome"]["traceback"].startswith("Traceback")
    assert [one["status"] for one in first["attempts"]] == ["failed", "queued"]
    assert first["retry_at"] == first["attempts"][1]["not_before"] == "2026-11-24T12:00:32Z"
    schedule = api.ok("GET", "schedules/hourly")
    assert (schedule["status"], schedule["retry_at"]) == ("retrying", "2026-11-24T12:00:32Z")
    assert "traceback" not in api.ok("GET", "runs")["items"][-1]["outcome"]
    assert "data" not in api.ok("GET", "runs")["items"][-1]


def test_failing_goes_by_the_last_chain_also_while_it_runs_again(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    stage.finish(*stage.claim(), RunStatus.FAILED)
    failing = api.ok("GET", "schedules/hourly")
    assert (failing["status"], failing["failures_in_row"], failing["last_run"]["message"]) == (
        "failing",
        1,
        "ValueError: no",
    )
    api.ok("POST", "schedules/hourly/runs")
    (running,) = stage.claim()
    again = api.ok("GET", "schedules?status=failing")["items"][0]
    assert (again["status"], again["failing_since"]) == ("running", failing["failing_since"])
    stage.finish(running)
    well = api.ok("GET", "schedules/hourly")
    assert (well["status"], well["failing_since"], well["last_status"]) == ("scheduled", None, "succeeded")
    assert [place["status"] for place in well["recent"]] == ["failed", "succeeded"]
    assert well["usual_seconds"] == 2.0


def test_cancel_is_at_once_while_queued_a_request_while_running_and_a_conflict_after(
    api: Any, stage: Any, hourly: Any
) -> None:
    api.ok("POST", "schedules/hourly/runs")
    assert api.ok("POST", "runs/1/cancel", status=202)["status"] == "cancelled"
    problem = api.refused(409, "POST", "runs/1/cancel")
    assert "ended already" in problem["detail"]
    api.ok("POST", "schedules/hourly/runs")
    stage.claim()
    asked = api.ok("POST", "runs/2/cancel")
    assert (asked["status"], asked["cancel_requested"]) == ("running", True)


def test_a_run_is_run_again_as_then_or_with_the_data_of_today(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs", {"data": {"message": "then"}})
    api.refused(409, "POST", "runs/1/retry")
    stage.finish(*stage.claim())
    api.ok("PATCH", "schedules/hourly", {"data": {"message": "today"}})
    response = api.ask("POST", "runs/1/retry")
    assert (response.status_code, response.headers["Location"]) == (202, "/api/v1/runs/2")
    again = response.get_json()
    assert (again["retry_of"], again["attempt"]) == (1, 1)
    assert api.ok("GET", "runs/2")["data"] == {"message": "then"}
    assert api.ok("POST", "runs/1/retry", {"data": "today"})["id"] == 3
    assert api.ok("GET", "runs/3")["data"] == {"message": "today"}
    key = {"headers": {"Idempotency-Key": "k"}}
    assert api.ok("POST", "runs/1/retry", **key)["id"] == api.ok("POST", "runs/1/retry", **key)["id"]


def test_only_runs_that_have_ended_are_deleted_with_their_output(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    api.refused(409, "DELETE", "runs/1")
    (run,) = stage.claim()
    stage.print(1, "x\n")
    stage.finish(run)
    assert api.ask("DELETE", "runs/1").status_code == 204
    for path in ("runs/1", "runs/1/output"):
        api.refused(404, "GET", path)


def test_lists_of_runs_are_newest_first_paged_and_filtered(api: Any, stage: Any, hourly: Any, clock: Any) -> None:
    for _ in range(3):
        api.ok("POST", "schedules/hourly/runs")
        clock.advance(seconds=60)
    api.ok("POST", "runs", {"handler": "echo"})
    run, *_ = stage.claim()
    stage.finish(run, RunStatus.FAILED)

    def ids(query: str = "") -> list[int]:
        return [one["id"] for one in api.ok("GET", f"runs?{query}")["items"]]

    assert ids() == [4, 3, 2, 1]
    page = api.ok("GET", "runs?limit=3")
    assert ids(f"limit=3&cursor={page['next_cursor']}") == [1]
    assert ids("status=failed") == [run.id]
    assert set(ids("status=failed,running")) == set(ids("status=failed&status=running")) == {1, 2, 3, 4}
    assert ids("schedule=hourly") == [3, 2, 1]
    assert ids("schedule=none") == []
    assert ids("handler=echo@1") == [4]
    assert ids("worker=web-1") == ids("worker=i1") == [4, 3, 2, 1]
    assert ids("worker=web-2") == []
    assert ids("q=valueerror") == [run.id]
    assert ids("from=2026-11-24T12:01:00Z&to=2026-11-24T12:02:00Z") == [2]
    assert api.field("GET", "runs?from=yesterday")["field"] == "from"
    assert "offset" in api.field("GET", "runs?to=2026-11-24T12:00:00")["message"]
    assert api.field("GET", "runs?since=2026-11-24T12:01:00Z")["field"] == "since"


def test_output_is_read_by_a_cursor(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    assert api.ok("GET", "runs/1/output") == {
        "items": [],
        "next_after": 0,
        "complete": False,
        "fence": 0,
        "status": "queued",
        "truncated": False,
    }
    (run,) = stage.claim()
    stage.print(1, "one\n", "two\n")
    stage.print(1, "oops\n", stream="stderr", first=3)
    stage.print(1, "of a lost attempt", fence=0)
    page = api.ok("GET", "runs/1/output")
    assert [(one["seq"], one["stream"], one["text"]) for one in page["items"]] == [
        (1, "stdout", "one\n"),
        (2, "stdout", "two\n"),
        (3, "stderr", "oops\n"),
    ]
    assert (page["next_after"], page["complete"], page["fence"]) == (3, False, 1)
    assert [one["seq"] for one in api.ok("GET", "runs/1/output?after=2")["items"]] == [3]
    assert [one["seq"] for one in api.ok("GET", "runs/1/output?stream=stdout")["items"]] == [1, 2]
    stage.finish(run, output_truncated=True)
    last = api.ok("GET", "runs/1/output?after=3&wait=20")  # complete: it does not wait
    assert (last["items"], last["complete"], last["status"], last["truncated"]) == ([], True, "succeeded", True)
    for query, field in (("after=-1", "after"), ("wait=21", "wait"), ("wait=nan", "wait"), ("stream=x", "stream")):
        assert api.field("GET", f"runs/1/output?{query}")["field"] == field


def test_output_waits_until_there_is_some(api: Any, stage: Any, hourly: Any, database: Any) -> None:
    """The answer comes with the chunk, long before the wait is over; the waiting one blocks no writer."""
    api.ok("POST", "schedules/hourly/runs")
    stage.claim()
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(api.app.test_client().get("/api/v1/runs/1/output?wait=20")))
    asking.start()
    asking.join(0.3)
    assert asking.is_alive()
    stage.print(1, "late\n")
    asking.join(18)
    assert [one["text"] for one in answers[0].get_json()["items"]] == ["late\n"]


def test_output_is_kept_as_a_file(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    (run,) = stage.claim()
    texts = [f"line {number}\n" for number in range(1203)]
    stage.print(1, *texts)
    stage.print(1, "<script>\n", stream="stderr", first=2000)
    stage.finish(run)
    response = api.ask("GET", "runs/1/output", headers={"Accept": "text/plain"})
    assert response.get_data(as_text=True) == "".join(texts) + "<script>\n"
    assert response.content_type.startswith("text/plain")
    assert response.headers["Content-Disposition"] == 'attachment; filename="run-1.output.txt"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    errors = api.ask("GET", "runs/1/output?stream=stderr", headers={"Accept": "text/plain"})
    assert errors.get_data(as_text=True) == "<script>\n"
    assert api.ask("GET", "runs/9/output", headers={"Accept": "text/plain"}).status_code == 404


# ---------------------------------------------------------------- streams


def events(text: str) -> list[tuple[str, str, Any]]:
    """Return (id, event, data) of each event."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
    return found


STREAM = {"Accept": "text/event-stream"}


def test_output_is_streamed_as_events_with_ids_to_the_end(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    (run,) = stage.claim()
    stage.print(1, "one\n", "two\r\nof it\n\n", "three\n")
    stage.finish(run)
    response = api.ask("GET", "runs/1/output", headers=STREAM)
    assert response.mimetype == "text/event-stream"
    found = events(response.get_data(as_text=True))
    assert [(number, kind) for number, kind, _ in found] == [
        ("1", "chunk"),
        ("2", "chunk"),
        ("3", "chunk"),
        ("", "end"),
    ]
    assert [data["text"] for _, kind, data in found if kind == "chunk"] == ["one\n", "two\r\nof it\n\n", "three\n"]
    assert found[-1][2] == {"status": "succeeded", "truncated": False}
    again = api.ask("GET", "runs/1/output", headers={**STREAM, "Last-Event-ID": "2"})
    assert [number for number, _, _ in events(again.get_data(as_text=True))] == ["3", ""]
    assert api.ask("GET", "runs/1/output", headers={**STREAM, "Last-Event-ID": "3"}).status_code == 204
    assert api.refused(404, "GET", "runs/9/output", headers=STREAM)["code"] == "not_found"
    assert api.field("GET", "runs/1/output", headers={**STREAM, "Last-Event-ID": "x"})["field"] == "Last-Event-ID"


def test_a_stream_brings_what_is_printed_while_it_goes_on(api: Any, stage: Any, hourly: Any) -> None:
    api.ok("POST", "schedules/hourly/runs")
    (run,) = stage.claim()
    response = api.client.get("/api/v1/runs/1/output", headers=STREAM, buffered=False)
    pieces = iter(response.response)
    assert next(pieces).startswith((b":", ":"))
    stage.print(1, "now\n")
    seen = next(pieces)
    assert "now" in (seen.decode() if isinstance(seen, bytes) else seen)
    stage.finish(run)
    assert any("event: end" in (piece.decode() if isinstance(piece, bytes) else piece) for piece in pieces)
    response.close()


def test_no_more_streams_than_places_and_each_gives_its_place_back(
    api: Any, stage: Any, hourly: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "_places", threading.BoundedSemaphore(1))
    api.ok("POST", "schedules/hourly/runs")
    stage.claim()
    open_one = api.client.get("/api/v1/runs/1/output", headers=STREAM, buffered=False)
    assert api.refused(503, "GET", "runs/1/output", headers=STREAM)["hint"] == "Ask with wait=20 instead."
    open_one.close()
    api.client.get("/api/v1/runs/1/output", headers=STREAM, buffered=False).close()
