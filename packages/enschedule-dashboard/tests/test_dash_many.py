"""One thing done to many: what is asked, done, said and taken back; and saved views."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from browsing import Pages
from fake_client import World


def asked(world: World, name: str) -> list[Any]:
    return [call for call in world.calls if call[0] == name]


def fields(text: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that goes to ``action``."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', text, re.DOTALL)[1]
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(value) for name, value in pairs}


def said(pages: Pages, path: str = "/schedules") -> str:
    found = re.search(r'<div id="notices".*?</main>|<div id="notices"(.*?)\n</div>', pages.text(path), re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", found[1] or found[0]))[:400]


class TestSchedules:
    def test_those_that_are_ticked_are_paused_and_that_is_undone(self, pages: Pages, world: World) -> None:
        ids = ["check-shop", "check-login"]
        answer = pages.post("/schedules/actions", {"action": "pause", "id": ids, "next": "/schedules?tag=checks"})
        assert (answer.status_code, answer.location) == (303, "/schedules?tag=checks")
        assert asked(world, "schedules.actions")[0][1:3] == ("pause", ids)
        text = pages.text("/schedules?tag=checks")
        assert "Paused 2 schedules." in text
        undo = fields(text.partition('id="notices"')[2], "/schedules/actions")
        assert (undo["action"], undo["ids"]) == ("resume", "check-shop,check-login")
        assert pages.post("/schedules/actions", undo).status_code == 303
        assert not any(world.schedules[id]["paused"] for id in ids)

    def test_what_was_paused_before_stays_as_it_is_and_is_not_resumed_by_an_undo(
        self, pages: Pages, world: World
    ) -> None:
        before = dict(world.schedules["vacuum-db"]["pause"])
        form = {"action": "pause", "id": ["check-shop", "vacuum-db"], "reason": "mine", "next": "/schedules"}
        pages.post("/schedules/actions", form)
        assert world.schedules["vacuum-db"]["pause"] == before
        text = pages.text("/schedules").partition('id="notices"')[2]
        assert "Paused 1 schedule. 1 was paused already and stays as it is." in text
        assert fields(text, "/schedules/actions")["ids"] == "check-shop"
        pages.post("/schedules/actions", form | {"id": ["vacuum-db"]})
        text = pages.text("/schedules").partition('id="notices"')[2].partition("</div>")[0]
        assert "Nothing was changed. 1 was paused already and stays as it is." in text
        assert "<form" not in text

    def test_an_undo_asks_about_slots_that_were_missed_meanwhile(self, pages: Pages, world: World) -> None:
        ids = ["check-shop", "check-login"]
        pages.post("/schedules/actions", {"action": "pause", "id": ids, "next": "/schedules?tag=checks"})
        undo = fields(pages.text("/schedules?tag=checks").partition('id="notices"')[2], "/schedules/actions")
        world.schedules["check-login"]["due_at"] = "2026-11-23T13:31:00Z"
        asks = pages.post("/schedules/actions", undo)
        assert "Resume 2 schedules?" in asks.text
        assert all(world.schedules[id]["paused"] for id in ids)
        answer = fields(asks.text, "/schedules/actions")
        assert answer["pause_at"] == undo["pause_at"]
        assert pages.post("/schedules/actions", answer | {"missed": "latest"}).status_code == 303
        assert ("schedules.resume", "check-login", "latest") in world.calls
        assert not any(world.schedules[id]["paused"] for id in ids)

    def test_an_undo_leaves_what_somebody_has_paused_anew(self, pages: Pages, world: World) -> None:
        ids = ["check-shop", "check-login"]
        pages.post("/schedules/actions", {"action": "pause", "id": ids, "next": "/schedules"})
        undo = fields(pages.text("/schedules").partition('id="notices"')[2], "/schedules/actions")
        world.schedules["check-login"]["pause"] |= {"by": "bob", "at": "2026-11-23T13:33:00Z"}
        pages.post("/schedules/actions", undo)
        assert [world.schedules[id]["paused"] for id in ids] == [False, True]
        assert "Resumed 1 schedule. 1 was refused: check-login: check-login is paused" in pages.text("/schedules")

    def test_after_a_resume_only_what_was_paused_is_paused_again_for_its_reason(
        self, pages: Pages, world: World
    ) -> None:
        reason = world.schedules["vacuum-db"]["pause"]["reason"]
        form = {"action": "resume", "id": ["check-shop", "vacuum-db"], "sure": "1", "missed": "skip"}
        pages.post("/schedules/actions", form | {"next": "/schedules"})
        text = pages.text("/schedules").partition('id="notices"')[2]
        assert ">Pause it again</button>" in text
        undo = fields(text, "/schedules/actions")
        assert undo["ids"] == "vacuum-db"
        pages.post("/schedules/actions", undo)
        assert world.schedules["vacuum-db"]["pause"]["reason"] == reason
        assert not world.schedules["check-shop"]["paused"]

    def test_pauses_of_several_kinds_are_not_brought_back_at_once(self, pages: Pages, world: World) -> None:
        pages.post("/schedules/check-shop/pause", {"reason": "another"})
        form = {"action": "resume", "id": ["check-shop", "vacuum-db"], "sure": "1", "next": "/schedules"}
        pages.get("/schedules")
        pages.post("/schedules/actions", form)
        text = pages.text("/schedules").partition('id="notices"')[2].partition("</div>")[0]
        assert "Resumed 2 schedules." in text
        assert "<form" not in text

    def test_deleting_asks_with_the_number_and_can_be_undone(self, pages: Pages, world: World) -> None:
        ids = ["check-shop", "check-login", "payroll"]
        text = pages.post("/schedules/actions", {"action": "delete", "id": ids, "next": "/schedules"}).text
        assert "Delete 3 schedules?" in text
        assert "check-login" in text
        assert not asked(world, "schedules.actions")
        pages.post("/schedules/actions", fields(text, "/schedules/actions"))
        assert not world.schedules.keys() & set(ids)
        text = pages.text("/schedules")
        assert "Deleted 3 schedules." in text
        undo = fields(text.partition('id="notices"')[2], "/schedules/actions")
        pages.post("/schedules/actions", undo)
        assert set(ids) <= world.schedules.keys()

    def test_all_that_match_are_asked_about_with_their_number(self, pages: Pages, world: World) -> None:
        form = {"action": "run", "all": "1", "id": ["check-shop"], "next": "/schedules?tag=checks&sort=title"}
        text = pages.post("/schedules/actions", form).text
        count = sum("checks" in schedule["tags"] for schedule in world.schedules.values())
        assert f"Run {count} schedules?" in text
        pages.post("/schedules/actions", fields(text, "/schedules/actions"))
        _, action, ids, where, more = asked(world, "schedules.actions")[0]
        assert (action, ids, where) == ("run", None, {"tag": "checks"})
        assert more["idempotency_key"].startswith("run:")
        assert f"Started {count} schedules." in pages.text("/schedules")

    def test_resuming_asks_what_becomes_of_missed_slots(self, pages: Pages, world: World) -> None:
        text = pages.post("/schedules/actions", {"action": "resume", "id": ["vacuum-db"], "next": "/schedules"}).text
        assert all(words in text for words in ("Resume 1 schedule?", "Skip them", "Run the latest", "Run all"))
        pages.post("/schedules/actions", fields(text, "/schedules/actions") | {"missed": "latest"})
        assert ("schedules.resume", "vacuum-db", "latest") in world.calls

    def test_more_than_a_request_does_is_done_in_parts(self, pages: Pages, world: World) -> None:
        world.at_once = 10
        form = {"action": "pause", "all": "1", "next": "/schedules", "sure": "1", "reason": "move", "total": "15"}
        text = pages.post("/schedules/actions", form).text
        assert "Paused 10 of 15 schedules so far." in text
        assert "data-continue" in text
        answer = pages.post("/schedules/actions", fields(text, "/schedules/actions"))
        assert answer.status_code == 303
        assert "Paused 14 schedules. 1 was paused already and stays as it is." in pages.text("/schedules")
        reasons = {schedule["pause"]["reason"] for schedule in world.schedules.values()}
        assert reasons == {"move", "vendor maintenance"}

    def test_an_undo_in_parts_stays_with_the_pauses_that_it_means(self, pages: Pages, world: World) -> None:
        ids = ["check-shop", "check-login"]
        pages.post("/schedules/actions", {"action": "pause", "id": ids, "next": "/schedules"})
        undo = fields(pages.text("/schedules").partition('id="notices"')[2], "/schedules/actions")
        world.at_once = 1
        rest = fields(pages.post("/schedules/actions", undo).text, "/schedules/actions")
        assert (rest["cursor"], rest["pause_at"]) == ("1", undo["pause_at"])
        world.schedules["check-login"]["pause"] |= {"by": "bob", "at": "2026-11-23T13:33:00Z"}
        pages.post("/schedules/actions", rest)
        assert [world.schedules[id]["paused"] for id in ids] == [False, True]

    def test_what_is_refused_is_said(self, pages: Pages) -> None:
        pages.post("/schedules/actions", {"action": "pause", "id": ["nobody", "check-shop"], "next": "/schedules"})
        assert "Paused 1 schedule. 1 was refused: nobody: There is no schedule nobody." in pages.text("/schedules")

    @pytest.mark.parametrize(
        ("form", "words"),
        [
            ({"action": "pause"}, "No schedule is chosen."),
            ({"action": "explode", "id": ["a"]}, "is not one of: run, pause, resume, delete, restore."),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, pages: Pages, world: World, form: Any, words: str) -> None:
        answer = pages.post("/schedules/actions", form)
        assert answer.status_code == 422
        assert words in html.unescape(answer.text)
        assert not asked(world, "schedules.actions")

    def test_a_list_elsewhere_is_not_gone_back_to(self, pages: Pages) -> None:
        answer = pages.post("/schedules/actions", {"action": "pause", "id": ["payroll"], "next": "//evil.example"})
        assert answer.location == "/schedules"

    def test_many_ids_carry_no_undo(self, pages: Pages, world: World) -> None:
        for number in range(900):
            id = f"{number * 7919:x}-{number * 104729:x}"
            world.schedules[id] = {**world.schedules["check-shop"], "id": id}
        form = {"action": "pause", "all": "1", "next": "/schedules", "sure": "1"}
        answer = pages.post("/schedules/actions", form)
        assert all(len(cookie) < 4_000 for cookie in answer.headers.getlist("Set-Cookie"))
        assert f"Paused {len(world.schedules) - 1} schedules." in pages.text("/schedules")

    def test_a_count_is_of_what_matches(self, pages: Pages, world: World) -> None:
        assert pages.get("/lists/schedules/count.json?tag=checks&sort=title&cursor=x").json["count"] == sum(
            "checks" in schedule["tags"] for schedule in world.schedules.values()
        )


class TestRuns:
    def test_failed_ones_are_run_again(self, pages: Pages, world: World) -> None:
        pages.post("/runs/actions", {"action": "retry", "id": ["88214", "88201"], "next": "/runs?status=failed"})
        assert asked(world, "runs.actions")[0][1:3] == ("retry", [88214, 88201])
        text = pages.text("/runs?status=failed")
        assert "Started again 2 runs." in text
        assert 'action="/runs/actions"' not in text.partition('id="notices"')[2].partition("</div>")[0]

    def test_deleting_all_that_match_keeps_to_the_shown_days(self, pages: Pages, world: World) -> None:
        text = pages.post("/runs/actions", {"action": "delete", "all": "1", "next": "/runs?status=failed"}).text
        assert re.search(r"Delete \d+ runs?\?", text)
        assert "gone for good" in text
        pages.post("/runs/actions", fields(text, "/runs/actions"))
        where = asked(world, "runs.actions")[0][3]
        assert where == {"status": ["failed"], "from_": "2026-11-15T23:00:00Z"}

    def test_a_run_has_a_number(self, pages: Pages) -> None:
        assert pages.post("/runs/actions", {"action": "retry", "id": ["x"]}).status_code == 422

    def test_cancelling_asks(self, pages: Pages, world: World) -> None:
        assert "Cancel 1 run?" in pages.post("/runs/actions", {"action": "cancel", "id": ["88230"]}).text
        assert not asked(world, "runs.actions")


class TestViews:
    def test_what_is_shown_is_saved_chosen_renamed_and_removed(self, pages: Pages, world: World) -> None:
        address = "/schedules?tag=shop&status=failing&sort=title&by=tag"
        pages.post("/views/schedules", {"name": "Shop <b>", "next": address})
        filters = {"tag": "shop", "status": "failing", "sort": "title"}
        assert (world.views[0]["name"], world.views[0]["filters"]) == ("Shop <b>", filters)
        text = pages.text("/schedules")
        link = html.unescape(re.search(r'href="(/schedules\?[^"]*)" title="Saved by ada"', text)[1])
        assert "Shop &lt;b&gt;" in text
        assert 'title="Saved by ada" aria-current="true"' in pages.text(link)
        pages.post("/views/schedules", {"name": "Shop", "old": "Shop <b>", "next": link})
        assert [view["name"] for view in world.views] == ["Shop"]
        pages.post("/views/schedules/remove", {"name": "typed since", "old": "Shop", "next": link})
        assert world.views == []
        undo = fields(pages.text(link).partition('id="notices"')[2], "/views/schedules")
        pages.post("/views/schedules", undo)
        assert [(view["name"], view["filters"]) for view in world.views] == [("Shop", filters)]

    def test_views_of_other_programs_are_read(self, pages: Pages, world: World) -> None:
        view = {
            "list": "schedules",
            "name": "Off",
            "filters": {"paused": "true"},
            "updated_by": "ada",
            "updated_at": "",
        }
        world.views = [view, {**view, "list": "runs", "filters": {"status": "failed", "from": "2026-11-01T00:00:00Z"}}]
        assert 'href="/schedules?status=paused"' in pages.text("/schedules")
        text = pages.text("/runs?status=failed&from=2026-11-01T00:00:00Z")
        assert "Off is shown" in text

    def test_nothing_to_save_is_refused(self, pages: Pages, world: World) -> None:
        assert pages.post("/views/runs", {"name": "x", "next": "/runs"}).status_code == 422
        assert pages.post("/views/runs", {"name": " ", "next": "/runs?tag=a"}).status_code == 422
        assert pages.post("/views/files", {"name": "x"}).status_code == 422
        assert world.views == []


class TestLists:
    def test_a_search_that_is_refused_keeps_the_page(self, pages: Pages) -> None:
        answer = pages.get("/schedules?q=status:nonsense")
        assert answer.status_code == 422
        assert "nonsense is not one of: broken, paused." in answer.text
        assert 'value="status:nonsense"' in answer.text

    def test_the_counts_are_of_the_rest_of_the_search(self, pages: Pages, world: World) -> None:
        shop = [schedule for schedule in world.schedules.values() if "shop" in schedule["tags"]]
        waiting = sum(schedule["status"] == "waiting" for schedule in shop)
        text = pages.text("/schedules?tag=shop&status=waiting")
        assert f'All <span class="n">{len(shop)}</span>' in text
        assert f'Waiting <span class="n">{waiting}</span>' in text
        assert 'href="/schedules?tag=shop&amp;status=waiting"' in text

    def test_groups_have_headings(self, pages: Pages, world: World) -> None:
        text = pages.text("/schedules?by=handler")
        names = re.findall(r'<th colspan="10" scope="colgroup"><a href="/schedules\?handler=([^"]+)"', text)
        assert names == sorted({schedule["handler"]["id"] for schedule in world.schedules.values()})
        world.schedules["check-shop"]["tags"] = ["checks", "shop"]
        world.schedules["payroll"]["tags"] = []
        text = pages.text("/schedules?by=tag")
        assert 'id="s-check-shop@checks"' in text
        assert 'id="s-check-shop@shop"' in text
        assert "no tag" in text

    def test_a_heading_counts_the_whole_group_and_says_where_it_goes_on(self, pages: Pages, world: World) -> None:
        world.continues = True
        headings = re.findall(r'<tr class="day-row">(.*?)</tr>', pages.text("/schedules?by=tag"))
        name = re.search(r"\?tag=([^\"]+)\"", headings[0])[1]
        count = sum(name in schedule["tags"] for schedule in world.schedules.values()) + 100
        assert f'<span class="faint">{count}, continued</span>' in headings[0]
        assert "continued" not in headings[1]

    def test_words_for_completion(self, pages: Pages) -> None:
        words = dict(pages.get("/lists/schedules/words.json").json)
        assert "failing" in words["status"]
        assert "shop" in words["tag"]
        assert "invoice-export" in dict(pages.get("/lists/runs/words.json").json)["schedule"]

    def test_who_may_only_look_is_offered_nothing(self, pages: Pages, world: World) -> None:
        world.permissions = ["read"]
        for path in ("/schedules", "/runs"):
            assert 'name="action"' not in pages.text(path)


def test_the_same_form_starts_one_run(pages: Pages, world: World) -> None:
    form = {"once": "0123456789ab", "next": "/schedules"}
    before = len(world.runs)
    for _ in range(2):
        assert pages.post("/schedules/check-shop/run", form).status_code == 303
    assert len(world.runs) == before + 1
    pages.post("/schedules/check-login/run", form)
    pages.post("/schedules/check-shop/run", {**form, "once": "another-page"})
    assert len(world.runs) == before + 3
    assert re.search(r'name="once" value="[\w-]{12}"', pages.text("/schedules/check-shop"))


def test_what_was_deleted_can_be_restored_from_its_page(pages: Pages, world: World) -> None:
    world.deleted["payroll"] = world.schedules.pop("payroll")
    answer = pages.get("/schedules/payroll")
    assert answer.status_code == 404
    assert "The schedule payroll was deleted." in answer.text
    assert 'action="/schedules/payroll/restore"' in answer.text
    world.permissions = ["read"]
    assert "/restore" not in pages.get("/schedules/payroll").text


def test_resuming_one_says_how_many_slots_were_missed(pages: Pages, world: World) -> None:
    text = pages.text("/schedules/vacuum-db/resume")
    assert "37 slots were missed." in text
    assert "Run all, at most 10, one after the other" in text
    world.missed = 0
    assert "No slot was missed." in pages.text("/schedules/vacuum-db")
    world.missed = None
    assert "Slots were missed." in pages.text("/schedules/vacuum-db")
    assert "It is not paused" in pages.text("/schedules/check-shop/resume")


def test_a_zone_is_chosen_without_an_account(pages: Pages) -> None:
    assert pages.post("/profile/timezone", {"timezone": "America/New_York"}, page="/profile/").status_code == 303
    assert 'data-zone="America/New_York"' in pages.text("/")
    answer = pages.post("/profile/timezone", {"timezone": "Europe/Stockhom"}, page="/profile/")
    assert answer.status_code == 422
    assert "Europe/Stockhom is not a time zone." in answer.text
    pages.post("/profile/timezone", {"timezone": ""}, page="/profile/")
    assert 'data-zone="Europe/Stockholm"' in pages.text("/")


def test_the_palette_offers_first_what_can_be_done_here(pages: Pages, world: World) -> None:
    def here(at: str, words: str = "") -> list[str]:
        text = pages.client.get("/go", query_string={"q": words, "at": at}).text
        found = re.search(r'<section aria-label="Here">(.*?)</section>', text, re.DOTALL)
        return [html.unescape(label) for label in re.findall(r'hit-label">([^<]*)<', found[1])] if found else []

    title = world.schedules["check-shop"]["title"]
    assert here("/schedules/check-shop")[:2] == [f"Run {title} now", f"Pause {title}"]
    assert here("/schedules/check-shop", "pau") == [f"Pause {title}"]
    number = next(id for id, run in world.runs.items() if run["status"] == "failed")
    assert here(f"/runs/{number}")[0] == f"Run again: run {number:,}"
    assert here("/schedules/nobody") == here("/schedules/new") == here("/runs/x") == here("//evil") == []
    world.permissions = ["read"]
    assert here("/schedules/check-shop") == []


def test_the_keys_are_a_page(pages: Pages) -> None:
    text = html.unescape(re.sub(r"</?kbd>", "`", pages.text("/keys")))
    assert 'id="keys-list"' in text
    page = (Path(__file__).parents[3] / "docs/dashboard.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| (`.*`) \| (.+) \|$", page.partition("| key |")[2], re.MULTILINE)
    assert len(documented) == 12
    for keys, words in documented:
        assert re.search(rf"{re.escape(keys)}\s*</dt><dd>{re.escape(words)}</dd>", text), keys
