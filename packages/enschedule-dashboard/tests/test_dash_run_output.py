"""The output of a run: on the page without script, and as the script asks for it."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import pytest
from fake_client import Runs, World
from fake_data import at, run

from enschedule_core.errors import WorkerUnreachable
from enschedule_dashboard.data_notes import differences
from enschedule_dashboard.views import run_output

HOSTILE = """<script>alert(1)</script>" onmouseover="x" {{ 7 * 7 }} '"""


def test_one_stream_is_shown_under_its_own_line_numbers(pages: Any) -> None:
    page = pages.text("/runs/88214?stream=stderr")
    assert re.findall(r'<li id="(L\d+)"', page) == ["L3", "L4", "L5", "L6", "L7"]


def test_lines_are_asked_for_in_the_same_rows_as_the_page(pages: Any) -> None:
    page = pages.text("/runs/88214")
    on_page = re.findall(r'<li id="L(\d+)"', page)
    answer = pages.get("/runs/88214/output.json").json
    assert [str(line["line"]) for line in answer["items"]] == on_page
    assert [line["parts"] for line in answer["items"]][:1] == [[["POST https://erp.internal/export", ""]]]
    assert (answer["complete"], answer["lines"], answer["first_error"]) == (True, 7, 7)
    later = pages.get("/runs/88214/output.json?after=1.3").json
    assert [line["line"] for line in later["items"]] == [4, 5, 6, 7]
    stretch = pages.get("/runs/88214/output.json?from=-2&limit=1").json
    assert [line["line"] for line in stretch["items"]] == [6]


def events(text: str) -> list[tuple[str, str, Any]]:
    """Return (id, event, data) of each event."""
    found = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(one["id"], one["event"], json.loads(one["data"])) for one in found if "event" in one]


def test_lines_come_as_events_to_the_end(pages: Any) -> None:
    answer = pages.get("/runs/88214/output.events?after=1.2")
    assert answer.mimetype == "text/event-stream"
    assert answer.text.startswith("retry: 1000\n")
    (lines, end) = events(answer.text)
    assert lines[:2] == ("1.4", "lines")
    assert [line["line"] for line in lines[2]["items"]] == [3, 4, 5, 6, 7]
    assert end == ("1.4", "end", {"status": "failed"})
    resumed = events(pages.get("/runs/88214/output.events?after=1.2", headers={"Last-Event-ID": "1.3"}).text)
    assert [line["line"] for line in resumed[0][2]["items"]] == [4, 5, 6, 7]
    assert pages.get("/runs/99999/output.events").status_code == 404


def test_a_run_that_another_worker_began_anew_is_read_anew(pages: Any, world: World) -> None:
    world.fence = 2
    found = events(pages.get("/runs/88214/output.events?after=1.3").text)
    assert [kind for _, kind, _ in found] == ["again", "lines", "end"]
    assert [line["line"] for line in found[1][2]["items"]] == list(range(1, 8))
    assert found[1][0] == "2.4"


def test_pages_beyond_the_places_get_what_there_is_and_come_back(pages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many look at runs that go on, threads are left for everything else."""
    monkeypatch.setattr(run_output, "_places", threading.BoundedSemaphore(1))
    held = pages.get("/runs/88238/output.events", buffered=False)
    assert next(iter(held.response))
    began = time.monotonic()
    for _ in range(20):
        found = events(pages.get("/runs/88238/output.events?after=1.4").text)
        assert [kind for _, kind, _ in found] == ["lines"]
    assert time.monotonic() - began < 2
    held.close()
    assert run_output._places.acquire(blocking=False)  # it was given back


def test_a_worker_that_goes_away_ends_the_stream_without_a_traceback(pages: Any, world: World) -> None:
    held = pages.get("/runs/88238/output.events", buffered=False)
    pieces = iter(held.response)
    next(pieces), next(pieces)
    world.down = WorkerUnreachable("The worker does not answer.")
    assert list(pieces) == []
    held.close()


def test_what_is_found_is_counted_and_marked(pages: Any) -> None:
    found = pages.get("/runs/88214/find.json?find=REFUSED").json
    assert found == {"positions": [3, 7], "count": 2, "next_from": None}
    assert pages.get("/runs/88214/find.json?find=").json["count"] == 0
    marked = pages.get("/runs/88214/output.json?find=refused").json["items"][2]["parts"]
    assert ["refused", "sought"] in marked


def test_without_script_it_is_searched_page_by_page(pages: Any) -> None:
    page = pages.text("/runs/88214?find=Refused")
    assert re.findall(r'<li id="(L\d+)"', page)[0] == "L3"
    assert '<mark class="sought">refused</mark>' in page
    assert "2 lines</span>" in page
    (following,) = re.findall(r'href="([^"]+)" aria-label="Next line found"', page)
    page = pages.text(following.replace("&amp;", "&"))
    assert re.findall(r'<li id="(L\d+)"', page) == ["L7"]
    assert 'aria-label="Previous line found"' in page
    assert 'aria-label="Next line found">↓</a>' not in page


def test_times_are_of_the_day_or_since_the_start(pages: Any) -> None:
    assert ">14:32:02.000</time>" in pages.text("/runs/88214")
    page = pages.text("/runs/88214?times=start")
    assert ">+0.000</time>" in page
    assert ">+4.096</time>" in page


def test_the_page_that_keeps_itself_up_to_date_does_not_read_the_output_again(pages: Any, world: World) -> None:
    answer = pages.get("/runs/88214", headers={"X-Live": "1"})
    assert 'id="lines"' not in answer.text
    assert '<span id="nothing-words" data-live hidden>' in answer.text
    assert '<span class="count" id="output-size" data-live>9 lines, 412 bytes</span>' in answer.text


def test_a_failure_says_what_differs_from_the_last_success(pages: Any, world: World, monkeypatch: Any) -> None:
    page = pages.text("/runs/88214")
    assert "Not as in the last success" not in page
    success = run(88_190, world.schedules["invoice-export"], "succeeded", seconds_ago=3600, took=2.0)
    world.runs[88_190] = success
    assert "the same as in the last success" in pages.text("/runs/88214")
    get = Runs.get

    def other(self: Any, id: int) -> Any:
        return get(self, id) | ({"data": {"url": "<old>", "gone": 1}} if id == 88_190 else {})

    monkeypatch.setattr(Runs, "get", other)
    page = pages.text("/runs/88214")
    assert 'Not as in the last success, <a class="mono" href="/runs/88190">88,190</a>' in page
    assert '<dt class="mono">gone</dt><dd><del>1</del><span class="faint">is gone</span></dd>' in page
    assert "<del>&#34;&lt;old&gt;&#34;</del>" in page


def test_differences_are_told_member_by_member() -> None:
    before = {"url": "a", "headers": {"x": 1, "y": True}, "n": 1}
    after = {"url": "b", "headers": {"x": 1, "y": 1, "z": None}, "n": 1}
    assert [(one.name, one.before, one.after) for one in differences(before, after)] == [
        ("url", '"a"', '"b"'),
        ("headers.y", "true", "1"),
        ("headers.z", "", "null"),
    ]
    assert list(differences(before, before)) == []
    assert len(list(differences({}, {str(number): 1 for number in range(100)}))) == 12


def test_output_is_hostile_text(pages: Any, world: World) -> None:
    world.output[0]["text"] = f"{HOSTILE}\x1b[31mred\x1b[0m\x00\x1b]0;title\x07\u202eevil\n"
    page = pages.text("/runs/88214")
    assert "<script>alert" not in page
    assert '<span class="ansi-bad">red</span>evil</span>' in page
    assert not re.search("[\x00\x1b\u202e]", page)
    parts = pages.get("/runs/88214/output.json").json["items"][0]["parts"]
    assert parts == [[HOSTILE, ""], ["red", "ansi-bad"], ["evil", ""]]


def test_the_download_is_an_attachment_of_plain_text(pages: Any, world: World) -> None:
    world.output[0]["text"] = "<b>\x1b[31mas printed\ud800\n"
    answer = pages.get("/runs/88214/output.txt")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="run-88214.txt"'
    assert answer.mimetype == "text/plain"
    assert b"<b>\x1b[31mas printed" in answer.data


def test_long_output_comes_in_pages_that_count_on(pages: Any, world: World) -> None:
    world.output[:] = [
        {"seq": number, "at": at(), "stream": "stdout", "text": f"line {number}\n"} for number in range(1, 1201)
    ]
    path, seen = "/runs/88213", []
    for _ in range(9):
        page = pages.text(path)
        seen.append([int(number) for number in re.findall(r'<li id="L(\d+)"', page)])
        further = re.search(r'<a class="link" href="([^"#]+)#output">Next</a>', page)
        if further is None:
            break
        path = further[1].replace("&amp;", "&")
    assert [(numbers[0], numbers[-1]) for numbers in seen] == [(1, 500), (501, 1000), (1001, 1200)]
    assert "Lines 1,001 to 1,200 of 1,200." in page
    assert 'id="L1200"' in pages.text("/runs/88213?from=-3")
    assert re.findall(r'<li id="(L\d+)"', pages.text("/runs/88238"))[0] == "L701"  # it goes on: the newest
