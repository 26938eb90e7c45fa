"""The sentence of Home, in the order of precedence of the wording table."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fake_client import at, schedule, worker

from enschedule_dashboard.health import State, headline
from enschedule_dashboard.present import Viewer

VIEWER = Viewer(datetime(2026, 11, 23, 13, 32, 7, tzinfo=UTC), ZoneInfo("Europe/Stockholm"))
EXPORT = schedule("invoice-export", "Invoice export", "x", failing_since=at(minutes=-77), failures_in_row=5)
PRICES = schedule("sync-prices", "Sync prices", "x", failing_since=at(minutes=-12), failures_in_row=1)
RESIZE = schedule("resize-uploads", "Resize uploads", "x", handler="images")


def said(*, queue=None, waiting=(), broken=(), workers=(), next_slot=None, **counts) -> str:
    numbers = dict.fromkeys(("failing", "running", "waiting", "paused", "broken", "retrying", "overdue"), 0)
    numbers |= {"total": 42, "failing_items": []} | counts
    quiet = {"queued": 0, "running": 0, "oldest_queued_at": None, "start_delay_seconds": 0.004, "places": 8, "used": 1}
    state = State(numbers, quiet | (queue or {}), waiting, broken, workers, next_slot)
    return "".join(piece.text for piece in headline(state, VIEWER))


def test_all_is_fine_says_what_is_next():
    slot = {"at": at(seconds=53), "schedule": {"id": "check", "title": "Check web shop"}}
    assert said(next_slot=slot) == "All 42 schedules are fine. Next is Check web shop, in 53 s."
    assert said(total=1) == "The one schedule is fine. Nothing is planned in the next 12 hours."


def test_no_worker_comes_before_everything():
    gone = {"places": 0}
    sentence = said(queue=gone, workers=[worker("a", "down", seen=240)], failing=3)
    assert sentence == "No worker has been seen for 4 min. Nothing runs until one is back."
    assert said(queue=gone) == "No worker has been seen yet. Nothing runs until one is there."


def test_one_failing_is_told_whole():
    expected = "41 of 42 schedules are fine. Invoice export has failed 5 times in a row since 13:15."
    assert said(failing=1, failing_items=[EXPORT]) == expected
    assert said(failing=1, failing_items=[PRICES]) == "41 of 42 schedules are fine. Sync prices failed at 14:20."


def test_many_failing_name_the_longest():
    items = [EXPORT, PRICES, RESIZE]
    expected = "3 schedules are failing; Invoice export since 13:15, Sync prices since 14:20, and one more."
    assert said(failing=3, failing_items=items) == expected
    assert said(failing=2, failing_items=items[:2]).endswith("since 13:15 and Sync prices since 14:20.")


def test_runs_that_start_late():
    late = {"queued": 12, "start_delay_seconds": 40.0, "used": 8}
    expected = "All 42 schedules are fine, but runs start 40 s late: 12 wait, and all 8 places are taken."
    assert said(queue=late) == expected


def test_trouble_links_to_its_schedule():
    state = State(
        {"total": 2, "failing": 1, "failing_items": [EXPORT], "waiting": 1, "broken": 0, "overdue": 0},
        {"places": 8, "used": 0, "queued": 0, "start_delay_seconds": None},
        waiting=[RESIZE],
    )
    pieces = headline(state, VIEWER)
    assert [(piece.schedule, piece.bad) for piece in pieces if piece.schedule] == [
        ("invoice-export", True),
        ("resize-uploads", False),
    ]
    text = "".join(piece.text for piece in pieces)
    assert text.endswith("since 13:15, and Resize uploads waits for a worker with images v1.")


def test_who_waits_for_a_worker_of_its_own_says_which():
    bound = {**RESIZE, "worker": {"id": None, "tags": ["gpu"]}}
    state = State(
        {"total": 2, "failing": 0, "failing_items": [], "waiting": 1, "broken": 0, "overdue": 0},
        {"places": 8, "used": 0, "queued": 0, "start_delay_seconds": None},
        waiting=[bound],
    )
    assert "waits for a worker tagged gpu with images v1" in "".join(piece.text for piece in headline(state, VIEWER))
