"""The page of a schedule and the page of a run, as a browser without script sees them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fake_client import World
from fake_data import NOW, at, run

from enschedule_dashboard import strips
from enschedule_dashboard.present import Viewer, as_instant
from enschedule_dashboard.tracebacks import fold

VIEWER = Viewer(NOW, ZoneInfo("Europe/Stockholm"))
HOSTILE = """<script>alert(1)</script>" onmouseover="x" {{ 7 * 7 }} '"""


def asked(world: World, name: str) -> list[tuple[Any, ...]]:
    return [call for call in world.calls if call[0] == name]


# --- a schedule ---


def test_a_schedule_that_fails_says_why_at_the_top(pages: Any) -> None:
    page = pages.text("/schedules/invoice-export")
    assert re.search(r'<b class="t-bad">Failing since 13:15, 5 times in a row\.</b>', page)
    assert "Why is it not running?" in page
    assert page.index("Why is it not running?") < page.index('id="runs"')
    assert "2 slots" in page
    assert "the previous run was still going" in page


def test_a_schedule_that_is_fine_keeps_its_checks_folded(pages: Any) -> None:
    page = pages.text("/schedules/check-shop")
    assert "Why is it not running?" not in page
    assert "Nothing stops it." in page


def test_run_now_goes_to_the_run_or_stays_where_the_button_was(pages: Any, world: World) -> None:
    assert re.fullmatch(r"/runs/\d+", pages.post("/schedules/check-shop/run").location)
    stayed = pages.post("/schedules/check-shop/run", {"next": "/schedules?q=shop"})
    assert stayed.location == "/schedules?q=shop"
    assert re.search(r"Check web shop runs now\..*Open run [\d,]+", pages.text("/schedules?q=shop"))
    assert [call[2] for call in asked(world, "schedules.run")] == [None, None]


def test_run_with_other_data_leaves_the_schedule_alone(pages: Any, world: World) -> None:
    before = dict(world.schedules["check-shop"]["data"])
    form = {"data_mode": "form", "data/url": "https://other.example", "data/verify": "on", "action": "run"}
    pages.post("/schedules/check-shop/run", form)
    assert asked(world, "schedules.run")[0][2] == {"url": "https://other.example", "verify": True}
    assert world.schedules["check-shop"]["data"] == before
    wrong = pages.post("/schedules/check-shop/run", form | {"data/timeout_seconds": "soon"})
    assert wrong.status_code == 422
    assert "“soon” is not a number" in wrong.text
    assert len(asked(world, "schedules.run")) == 1


@pytest.mark.parametrize(
    ("form", "until"),
    [
        ({}, None),
        ({"for": "3600"}, at(hours=1)),
        ({"for": "3600", "until": "2026-11-27T08:00"}, "2026-11-27T07:00:00Z"),
        ({"for": "999"}, None),
    ],
)
def test_a_pause_lasts_as_long_as_was_said(pages: Any, world: World, form: dict[str, str], until: str | None) -> None:
    pages.client.set_cookie("enschedule_tz", "Europe/Stockholm")
    pages.post("/schedules/check-shop/pause", form | {"reason": "vendor maintenance"})
    assert asked(world, "schedules.pause")[0][1:] == ("check-shop", "vendor maintenance", until)
    page = pages.text("/schedules/check-shop")
    assert "Paused by ada" in page
    assert 'action="/schedules/check-shop/resume"' in page


def test_an_override_of_a_file_is_shown_and_can_be_undone(pages: Any, world: World) -> None:
    world.schedules["check-shop"] |= {"managed_by": "file jobs/shop.yml", "overridden": True}
    page = pages.get("/schedules/check-shop").get_data(as_text=True)
    assert "It differs from file jobs/shop.yml." in page
    assert 'action="/schedules/check-shop/revert"' in page
    assert "file, edited" in pages.get("/schedules").get_data(as_text=True)
    pages.post("/schedules/check-shop/revert")
    assert asked(world, "schedules.revert") == [("schedules.revert", "check-shop")]
    page = pages.get("/schedules/check-shop").get_data(as_text=True)
    assert "check-shop is what" not in page
    assert "is what file jobs/shop.yml says again" in page
    assert "It differs from" not in page


def test_a_runbook_is_beside_a_failure(pages: Any, world: World) -> None:
    failing = next(one for one in world.schedules.values() if one["failing_since"])
    failed = next(one for one in world.runs.values() if one["status"] == "failed" and one["schedule"])
    for schedule in world.schedules.values():
        schedule["runbook"] = "https://wiki.example.org/what-to-do"
    failing["env"] = {"STAGE": "<live>"}
    page = pages.get(f"/schedules/{failing['id']}").get_data(as_text=True)
    assert 'What to do: <a class="link" href="https://wiki.example.org/what-to-do"' in page
    assert "<dt>$STAGE</dt><dd>&lt;live&gt;</dd>" in page
    assert "What to do: " in pages.get(f"/runs/{failed['id']}").get_data(as_text=True)
    good = next(one for one in world.runs.values() if one["status"] == "succeeded")
    assert "What to do: " not in pages.get(f"/runs/{good['id']}").get_data(as_text=True)


def test_without_permission_an_override_is_only_shown(pages: Any, world: World) -> None:
    world.schedules["check-shop"] |= {"managed_by": "file jobs/shop.yml", "overridden": True}
    world.permissions = ["read"]
    page = pages.get("/schedules/check-shop").get_data(as_text=True)
    assert "It differs from" in page
    assert "/revert" not in page


def test_a_pause_until_nonsense_is_refused(pages: Any, world: World) -> None:
    answer = pages.post("/schedules/check-shop/pause", {"until": "tomorrow"})
    assert answer.status_code == 422
    assert "“tomorrow” is not a date and time" in answer.text
    assert asked(world, "schedules.pause") == []


def test_resume_says_what_becomes_of_the_missed_slots(pages: Any, world: World) -> None:
    assert pages.post("/schedules/vacuum-db/resume", {"missed": "latest"}).status_code == 303
    assert pages.post("/schedules/vacuum-db/resume", {"missed": "some"}).status_code == 422
    assert [call[2] for call in asked(world, "schedules.resume")] == ["latest"]


def test_deleting_asks_and_can_be_undone(pages: Any, world: World) -> None:
    assert "Delete Check web shop?" in pages.text("/schedules/check-shop/delete")
    assert "check-shop" in world.schedules
    pages.post("/schedules/check-shop/delete")
    assert "check-shop" not in world.schedules
    assert 'action="/schedules/check-shop/restore"' in pages.text("/schedules")
    assert pages.post("/schedules/check-shop/restore").location == "/schedules/check-shop"
    assert "check-shop" in world.schedules


def test_who_may_only_read_sees_no_buttons(pages: Any, world: World) -> None:
    world.permissions = ["read"]
    for path in ("/schedules/invoice-export", "/runs/88214", "/runs/88238"):
        page = pages.text(path)
        for action in ("/run", "/pause", "/retry", "/cancel"):
            assert f'{action}"' not in "".join(re.findall(r'action="[^"]+"', page))


# --- a run ---


def test_a_run_that_failed_says_so_and_shows_where(pages: Any) -> None:
    page = pages.text("/runs/88214")
    assert '<b class="t-bad">Failed after 4.2 s:</b>' in page
    assert re.search(r'id="L7" class="err first-error"', page)
    assert 'href="/runs/88214?from=2#L7" data-error>' in page
    assert "Run again" in page
    assert ">Cancel" not in page


def test_a_run_that_goes_on_can_be_cancelled(pages: Any, world: World) -> None:
    assert ">Cancel" in pages.text("/runs/88238")
    assert pages.post("/runs/88238/cancel").location == "/runs/88238"
    assert "It was told to stop" in pages.text("/runs/88238")
    assert pages.post("/runs/88213/cancel").status_code == 409
    assert asked(world, "runs.cancel")[0][1] == 88238


def test_run_again_takes_the_old_data_or_todays(pages: Any, world: World) -> None:
    assert re.fullmatch(r"/runs/\d+", pages.post("/runs/88214/retry").location)
    pages.post("/runs/88214/retry", {"data": "schedule"})
    assert [call[1] for call in asked(world, "runs.retry")] == [88214]
    assert [call[1] for call in asked(world, "schedules.run")] == ["invoice-export"]
    assert pages.post("/runs/88211/retry", {"data": "schedule"}).status_code == 404


def test_wrong_ids_and_cursors_are_answered_and_not_with_a_traceback(pages: Any) -> None:
    assert pages.get("/runs/99999").status_code == 404
    assert pages.get("/runs/99999/output.json").status_code == 404
    assert pages.get("/runs/88214?from=x&stream=y&times=z&find=%00").status_code == 200
    for query in (
        "after=x",
        "after=1.2.3",
        "after=",
        "after=²",
        "from=0",
        "from=-",
        "limit=x",
        "limit=-5",
        "stream=%00",
    ):
        assert pages.get(f"/runs/88214/output.json?{query}").status_code == 200
        assert pages.get(f"/runs/88214/output.events?{query}").status_code == 200
    assert pages.get("/schedules/no-such").status_code == 404


def test_hostile_titles_and_messages_stay_text(pages: Any, world: World) -> None:
    world.schedules["invoice-export"].update(title=HOSTILE, description=HOSTILE, data={"url": HOSTILE, HOSTILE: 1})
    world.runs[88214]["outcome"]["message"] = HOSTILE
    world.runs[88214]["schedule"]["title"] = HOSTILE
    for path in ("/schedules/invoice-export", "/schedules/invoice-export/delete", "/runs/88214"):
        page = pages.text(path)
        assert "<script>alert" not in page
        assert '" onmouseover="' not in page
        assert not re.search(r"\sstyle=|\son[a-z]+=\"|<script(?![^>]* src=)|javascript:", page)


def test_a_run_without_a_schedule_and_one_whose_schedule_is_gone_are_shown(pages: Any, world: World) -> None:
    assert "Run 88,211" in pages.text("/runs/88211")
    del world.schedules["check-shop"]
    assert "Run 88,213" in pages.text("/runs/88213")


# --- pictures and tracebacks ---


def test_the_strip_draws_one_bar_a_slot_to_scale_with_skips_at_their_time() -> None:
    owner = {"id": "x", "title": "X", "handler": {"id": "fetch", "version": 1}, "retry": {"max_attempts": 4}}
    runs = [
        run(5, owner, "failed", seconds_ago=100, took=4.0, attempt=2, retry_of=4, slot_at=at(seconds=-900)),
        run(4, owner, "failed", seconds_ago=900, took=4.0, slot_at=at(seconds=-900)),
        run(3, owner, "succeeded", seconds_ago=2700, took=4.0),
        run(2, owner, "succeeded", seconds_ago=3600, took=2.0),
    ]
    skips = [{"first_slot_at": at(seconds=-1800), "last_slot_at": at(seconds=-1800), "count": 1, "reason": "overlap"}]
    drawn = strips.strip(runs, skips, VIEWER, usual=2.0)
    assert [(bar.run_id, bar.kind) for bar in drawn.bars] == [(2, "d-ok"), (3, "d-ok"), (None, "d-idle"), (5, "d-bad")]
    two, four = drawn.bars[0], drawn.bars[1]
    assert four.height == pytest.approx(2 * two.height)
    assert two.y == pytest.approx(drawn.usual_y)
    assert drawn.bars[-1].y > strips.STRIP_AXIS_Y  # it hangs
    assert drawn.bars[-1].x + drawn.bars[-1].width < 100
    assert drawn.words == "Durations of the last 3 runs: 1 failed; usually 2 s."


def test_attempts_of_runs_by_hand_are_one_too_and_a_run_again_is_another() -> None:
    by_hand = {"slot_at": None, "origin": {"kind": "manual", "actor": "ada"}}
    runs = [
        run(9, None, "failed", seconds_ago=1, attempt=2, retry_of=8, **by_hand),
        run(8, None, "failed", seconds_ago=2, retry_of=7, **by_hand),  # again by hand, and then by itself
        run(7, None, "failed", seconds_ago=3, attempt=2, retry_of=6, **by_hand),
        run(6, None, "lost", seconds_ago=4, **by_hand),
        run(5, None, "succeeded", seconds_ago=5),
    ]
    assert [one["id"] for one in strips.last_attempts(runs)] == [9, 7, 5]
    assert strips.attempts_of_newest(runs) == {9, 8}
    assert (strips.last_attempts([]), strips.attempts_of_newest([])) == ([], set())


@pytest.mark.parametrize(
    "status", ["queued", "running", "succeeded", "failed", "timed_out", "lost", "cancelled", "skipped"]
)
@pytest.mark.parametrize("ago", [0.0, 3.0, 5000.0])
def test_a_timeline_runs_from_left_to_right_and_says_all_in_words(status: str, ago: float) -> None:
    found = run(1, None, status, seconds_ago=ago, took=None if status in ("queued", "running") else 2.5)
    for more in ({}, {"retry_at": at(seconds=60)}, {"not_before": at(seconds=60), "attempt": 2}):
        line = strips.timeline(found | more, VIEWER, usual=30.0)
        assert all(0 <= point.x <= 100 and 0 <= point.label_x <= 100 for point in line.points)
        assert all(left <= right for left, right, _ in line.stretches)
        assert sum(point.mark == "now" for point in line.points) == 1
        assert line.words


def test_a_timeline_is_to_scale_where_it_can_be() -> None:
    start = as_instant(at(seconds=-30))
    found = run(1, None, "succeeded", seconds_ago=30, took=10.0)
    found["started_at"] = (start + timedelta(seconds=5)).isoformat().replace("+00:00", "Z")
    found["finished_at"] = (start + timedelta(seconds=15)).isoformat().replace("+00:00", "Z")
    (_, waited, _), (_, ended, _) = strips.timeline(found, VIEWER).stretches
    assert (ended - waited) / waited == pytest.approx(2.0, rel=0.05)


TRACEBACK = """Traceback (most recent call last):
  File "/venv/lib/python3.12/site-packages/enschedule_fetch_handler/__init__.py", line 58, in fetch
    answer = client.send(request)
             ^^^^^^^^^^^^^^^^^^^^
  File "/venv/lib/python3.12/site-packages/httpx/_client.py", line 914, in send
    response = self._send()
  File "/usr/lib/python3.12/socket.py", line 1, in connect
    raise OSError
OSError: refused

During handling of the above exception, another exception occurred:

ValueError: no
"""


def test_frames_of_libraries_are_folded_and_the_handlers_own_are_not() -> None:
    parts = fold(TRACEBACK, own="enschedule-fetch-handler")
    assert [(part.frames, len(part.lines)) for part in parts] == [(0, 4), (2, 4), (0, 5)]
    assert "client.send" in parts[0].text
    assert "\n".join(part.text for part in parts) == TRACEBACK.rstrip("\n")
    assert [part.frames for part in fold(TRACEBACK)] == [0, 3, 0]


def test_a_text_that_is_no_traceback_is_shown_as_it_is() -> None:
    assert [part.text for part in fold("killed by signal 9")] == ["killed by signal 9"]


def test_the_next_slots_stand_in_the_viewers_zone_and_in_the_schedules(pages: Any) -> None:
    pages.client.set_cookie("enschedule_tz", "Asia/Tokyo")
    page = pages.text("/schedules/check-shop")
    assert re.search(r">22:45</time><span class=\"push\">14:45 there · ", page)
    assert "Your time, Asia/Tokyo; there is Europe/Stockholm." in page
    pages.client.set_cookie("enschedule_tz", "Europe/Stockholm")
    assert " there" not in pages.text("/schedules/check-shop").split('id="next"')[1].split("</section>")[0]
