"""The main job through the pages: make a schedule, see it run, read its output, see what failed and why."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

REFUSING = "http://127.0.0.1:9/"  # the discard port: nobody listens there


def choose(page: Page, handler: str) -> None:
    page.goto("/schedules")
    page.get_by_role("link", name="New schedule").first.click()
    page.get_by_role("link", name=re.compile(rf"^{handler}\b")).click()


def save(page: Page, title: str) -> None:
    page.locator("footer").get_by_role("button", name=re.compile("^Save(?! and)")).click()
    expect(page.get_by_role("heading", name=re.compile(rf"^{title}"), level=1)).to_be_visible()


def output(page: Page):
    return page.get_by_role("list", name="Output")


def voice(page: Page):
    return page.locator("#voice")


def test_a_schedule_made_through_the_pages_runs_and_its_runs_appear_by_themselves(page, server):
    choose(page, "fetch")
    page.get_by_label("Title").fill("Check myself")
    page.get_by_label("URL").fill(f"{server.url}/api/v1/healthz")
    page.get_by_label("When, in words").fill("every 2 seconds")
    expect(page.locator("#outlook")).to_contain_text("Every 2 seconds")
    save(page, "Check myself")

    expect(page).to_have_url(re.compile(r"/schedules/check-myself$"))
    expect(page.get_by_role("status").filter(has_text="Check myself is saved")).to_be_visible()
    page.evaluate("window.stayed = true")
    runs = page.locator("#runs").get_by_role("row").filter(has_text="succeeded")
    expect(runs.nth(2)).to_be_visible(timeout=30_000)
    assert page.evaluate("window.stayed"), "the page was loaded again"

    runs.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name=re.compile(r"^Run \d"))).to_be_visible()
    expect(voice(page)).to_contain_text(re.compile(r"Succeeded in .*\d lines"))
    expect(output(page)).to_contain_text('"status":"ok"')
    server.call("DELETE", "schedules/check-myself")


def test_the_output_of_a_run_is_read_while_it_runs(page, server):
    server.make("watched", handler="ticker", data={"lines": 25}, title="Watched")
    page.goto("/schedules/watched")
    page.get_by_role("button", name="Run now").click()

    lines = output(page).get_by_role("listitem")
    expect(output(page)).to_contain_text("tick 2 of 25")
    expect(output(page)).not_to_contain_text("tick 25 of 25")
    expect(voice(page)).to_contain_text("Running for")
    page.evaluate("window.stayed = true")
    expect(output(page)).to_contain_text("tick 25 of 25")
    expect(lines).to_have_count(30)
    expect(voice(page)).to_contain_text("Succeeded in")
    assert page.evaluate("window.stayed"), "the page was loaded again"

    expect(page.locator("#result")).to_contain_text('"ticks"')
    expect(page.get_by_role("link", name="Line 6, stderr")).to_be_visible()
    texts = lines.locator(".said").all_inner_texts()
    assert [text for text in texts if text.startswith("tick")] == [f"tick {n} of 25" for n in range(1, 26)]


def test_the_output_is_searched_split_by_stream_and_downloaded(page, server):
    server.make("searched", handler="ticker", data={"lines": 10})
    run = server.wait_run(server.run("searched")["id"])
    page.goto(f"/runs/{run['id']}")

    page.get_by_label("Find in the output").fill("ROUND")
    expect(page.get_by_text("2 lines", exact=True)).to_be_visible()
    page.get_by_role("link", name="stderr", exact=True).click()
    expect(output(page).get_by_text("tick 1 of 10")).to_be_hidden()
    expect(output(page).get_by_text("warning: 5 is a round number")).to_be_visible()
    page.get_by_role("link", name="stdout", exact=True).click()
    expect(output(page).get_by_text("tick 1 of 10")).to_be_visible()
    expect(output(page).get_by_text("warning: 5 is a round number")).to_be_hidden()

    with page.expect_download() as started:
        page.get_by_role("link", name="Download", exact=True).click()
    assert started.value.suggested_filename == f"run-{run['id']}.txt"
    assert "tick 10 of 10\nwarning: 10 is a round number\n" in started.value.path().read_text(encoding="utf-8")


def test_a_schedule_by_hand_runs_now_with_other_data(page, server):
    choose(page, "log-job")
    page.get_by_label("Title").fill("Say it")
    page.get_by_label("Message").fill("as always")
    page.get_by_role("radio", name="By hand").check()
    expect(page.locator("#outlook")).to_contain_text("Only when somebody says so.")
    save(page, "Say it")
    expect(voice(page)).to_contain_text("It runs only when somebody says so.")

    page.locator("summary", has_text="⋯").filter(visible=True).last.click()
    page.get_by_role("link", name="Run with other data…").click()
    expect(page.get_by_label("Message")).to_have_value("as always")
    page.get_by_label("Message").fill("just this once")
    page.get_by_role("button", name=re.compile("^Run now")).click()

    expect(output(page)).to_contain_text("just this once")
    expect(page.get_by_text("not the schedule's present data")).to_be_visible()
    assert server.get("schedules/say-it")["data"] == {"message": "as always"}


def test_a_refused_connection_fails_retries_with_backoff_and_shows_the_error(page, server):
    choose(page, "fetch")
    page.get_by_label("Title").fill("Nobody there")
    page.get_by_label("URL").fill(REFUSING)
    page.get_by_role("radio", name="By hand").check()
    page.get_by_text("If something goes wrong").click()
    page.get_by_label("Attempts").fill("3")
    page.get_by_label("Then wait").fill("1 s")
    page.get_by_label("The wait is").select_option("exponential")
    page.get_by_label("Spread by chance").fill("0")
    page.get_by_role("button", name="Save and run now").click()

    expect(voice(page)).to_contain_text(re.compile("Failed after .*refused.*Attempt 1 of 3", re.DOTALL))
    attempts = page.locator("#attempts").get_by_role("listitem")
    expect(attempts).to_have_count(3, timeout=30_000)
    expect(attempts.last).not_to_contain_text(re.compile("waits|queued|in "), timeout=30_000)
    attempts.last.get_by_role("link").click()
    expect(voice(page)).to_contain_text("All 3 attempts are used")

    runs = server.runs("nobody-there")
    assert [run["attempt"] for run in runs] == [3, 2, 1]
    waits = [seconds(runs[n]["not_before"], runs[n + 1]["finished_at"]) for n in (1, 0)]
    assert waits == [pytest.approx(1, abs=0.1), pytest.approx(2, abs=0.1)]
    assert all("refused" in run["outcome"]["message"] for run in runs)

    page.goto("/schedules/nobody-there")
    expect(voice(page)).to_contain_text("Failing since")
    expect(page.locator("#why")).to_contain_text("Connection refused")
    page.goto("/")
    # The sentence names the first two that fail, and other tests may have been here before.
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("fail"))
    expect(page.locator("#home-left")).to_contain_text(re.compile("Nobody there.*refused", re.DOTALL))
    assert re.match(r"\d+ failing · Home", page.title())
    server.call("DELETE", "schedules/nobody-there")


def seconds(later: str, earlier: str) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
