"""One thing done to many schedules or runs: by id and by filter, in pieces, each refused or done by itself."""

from __future__ import annotations

from typing import Any

import pytest

from enschedule_core.actor import Actor, ActorKind, Permission
from enschedule_core.errors import Forbidden, Unavailable
from enschedule_core.run import RunStatus
from enschedule_core.wire.actions import ScheduleAction
from enschedule_worker.service import actions, runs

LOG = {"handler": "log-job", "data": {"message": "x"}, "schedule": "every hour"}


def make(api: Any, count: int, **more: Any) -> list[str]:
    names = [f"s{number:03}" for number in range(count)]
    for name in names:
        api.ok("PUT", f"schedules/{name}", {**LOG, **more})
    return names


def act(api: Any, what: str, body: dict[str, Any], **options: Any) -> Any:
    return api.ok("POST", f"{what}/actions", body, status=200, **options)


def done(answer: Any) -> list[Any]:
    return [one["id"] for one in answer["done"]]


def test_schedules_are_paused_and_resumed_by_id_and_what_is_missing_is_said(api: Any) -> None:
    a, b = make(api, 2)
    body = {"action": "pause", "ids": [b, "nobody", a, b], "reason": "move", "until": "2026-11-25T00:00:00Z"}
    answer = act(api, "schedules", body)
    assert (done(answer), answer["next_cursor"]) == ([b, a, b], None)
    (failed,) = answer["failed"]
    assert (failed["id"], failed["code"]) == ("nobody", "not_found")
    paused = api.ok("GET", f"schedules/{a}")
    assert (paused["status"], paused["pause"]["reason"], paused["pause"]["until"]) == (
        "paused",
        "move",
        "2026-11-25T00:00:00Z",
    )
    assert done(act(api, "schedules", {"action": "resume", "filter": {"paused": True}})) == [a, b]
    assert api.ok("GET", "schedules?paused=true")["items"] == []


def test_a_filter_chooses_as_the_list_does(api: Any) -> None:
    make(api, 3, tags=["night"])
    api.ok("PUT", "schedules/other", LOG)
    answer = act(api, "schedules", {"action": "delete", "filter": {"tag": "night", "q": "s00"}})
    assert done(answer) == ["s000", "s001", "s002"]
    assert [one["id"] for one in api.ok("GET", "schedules")["items"]] == ["other"]
    assert api.ok("POST", "schedules/s001/restore")["id"] == "s001"
    assert done(act(api, "schedules", {"action": "pause", "filter": {}})) == ["s001", "other"]


def test_a_run_of_many_gives_the_run_of_each_and_the_same_for_one_key(api: Any) -> None:
    names = make(api, 2)
    body = {"action": "run", "ids": names}
    first = act(api, "schedules", body, headers={"Idempotency-Key": "k"})
    assert [api.ok("GET", f"runs/{one['run_id']}")["schedule"]["id"] for one in first["done"]] == names
    assert act(api, "schedules", body, headers={"Idempotency-Key": "k"}) == first
    assert act(api, "schedules", body)["done"] != first["done"]
    assert len(api.ok("GET", "runs")["items"]) == 4


def test_runs_are_cancelled_retried_and_deleted(api: Any, stage: Any) -> None:
    (name,) = make(api, 1)
    for _ in range(3):
        api.ok("POST", f"schedules/{name}/runs")
    cancelled = act(api, "runs", {"action": "cancel", "filter": {"schedule": name, "status": "queued"}})
    assert done(cancelled) == [3, 2, 1]
    refused = act(api, "runs", {"action": "cancel", "ids": [1, 99]})
    assert [(one["id"], one["code"]) for one in refused["failed"]] == [(1, "conflict"), (99, "not_found")]
    retried = act(api, "runs", {"action": "retry", "filter": {"status": "cancelled"}})
    assert [(one["id"], one["run_id"]) for one in retried["done"]] == [(3, 4), (2, 5), (1, 6)]
    assert api.ok("GET", "runs/4")["retry_of"] == 3
    deleted = act(api, "runs", {"action": "delete", "filter": {}})
    assert done(deleted) == [3, 2, 1]
    assert {one["code"] for one in deleted["failed"]} == {"conflict"}
    assert [run["id"] for run in api.ok("GET", "runs")["items"]] == [6, 5, 4]


def test_a_retry_takes_the_data_of_today(api: Any, stage: Any) -> None:
    (name,) = make(api, 1)
    api.ok("POST", f"schedules/{name}/runs")
    (run,) = stage.claim()
    stage.finish(run, RunStatus.FAILED)
    api.ok("PATCH", f"schedules/{name}", {"data": {"message": "new"}})
    ids = [
        act(api, "runs", {"action": "retry", "ids": [run.id], **more})["done"][0]["run_id"]
        for more in ({}, {"data": "then"}, {"data": "today"})
    ]
    assert [api.ok("GET", f"runs/{id}")["data"]["message"] for id in ids] == ["x", "x", "new"]


@pytest.mark.parametrize("by", ["ids", "filter"])
def test_a_request_stops_at_its_most_and_the_cursor_goes_on(api: Any, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "PIECE", 3)
    monkeypatch.setattr(actions, "AT_ONCE", 6)
    names = make(api, 13)
    body = {"action": "pause", **({"ids": names} if by == "ids" else {"filter": {"paused": False}})}
    seen, cursor = [], None
    for expected in (6, 6, 1):
        answer = act(api, "schedules", body if cursor is None else {**body, "cursor": cursor})
        assert len(answer["done"]) == expected
        seen += done(answer)
        cursor = answer["next_cursor"]
    assert (seen, cursor) == (names, None)


def test_a_request_that_takes_long_stops_between_two_transactions(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "PIECE", 2)
    monkeypatch.setattr(actions, "LONGEST_SECONDS", 0.0)
    names = make(api, 3)
    answer = act(api, "schedules", {"action": "pause", "ids": names})
    assert done(answer) == names[:2]
    rest = act(api, "schedules", {"action": "pause", "ids": names, "cursor": answer["next_cursor"]})
    assert (done(rest), rest["next_cursor"]) == (names[2:], None)


def test_what_was_done_is_said_when_the_database_goes_away(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "PIECE", 2)
    names, seen = make(api, 4), []

    def each(tx: Any, ids: Any, do: Any) -> Any:
        seen.append(list(ids))
        if len(seen) == 2:
            raise Unavailable
        return original(tx, ids, do)

    original = actions._each
    monkeypatch.setattr(actions, "_each", each)
    answer = act(api, "schedules", {"action": "pause", "ids": names})
    assert done(answer) == names[:2]
    assert done(act(api, "schedules", {"action": "pause", "ids": names, "cursor": answer["next_cursor"]})) == names[2:]


def test_a_cursor_is_good_for_the_same_action_only(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "PIECE", 1)
    monkeypatch.setattr(actions, "AT_ONCE", 1)
    make(api, 2)
    cursor = act(api, "schedules", {"action": "pause", "filter": {}})["next_cursor"]
    other = {"action": "delete", "filter": {}, "cursor": cursor}
    assert api.field("POST", "schedules/actions", other)["field"] == "cursor"
    assert len(api.ok("GET", "schedules")["items"]) == 2


def test_nothing_starts_while_everything_is_paused(api: Any) -> None:
    names = make(api, 1)
    api.ok("POST", f"schedules/{names[0]}/runs")
    act(api, "runs", {"action": "cancel", "ids": [1]})
    api.ok("PUT", "pause", {"paused": True})
    for what, body in (("schedules", {"action": "run", "ids": names}), ("runs", {"action": "retry", "ids": [1]})):
        assert "Everything is paused" in api.refused(409, "POST", f"{what}/actions", body)["detail"]
    assert done(act(api, "schedules", {"action": "pause", "ids": names})) == names


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("schedules", {}, "action"),
        ("schedules", {"action": "fly", "ids": ["a"]}, "action"),
        ("schedules", {"action": "run"}, "ids"),
        ("schedules", {"action": "run", "ids": []}, "ids"),
        ("schedules", {"action": "run", "ids": ["a"] * 1001}, "ids"),
        ("schedules", {"action": "run", "ids": ["a"], "filter": {}}, "ids"),
        ("schedules", {"action": "run", "ids": ["Not an id"]}, "ids.0"),
        ("schedules", {"action": "run", "filter": {"colour": "red"}}, "filter.colour"),
        ("schedules", {"action": "run", "filter": {"status": "odd"}}, "filter.status"),
        ("schedules", {"action": "run", "filter": {"paused": "true"}}, "filter.paused"),
        ("schedules", {"action": "run", "filter": {"tag": 5}}, "filter.tag"),
        ("schedules", {"action": "run", "ids": ["a"], "missed": "all"}, "missed"),
        ("schedules", {"action": "resume", "ids": ["a"], "reason": "x"}, "reason"),
        ("schedules", {"action": "pause", "ids": ["a"], "until": "2026-11-24T11:00:00Z"}, "until"),
        ("schedules", {"action": "pause", "ids": ["a"], "cursor": "x"}, "cursor"),
        ("runs", {"action": "pause", "ids": [1]}, "action"),
        ("runs", {"action": "cancel", "ids": ["1"]}, "ids.0"),
        ("runs", {"action": "cancel", "ids": [2**63]}, "ids.0"),
        ("runs", {"action": "cancel", "ids": [1], "data": "then"}, "data"),
        ("runs", {"action": "cancel", "filter": {"from": "yesterday"}}, "filter.from"),
    ],
)
def test_a_wrong_action_is_refused_at_its_field(api: Any, what: str, body: dict[str, Any], field: str) -> None:
    assert api.field("POST", f"{what}/actions", body)["field"] == field


def test_deleting_needs_more_than_operating(database: Any) -> None:
    operator = Actor(ActorKind.SESSION, "bob", frozenset({Permission.READ, Permission.OPERATE}))
    chosen = actions.Chosen(["a"])
    for action, refused in ((ScheduleAction.PAUSE, False), (ScheduleAction.DELETE, True)):
        try:
            actions.on_schedules(database, operator, action, chosen, actions.Wish())
        except Forbidden:
            assert refused, action
        else:
            assert not refused, action


def test_one_that_is_refused_half_way_leaves_nothing_behind(
    api: Any, database: Any, actor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = make(api, 2)
    original = runs.run_row

    def run_row(tx: Any, actor: Any, row: Any, *more: Any) -> Any:
        found = original(tx, actor, row, *more)
        if row.id == names[0]:
            raise Forbidden("not this one")
        return found

    monkeypatch.setattr(runs, "run_row", run_row)
    result = actions.on_schedules(database, actor, ScheduleAction.RUN, actions.Chosen(names), actions.Wish())
    assert [one["id"] for one in result.done] == [names[1]]
    assert [run["schedule"]["id"] for run in api.ok("GET", "runs")["items"]] == [names[1]]
    assert api.ok("GET", f"schedules/{names[0]}")["open_runs"] == 0


def test_the_id_of_the_route_is_nobodys(api: Any) -> None:
    response = api.ask("GET", "schedules/actions")
    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")
    assert api.field("POST", "schedules", {**LOG, "id": "actions"})["field"] == "id"


class TestSeenPauses:
    """``pause_at``: who takes a pause back, or pauses again, does it to what they have seen."""

    def test_one_schedule(self, api: Any, hourly: Any) -> None:
        began = api.ok("POST", "schedules/hourly/pause", {"reason": "move", "pause_at": None})["pause"]["at"]
        again = api.refused(412, "POST", "schedules/hourly/pause", {"reason": "other", "pause_at": None})
        assert again["detail"] == f"hourly is paused by local since {began}: “move”."
        assert again["current"]["pause"]["reason"] == "move"
        other = "2026-11-24T11:00:00Z"
        api.refused(412, "POST", "schedules/hourly/resume", {"pause_at": other})
        assert api.ok("POST", "schedules/hourly/resume", {"pause_at": began})["paused"] is False
        gone = api.refused(412, "POST", "schedules/hourly/resume", {"pause_at": began})
        assert gone["detail"] == "hourly is not paused any more."
        assert api.field("POST", "schedules/hourly/resume", {"pause_at": "today"})["field"] == "pause_at"

    def test_many_say_what_there_was_before_and_are_refused_one_by_one(self, api: Any, hourly: Any) -> None:
        api.ok("PUT", "schedules/daily", {"handler": "echo", "schedule": "every day at 2 am"})
        api.ok("POST", "schedules/daily/pause", {"reason": "theirs"})
        both = {"action": "pause", "ids": ["hourly", "daily"], "reason": "mine"}
        only = api.ok("POST", "schedules/actions", both | {"pause_at": []})
        assert [one["id"] for one in only["done"]] == ["hourly"]
        assert [(one["id"], one["code"]) for one in only["failed"]] == [("daily", "stale_revision")]
        assert (only["done"][0]["pause_before"], only["done"][0]["pause"]["reason"]) == (None, "mine")
        began = only["done"][0]["pause"]["at"]
        assert began == api.ok("GET", "schedules/hourly")["pause"]["at"]
        theirs = api.ok("GET", "schedules/daily")["pause"]
        kept = api.ok("POST", "schedules/actions", both)["done"][1]
        assert (kept["pause_before"], kept["pause"]) == (theirs, theirs)
        assert api.ok("GET", "schedules/daily")["pause"] == theirs
        replaced = api.ok("POST", "schedules/actions", both | {"ids": ["daily"], "pause_at": [theirs["at"]]})["done"]
        assert (replaced[0]["pause_before"], replaced[0]["pause"]["reason"]) == (theirs, "mine")
        resume = {"action": "resume", "ids": ["hourly", "daily"], "pause_at": ["2026-11-24T11:00:00Z"]}
        assert api.ok("POST", "schedules/actions", resume)["done"] == []
        found = api.ok("POST", "schedules/actions", resume | {"pause_at": [began]})["done"]
        assert [(one["pause_before"]["reason"], one["pause"]) for one in found] == [("mine", None)] * 2
        assert api.field("POST", "schedules/actions", {"action": "run", "ids": ["daily"], "pause_at": []})
