"""Output by lines over REST: any stretch, the end, what changes, what is found; and how many may wait for it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import delete

from enschedule_worker.api import waiting
from enschedule_worker.service import lines as service
from enschedule_worker.store.models.runs import Output

LINES = "runs/1/output/lines"
MATCHES = "runs/1/output/matches"


@pytest.fixture
def run(api: Any, stage: Any, hourly: Any) -> Any:
    api.ok("POST", "schedules/hourly/runs")
    (claimed,) = stage.claim()
    return claimed


def texts(page: Any) -> list[str]:
    return [one["text"] for one in page["items"]]


def test_lines_are_numbered_across_streams_and_counted_within_one(api: Any, stage: Any, run: Any) -> None:
    stage.print(1, "one\ntw", "o\n")
    stage.print(1, "ValueError: no\n", stream="stderr", first=3)
    stage.print(1, "three", first=4)
    page = api.ok("GET", LINES)
    assert [(one["line"], one["position"], one["stream"], one["text"]) for one in page["items"]] == [
        (1, 1, "stdout", "one"),
        (2, 2, "stdout", "two"),
        (3, 3, "stderr", "ValueError: no"),
        (4, 4, "stdout", "three"),
    ]
    known = {key: page[key] for key in ("lines", "first_error", "next_after", "complete", "fence", "truncated")}
    expected = {"lines": 4, "first_error": 3, "next_after": 4, "complete": False, "fence": 1, "truncated": False}
    assert known == expected
    only = api.ok("GET", f"{LINES}?stream=stderr")
    assert [(one["line"], one["position"]) for one in only["items"]] == [(3, 1)]
    assert (only["lines"], only["first_error"]) == (1, 1)
    assert api.ok("GET", f"{LINES}?stream=stdout")["first_error"] is None


def test_any_stretch_of_a_long_output_is_the_same_as_of_the_whole(api: Any, stage: Any, run: Any) -> None:
    """Chunks end in the middle of lines, and there are many more of them than between two marks."""
    text = "".join(f"line {number} \x1b[3{number % 8}mred\n" for number in range(1, 20_001))
    stage.print(1, *(text[at : at + 1_000] for at in range(0, len(text), 1_000)))
    stage.finish(run)
    for first, limit in ((1, 3), (19_999, 5), (-2, 200), (9_000, 1_000), (-30_000, 2)):
        page = api.ok("GET", f"{LINES}?from={first}&limit={limit}")
        begin = max(1, 20_001 + first if first < 0 else first)
        assert [one["line"] for one in page["items"]] == list(range(begin, min(begin + limit, 20_001)))
        assert all(one["text"].endswith(f"\x1b[3{one['line'] % 8}mred") for one in page["items"])
        assert page["items"][0]["text"].startswith("" if begin == 1 else f"\x1b[3{(begin - 1) % 8}m")
        assert (page["lines"], page["complete"]) == (20_000, True)
    assert api.ok("GET", f"{LINES}?from=20001")["items"] == []


def test_an_answer_is_bounded_however_long_the_lines_are(api: Any, stage: Any, run: Any) -> None:
    stage.print(1, *(("x" * 8_000) for _ in range(130)), "\n")
    stage.print(1, *((f"{number} " + "y" * 8_000 + "\n") for number in range(300)), first=200)
    page = api.ok("GET", f"{LINES}?limit=1000")
    assert page["items"][0]["left_out"] == 130 * 8_000 - 10_000
    assert len(page["items"]) < 200
    following = api.ok("GET", f"{LINES}?limit=1000&from={page['items'][-1]['line'] + 1}")
    assert following["items"][0]["line"] == page["items"][-1]["line"] + 1


def test_what_changes_comes_whole_and_is_waited_for(api: Any, stage: Any, run: Any) -> None:
    stage.print(1, "a\nhalf")
    after = api.ok("GET", LINES)["next_after"]
    answers: list[Any] = []
    path = f"/api/v1/{LINES}?after={after}&wait=20"
    asking = threading.Thread(target=lambda: answers.append(api.app.test_client().get(path).get_json()))
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    stage.print(1, " a line\nnext\n", first=2)
    asking.join(18)
    assert [(one["line"], one["text"]) for one in answers[0]["items"]] == [(2, "half a line"), (3, "next")]
    assert (answers[0]["lines"], answers[0]["next_after"]) == (3, 2)
    stage.print(1, *(f"{number}\n" for number in range(30)), first=3)
    stage.finish(run)
    seen, after = [], 2
    while True:
        page = api.ok("GET", f"{LINES}?after={after}&limit=7")
        seen += texts(page)
        after = page["next_after"]
        if page["complete"]:
            break
    assert seen == [str(number) for number in range(30)]


def test_only_so_many_wait_at_once(api: Any, stage: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))
    waits = [threading.Thread(target=api.app.test_client().get, args=(f"/api/v1/{LINES}?after=0&wait=20",))]
    waits[0].start()
    waits[0].join(0.2)
    began = time.monotonic()
    assert api.ok("GET", f"{LINES}?after=0&wait=20")["items"] == []
    assert api.ok("GET", "runs/1/output?wait=20")["items"] == []
    assert time.monotonic() - began < 5
    stage.print(1, "x\n")
    waits[0].join(15)
    assert not waits[0].is_alive()


def test_lines_are_found_as_they_can_be_seen(api: Any, stage: Any, run: Any) -> None:
    stage.print(1, "Time\x1b[31mout\x1b[0m one\nnothing\n10 %\rtimeo", "ut two\n")
    stage.print(1, "TIMEOUT three\n", stream="stderr", first=3)
    stage.print(1, "not\x07hing\n" * 1_000, first=4)
    assert api.ok("GET", f"{MATCHES}?q=timeout") == {
        "positions": [1, 3, 4],
        "count": 3,
        "next_from": None,
        "lines": 1_004,
        "complete": False,
        "fence": 1,
    }
    assert api.ok("GET", f"{MATCHES}?q=timeout&stream=stderr")["positions"] == [1]
    assert api.ok("GET", f"{MATCHES}?q=10%20%25")["count"] == 0
    many = api.ok("GET", f"{MATCHES}?q=NOTHING&limit=2&from=3")
    assert (many["positions"], many["count"]) == ([5, 6], 1_000)


def test_a_search_that_takes_long_goes_on_where_it_stopped(
    api: Any, stage: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.print(1, *(f"needle {number}\nhay\n" for number in range(20)))
    monkeypatch.setattr(service, "SEARCH_SECONDS", 0)
    found, first, asked = [], 1, 0
    while first:
        page = api.ok("GET", f"{MATCHES}?q=needle&from={first}")
        assert page["count"] == len(page["positions"])
        found, first, asked = found + page["positions"], page["next_from"], asked + 1
    assert found == list(range(1, 41, 2))
    assert asked > 1


def test_another_claim_begins_anew_and_removed_output_is_gone(api: Any, stage: Any, run: Any, database: Any) -> None:
    stage.print(1, *(f"{number}\n" for number in range(200)))
    stage.finish(run)
    assert api.ok("GET", f"{LINES}?from=-1")["lines"] == 200
    with database.write() as tx:
        tx.execute(delete(Output))
    page = api.ok("GET", f"{LINES}?from=150")
    assert (page["items"], page["lines"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("lines?from=0", "from"),
        ("lines?limit=0", "limit"),
        ("lines?limit=1001", "limit"),
        ("lines?from=1&after=1", "from"),
        ("lines?wait=3", "wait"),
        ("lines?after=-1", "after"),
        ("lines?stream=x", "stream"),
        ("lines?page=2", "page"),
        ("matches", "q"),
        ("matches?q=", "q"),
        ("matches?q=x&from=0", "from"),
        ("matches?q=x&limit=10001", "limit"),
    ],
)
def test_wrong_questions_are_told_by_field(api: Any, run: Any, query: str, field: str) -> None:
    assert api.field("GET", f"runs/1/output/{query}")["field"] == field
