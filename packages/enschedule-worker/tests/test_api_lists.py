"""What lists are narrowed by, counted by, and made whole again with."""

from __future__ import annotations

from typing import Any

import pytest

LOG: dict[str, Any] = {"handler": "log-job", "data": {"message": "x"}, "schedule": "every hour", "timezone": "UTC"}


def ids(page: dict[str, Any]) -> list[Any]:
    return [one["id"] for one in page["items"]]


@pytest.fixture
def shop(api: Any) -> Any:
    """Three schedules: one bound to a worker, two with tags, one in a group."""
    api.ok("POST", "groups", {"id": "finance", "title": "Finance"})
    api.ok("PUT", "schedules/bound", {**LOG, "worker": {"id": "test-worker"}, "tags": ["a"]})
    api.ok("PUT", "schedules/owned", {**LOG, "group": "finance", "tags": ["a", "b"]})
    api.ok("PUT", "schedules/plain", LOG)
    return api


def test_schedules_are_found_by_the_worker_they_are_bound_to_and_by_group(shop: Any) -> None:
    assert ids(shop.ok("GET", "schedules?worker=test-worker")) == ["bound"]
    assert ids(shop.ok("GET", "schedules?group=finance")) == ["owned"]
    assert ids(shop.ok("GET", "schedules?group=nobody")) == []
    body = {"action": "pause", "filter": {"group": "finance"}}
    assert [one["id"] for one in shop.ok("POST", "schedules/actions", body, status=200)["done"]] == ["owned"]


def test_counts_are_of_those_that_match(shop: Any) -> None:
    shop.ok("POST", "schedules/owned/pause")
    assert shop.ok("GET", "stats/schedules")["total"] == 3
    found = shop.ok("GET", "stats/schedules?tag=a")
    assert (found["total"], found["paused"]) == (2, 1)
    assert shop.ok("GET", "stats/schedules?tag=a&paused=false")["total"] == 1
    assert shop.ok("GET", "stats/schedules?q=plain&status=failing")["total"] == 0
    assert shop.field("GET", "stats/schedules?limit=1")["field"] == "limit"


def test_tags_are_listed_by_how_many_have_them(shop: Any) -> None:
    assert shop.ok("GET", "tags")["items"] == [{"tag": "a", "schedules": 2}, {"tag": "b", "schedules": 1}]
    assert shop.ok("GET", "tags?limit=1")["items"] == [{"tag": "a", "schedules": 2}]
    shop.ok("DELETE", "schedules/owned")
    assert shop.ok("GET", "tags")["items"] == [{"tag": "a", "schedules": 1}]


def test_runs_are_found_by_group_and_counted(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        shop.ok("POST", "schedules/owned/runs")
    shop.ok("POST", "schedules/plain/runs")
    assert ids(shop.ok("GET", "runs?group=finance")) == [3, 2, 1]
    assert shop.ok("GET", "runs/count?group=finance") == {"count": 3, "is_more": False}
    assert shop.ok("GET", "runs/count?schedule=plain&q=plain") == {"count": 1, "is_more": False}
    assert shop.ok("GET", "runs/count?schedule=nobody") == {"count": 0, "is_more": False}
    monkeypatch.setattr("enschedule_worker.service.runs.COUNTED_MOST", 2)
    assert shop.ok("GET", "runs/count") == {"count": 2, "is_more": True}


def test_many_that_were_deleted_are_brought_back_by_id(shop: Any) -> None:
    names = ["bound", "plain"]
    shop.ok("POST", "schedules/actions", {"action": "delete", "ids": names}, status=200)
    assert ids(shop.ok("GET", "schedules")) == ["owned"]
    answer = shop.ok("POST", "schedules/actions", {"action": "restore", "ids": [*names, "owned", "nobody"]}, status=200)
    assert [one["id"] for one in answer["done"]] == names
    assert [(one["id"], one["code"]) for one in answer["failed"]] == [("owned", "conflict"), ("nobody", "not_found")]
    assert sorted(ids(shop.ok("GET", "schedules"))) == ["bound", "owned", "plain"]
    refused = shop.field("POST", "schedules/actions", {"action": "restore", "filter": {}})
    assert refused == {"field": "filter", "message": "What is deleted is in no list: name ids."}


def test_what_was_deleted_says_so_and_what_never_was_does_not(shop: Any, clock: Any) -> None:
    shop.ok("DELETE", "schedules/plain")
    problem = shop.refused(404, "GET", "schedules/plain")
    assert (problem["detail"], problem["deleted_at"]) == ("The schedule plain was deleted.", "2026-11-24T12:00:00Z")
    assert "deleted_at" not in shop.refused(404, "GET", "schedules/plai")
    clock.advance(seconds=8 * 86_400)
    assert "deleted_at" not in shop.refused(404, "GET", "schedules/plain")


def test_the_slots_that_a_pause_has_cost_are_counted(shop: Any, clock: Any) -> None:
    assert shop.ok("GET", "schedules/plain/diagnosis")["missed_slots"] == 0
    shop.ok("POST", "schedules/plain/pause")
    clock.advance(seconds=5 * 3600)
    assert shop.ok("GET", "schedules/plain/diagnosis")["missed_slots"] == 5
    shop.ok("POST", "schedules/plain/resume")
    assert shop.ok("GET", "schedules/plain/diagnosis")["missed_slots"] == 0
