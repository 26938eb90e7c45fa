"""Home and the lists: what they show, how they filter, what they say when there is nothing."""

import re

import pytest
from fake_client import at, run, worker

from enschedule_dashboard import search
from enschedule_dashboard.views.schedules import sentence


def filters_of(world, name="schedules.list"):
    """Return what the list itself was asked for, without what stands around it."""
    return next(call[1] for call in reversed(world.calls) if call[0] == name)


class TestHome:
    def test_says_what_is_wrong_and_links_to_it(self, pages):
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", pages.text("/")))
        assert "13 of 15 schedules are fine. Invoice export has failed 5 times in a row since 13:15, and Resize" in text
        assert "Last 24 hours: 1,176 runs, 1,151 succeeded, 25 failed; 5 slots skipped. Runs start 4 ms after" in text
        assert "Attempt 3 of 4 at 14:35:10" in text
        assert re.search(r"last success \d\d:\d\d", text)

    def test_running_is_progress_where_the_handler_reports_it(self, pages):
        text = pages.text("/")
        assert 'aria-label="71 percent done"' in text
        assert 'aria-label="23 percent of its usual time"' in text
        assert "8 × its usual time" in text

    def test_many_that_start_together_are_one_line(self, pages, world):
        for schedule in world.schedules.values():
            if schedule["next"]:
                schedule["next"] = [at(minutes=28)]
        text = re.sub(r"<[^>]+>", " ", pages.text("/"))
        assert re.search(r"and \d+ more", text)

    def test_nothing_scheduled_teaches(self, pages, world):
        world.schedules.clear()
        text = pages.text("/")
        assert "Nothing is scheduled yet." in text
        assert "/schedules/new?handler=log-job" in text
        assert "Failing now" not in text

    def test_no_worker_is_said_on_every_page(self, pages, world):
        world.workers = [worker("web-1", "down", seen=240)]
        assert "No worker has been seen for 4 min." in pages.text("/")
        assert "No worker is up. Nothing runs until one is back." in pages.text("/runs")


class TestSchedules:
    def test_each_row_has_its_state_next_run_and_switch(self, pages):
        text = pages.text("/schedules")
        assert "failing, retrying" in text
        assert 'formaction="/schedules/check-shop/pause"' in text
        assert 'formaction="/schedules/vacuum-db/resume" role="switch" aria-checked="false"' in text
        assert "until Fri" in text
        assert "waits for a worker" in text
        assert 'aria-label="Last 30: 24 succeeded, then 6 failed."' in text

    def test_failing_goes_by_failing_since(self, pages, world):
        text = pages.text("/schedules?status=failing")
        assert filters_of(world)["failing"] is True
        assert "status" not in filters_of(world)
        assert "Invoice export" in text
        assert "Nightly backup" not in text

    def test_the_search_box_takes_filters(self, pages, world):
        pages.text("/schedules?q=tag:shop+prices+status:retrying")
        asked = filters_of(world)
        assert (asked["q"], asked["tag"], asked["status"]) == ("prices", "shop", "retrying")

    def test_nothing_found_offers_the_ways_out(self, pages):
        text = pages.text("/schedules?q=status:failing+tag:shop")
        assert "No schedule matches <code>status:failing tag:shop</code>." in text
        assert "Remove status:failing (4)" in text
        assert "Clear all (15)" in text

    def test_sorting_and_paging_keep_the_filter(self, pages, world):
        for number in range(60):
            world.schedules[f"more-{number:02}"] = {**world.schedules["check-shop"], "id": f"more-{number:02}"}
        text = pages.text("/schedules?tag=checks&sort=title")
        assert 'aria-sort="ascending"' in text
        assert "1–50 of many" in text
        following = re.search(r'href="([^"]+)" rel="next"', text)[1].replace("&amp;", "&")
        assert "tag=checks" in following
        assert "sort=title" in following
        assert "First page" in pages.text(following)

    def test_an_unknown_sort_is_the_usual_one(self, pages, world):
        pages.text("/schedules?sort=nonsense")
        assert filters_of(world)["sort"] == "due_at"

    def test_each_place_of_the_rail_in_words(self, pages):
        places = pages.get("/schedules/invoice-export/recent.json").json["places"]
        assert len(places) == 30
        assert re.fullmatch(r"\d\d:\d\d · failed after [\d.]+ m?s · ConnectError: .*", places[-1])


class TestRuns:
    def test_the_last_seven_days_by_day(self, pages, world):
        text = pages.text("/runs")
        assert filters_of(world, "runs.list")["from_"] == "2026-11-15T23:00:00Z"
        assert "Today" in text
        assert "Yesterday" in text
        assert "ConnectError: connection refused" in text
        assert "tries again" in text

    def test_failed_means_every_bad_end(self, pages, world):
        text = pages.text("/runs?status=failed,timed_out,lost")
        assert filters_of(world, "runs.list")["status"] == ["failed", "timed_out", "lost"]
        assert 'aria-current="true">Failed' in text

    def test_one_schedule_has_no_bound(self, pages, world):
        pages.text("/runs?schedule=check-shop")
        assert "from_" not in filters_of(world, "runs.list")

    def test_an_hour_of_the_day_chart(self, pages, world):
        text = pages.text("/runs?from=2026-11-23T11:00:00Z&to=2026-11-23T12:00:00Z")
        asked = filters_of(world, "runs.list")
        assert (asked["from_"], asked["to"]) == ("2026-11-23T11:00:00Z", "2026-11-23T12:00:00Z")
        assert "12:00 to 13:00" in text
        pages.text("/runs?from=yesterday")
        assert filters_of(world, "runs.list")["from_"] == "2026-11-15T23:00:00Z"
        pages.text("/runs?from=2026-11-20T08:00&to=2026-11-20T09:00")  # as a field for a local time sends it
        assert filters_of(world, "runs.list")["from_"] == "2026-11-20T07:00:00Z"

    def test_runs_without_a_schedule(self, pages, world):
        world.runs = {1: run(1, None, "succeeded", seconds_ago=5, took=1.0)}
        assert 'href="/handlers/log-job"' in pages.text("/runs")
        world.runs = {}
        assert "Nothing has run in the last 7 days." in pages.text("/runs")
        assert "Nothing has run yet." in pages.text("/runs?all=1")


class TestHandlers:
    def test_broken_plugins_come_first_with_their_traceback(self, pages, world):
        broken = {
            "source": {"kind": "file", "name": "acme.py"},
            "worker": {"id": "web-1"},
            "status": "broken",
            "error": "ModuleNotFoundError: No module named 'pandas'",
            "traceback": "Traceback <frozen>",
            "handlers": [],
        }
        world.plugins = [broken, {**broken, "worker": {"id": "web-2"}}]
        text = pages.text("/handlers")
        assert text.index("acme.py") < text.index(">fetch<")
        assert text.count("No module named") == 1
        assert "from web-1, web-2" in text
        assert "Traceback &lt;frozen&gt;" in text

    def test_the_schema_is_documentation(self, pages):
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", pages.text("/handlers/fetch")))
        assert "one of GET, POST, PUT, PATCH, DELETE, HEAD" in text
        assert "At least 0.1 and at most 3,600." in text
        assert "names with text" in text
        assert "enschedule-fetch-handler 0.1.0" in text

    def test_run_once_leads_to_the_run(self, pages, world):
        answer = pages.post("/handlers/log-job/run", {"data/message": "hello"})
        assert answer.status_code == 303
        assert ("runs.create", "log-job@1", {"message": "hello"}) in world.calls
        assert "runs once" in pages.text("/handlers")

    @pytest.mark.parametrize(
        ("data", "said"),
        [("{", "Line 1, column 2"), ("[]", "Data is a JSON object"), ("{}", "Missing data for required field.")],
    )
    def test_bad_data_is_said_at_the_field_and_kept(self, pages, data, said):
        answer = pages.post("/handlers/log-job/run", {"data_mode": "json", "data_json": data})
        assert answer.status_code == 422
        assert said in answer.text
        assert f"{data}</textarea>" in answer.text

    def test_no_handler_teaches(self, pages, world):
        world.handlers = {}
        assert "pip install enschedule-fetch-handler" in pages.text("/handlers")
        assert "There is no handler fetch." in pages.get("/handlers/fetch").text


class TestWorkers:
    def test_trouble_is_said_and_comes_first(self, pages, world):
        world.workers = [worker("web-1", used=8, stuck=1), worker("web-2", "down", seen=720)]
        text = pages.text("/workers")
        assert "1 of 2 workers is up; 8 of 8 places are taken. web-2 was last seen 12 min ago." in text
        assert "1 place is held by a run that did not stop at the timeout." in text
        assert text.index("web-2.example.org") < text.index("web-1.example.org")

    def test_a_dead_one_can_be_removed(self, pages, world):
        world.workers.append(worker("old", "down", seen=9000))
        assert pages.post("/workers/old-a/remove", page="/workers").status_code == 303
        assert "old.example.org" not in pages.text("/workers")

    def test_idle_ones_are_called_so(self, pages, world):
        world.workers = [worker("web-1", used=0)]
        assert "The worker is up, and idle." in pages.text("/workers")

    def test_one_that_is_up_cannot(self, pages, world):
        answer = pages.post("/workers/web-1-a/remove", page="/workers")
        assert answer.status_code == 409
        assert "The worker web-1 is up." in answer.text


def test_a_search_reads_words_and_filters():
    found = search.read("status:failing a: b:c word", {"tag": "shop", "status": "paused"}, ("status", "tag"))
    assert found.words == "a: b:c word"
    assert dict(found.filters) == {"status": "failing", "tag": "shop"}
    assert found.text == "status:failing tag:shop a: b:c word"
    assert found.without("status").query(sort="id") == "?q=a%3A+b%3Ac+word&tag=shop&sort=id"
    assert search.read(None, {}, ("status",)).query() == ""


@pytest.mark.parametrize(("size", "said"), [(999_999_999, False), (1_300_000_000, True)])
def test_home_says_quietly_when_the_database_is_large(pages, world, size, said):
    world.database_bytes = size
    assert ("The database takes 1.3 GB." in pages.text("/")) is said


@pytest.mark.parametrize(
    ("counts", "matched", "said"),
    [
        ({"total": 1204, "failing": 2, "waiting": 1}, False, "1,204, of which 2 failing, 1 waiting for a worker"),
        ({"total": 42}, False, "42, none of them failing or waiting"),
        ({"total": 8, "paused": 3}, True, "8 match, of which 3 paused"),
        ({"total": 1, "failing": 1}, True, "1 matches, of which 1 failing"),
        ({"total": 1}, True, "1 matches, neither failing nor waiting"),
        ({"total": 0}, True, ""),
    ],
)
def test_the_line_under_the_title_is_about_what_is_listed(counts, matched, said):
    assert sentence(counts, matched=matched) == said


def test_a_search_is_counted_once_and_all_schedules_only_where_nothing_is_found(pages, world):
    def counted(path):
        world.calls.clear()
        pages.text(path)
        return [call[1].get("tag") or call[1].get("q") for call in world.calls if call[0] == "schedules.counts"]

    assert counted("/schedules") == [None]
    assert counted("/schedules?tag=shop") == ["shop"]
    assert counted("/schedules?q=status:failing") == [None]
    assert counted("/schedules?q=nothing-is-called-so") == ["nothing-is-called-so", None]


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"status": "succeeded", "attempt": 1, "max_attempts": 3, "origin": {"kind": "slot"}}, ""),
        ({"status": "succeeded", "attempt": 2, "max_attempts": 3, "origin": {"kind": "slot"}}, "2 of 3"),
        ({"status": "failed", "attempt": 1, "max_attempts": 3, "origin": {"kind": "manual"}}, "1 of 3"),
        ({"status": "succeeded", "attempt": 1, "max_attempts": 3, "origin": {"kind": "api"}}, "by hand"),
        ({"status": "failed", "attempt": 1, "max_attempts": 1, "origin": {"kind": "retry"}}, "again"),
        (
            {"status": "failed", "attempt": 1, "max_attempts": 1, "origin": {"kind": "chain", "actor": "etl"}},
            "after etl",
        ),
    ],
)
def test_a_run_in_the_list_says_its_attempt_where_it_matters(pages, world, run, said):
    world.runs = {7: world.runs[88_213] | run | {"id": 7}}
    cell = re.search(r'<td class="faint col-attempt">(.*?)</td>', pages.text("/runs"))
    assert cell is not None
    assert cell[1] == said
