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
    assert shop.ok("GET", "stats/schedules?limit=0")["failing_items"] == []
    assert shop.field("GET", "stats/schedules?limit=51")["field"] == "limit"
    assert shop.field("GET", "stats/schedules?sort=title")["field"] == "sort"


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


class TestGroups:
    """``by``: group after group, whole where it fits on a page."""

    @pytest.fixture
    def many(self, api: Any) -> Any:
        tags = {"c1": ["red"], "c2": ["blue", "red"], "c3": [], "c4": ["red"], "c5": ["blue"], "c6": ["aqua"]}
        for id, own in tags.items():
            api.ok("PUT", f"schedules/{id}", {**LOG, "tags": own})
        api.ok("PUT", "schedules/hand", {"handler": "echo", "tags": ["red"]})
        return api

    def pages(self, api: Any, query: str) -> list[list[tuple[Any, ...]]]:
        """Return the groups of every page: name, count, the ids shown, and whether it continues."""
        found, cursor = [], ""
        while True:
            page = api.ok("GET", f"schedules?{query}{cursor}")
            items = iter(ids(page))
            found.append(
                [
                    (one["name"], one["count"], [next(items) for _ in range(one["shown"])], one["continues"])
                    for one in page["groups"]
                ]
            )
            assert next(items, None) is None
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def test_a_schedule_is_under_each_of_its_tags(self, many: Any) -> None:
        (page,) = self.pages(many, "by=tag&sort=id")
        assert page == [
            ("aqua", 1, ["c6"], False),
            ("blue", 2, ["c2", "c5"], False),
            ("red", 4, ["c1", "c2", "c4", "hand"], False),
            (None, 1, ["c3"], False),
        ]

    def test_a_group_that_fits_begins_a_page_and_a_larger_one_is_continued(self, many: Any) -> None:
        assert self.pages(many, "by=tag&sort=id&limit=4") == [
            [("aqua", 1, ["c6"], False), ("blue", 2, ["c2", "c5"], False)],
            [("red", 4, ["c1", "c2", "c4", "hand"], False)],
            [(None, 1, ["c3"], False)],
        ]
        assert self.pages(many, "by=tag&sort=-id&limit=3") == [
            [("aqua", 1, ["c6"], False), ("blue", 2, ["c5", "c2"], False)],
            [("red", 4, ["hand", "c4", "c2"], False)],
            [("red", 4, ["c1"], True), (None, 1, ["c3"], False)],
        ]

    @pytest.mark.parametrize("by", ["tag", "handler"])
    def test_pages_of_any_size_say_the_same_in_every_order(self, many: Any, by: str) -> None:
        for sort in ("due_at", "-due_at", "title", "-title", "last_run", "-last_run"):
            (whole,) = self.pages(many, f"by={by}&sort={sort}")
            flat = [(name, id) for name, _, shown, _ in whole for id in shown]
            for limit in (1, 3):
                parts = self.pages(many, f"by={by}&sort={sort}&limit={limit}")
                assert [(name, id) for page in parts for name, _, shown, _ in page for id in shown] == flat
            if sort.lstrip("-") == "due_at" and by == "tag":  # what is never due comes last either way
                assert {name: shown for name, _, shown, _ in whole}["red"][-1] == "hand"

    def test_counts_are_of_what_matches_and_a_cursor_is_of_its_grouping(self, many: Any) -> None:
        (page,) = self.pages(many, "by=handler&tag=red&sort=id")
        assert page == [("echo", 1, ["hand"], False), ("log-job", 3, ["c1", "c2", "c4"], False)]
        (page,) = self.pages(many, "by=tag&tag=red&q=c&status=scheduled&sort=id")
        assert page == [("blue", 1, ["c2"], False), ("red", 3, ["c1", "c2", "c4"], False)]
        cursor = many.ok("GET", "schedules?by=tag&limit=1")["next_cursor"]
        assert many.field("GET", f"schedules?by=handler&limit=1&cursor={cursor}")["field"] == "cursor"
        assert many.field("GET", "schedules?by=colour")["message"] == "Must be one of: tag, handler."
        assert "groups" not in many.ok("GET", "schedules")
