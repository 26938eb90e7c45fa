"""Schedule files against a real server: apply, dry run, prune, overrides, and a server that goes away."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the kit is a module beside the tests

from files_kit import Shop, worker

from enschedule_cli.files import plan, sources
from enschedule_cli.files.documents import Reader
from enschedule_core.errors import WorkerUnreachable

PING = """
    apiVersion: v1
    spec:
      name: ping
      handler: fetch
      data:
        url: https://www.google.com
        method: get
      description: ping our website
      schedule: 'every day at 2 am'
      timezone: Europe/Stockholm
      id: ping
    """


def log(id: str, *lines: str, message: str = "hi") -> str:
    return "\n".join(["spec:", f"  id: {id}", "  handler: log-job", f"  data: {{message: {message}}}", *lines, ""])


def line(text: str) -> str:
    return f"  {text}"


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with worker() as built:
        yield built


@pytest.fixture
def shop(server: Any, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, server.app)
    yield made
    for id in made.ids():
        made.client.schedules.delete(id)


def test_a_file_is_created_updated_and_left_unchanged(shop: Shop) -> None:
    shop.write("ping.yml", PING)
    said = shop.ok("apply", "-f", "ping.yml")
    assert re.fullmatch(r"ping: created, first run (Mon|Tue|Wed|Thu|Fri|Sat|Sun) 02:00 Europe/Stockholm\n", said)
    found = shop.client.schedules.get("ping")
    assert (found["title"], found["data"]["method"], found["managed_by"]) == ("ping", "get", "file ping.yml")
    assert shop.ok("apply", "-f", "ping.yml") == "ping: unchanged\n"
    shop.write("ping.yml", PING.replace("www.google.com", "www.example.com").replace("at 2 am", "at 3 am"))
    said = shop.ok("apply", "-f", "ping.yml")
    assert re.fullmatch(r"ping: updated \(.*data\.url.*\), next run \w{3} 03:00 Europe/Stockholm\n", said)
    assert shop.client.schedules.get("ping")["revision"] == 2


def test_many_documents_folders_patterns_and_standard_input(shop: Shop) -> None:
    shop.write("jobs/two.yml", log("one") + "---\n" + log("two") + "---\n")
    shop.write("jobs/deep/three.yaml", log("three"))
    shop.write("jobs/.hidden.yml", "not: read")
    shop.write("jobs/notes.txt", "not: read")
    assert [text.split(":")[0] for text in shop.ok("apply", "-f", "jobs").splitlines()] == ["one", "two", "three"]
    assert shop.ok("apply", "-f", "jobs/*.yml").count("unchanged") == 2
    assert shop.ok("apply", "-f", "jobs/**/*.yaml", "-f", "jobs").count("unchanged") == 3
    assert "four: created, runs by hand" in shop.ok("apply", "-f", "-", stdin=log("four"))
    assert shop.client.schedules.get("four")["managed_by"] == "file standard input"


@pytest.mark.parametrize(
    ("given", "said"),
    [("nowhere.yml", "does not exist"), ("*.yml", "matches nothing"), ("empty", "no file in this folder")],
)
def test_files_that_are_not_there_are_wrong_usage(shop: Shop, given: str, said: str) -> None:
    (shop.folder / "empty").mkdir()
    done = shop.run("apply", "-f", given)
    assert done.exit_code == 2
    assert f"-f {given}: " in done.stderr
    assert said in done.stderr


def test_a_mistake_names_file_line_column_and_field_and_nothing_of_that_file_is_applied(shop: Shop) -> None:
    shop.write("bad.yml", log("good") + "---" + dedent(PING).replace("https://www.google.com", "ftp://x"))
    shop.write("fine.yml", log("fine"))
    done = shop.run("apply", "-f", "bad.yml", "-f", "fine.yml")
    assert done.exit_code == 1
    assert "bad.yml:11:10: spec.data.url: Must be an http or https URL" in done.stderr
    assert done.stdout == "fine: created, runs by hand\n"
    assert shop.ids() == ["fine"]


def test_a_dry_run_says_what_would_be_and_does_nothing(shop: Shop) -> None:
    shop.write("ping.yml", PING)
    assert "ping: would be created, first run" in shop.ok("apply", "-f", "ping.yml", "--dry-run")
    assert shop.ids() == []
    shop.ok("apply", "-f", "ping.yml")
    shop.write("ping.yml", PING.replace("at 2 am", "at 3 am"))
    assert "ping: would be updated (trigger" in shop.ok("apply", "-f", "ping.yml", "--dry-run")
    assert shop.client.schedules.get("ping")["revision"] == 1


def test_prune_deletes_what_belongs_to_files_has_the_tag_and_stands_in_none(shop: Shop) -> None:
    tagged = line("tags: [shop]")
    shop.write("all.yml", "---\n".join([log("stays", tagged), log("goes", tagged), log("other")]))
    shop.ok("apply", "-f", "all.yml")
    shop.client.schedules.put("by-hand", {"handler": "log-job", "data": {"message": "x"}, "tags": ["shop"]})
    shop.write("all.yml", log("stays", tagged))
    said = shop.ok("apply", "-f", "all.yml", "--prune", "-l", "tag=shop", "--dry-run")
    assert said == "stays: unchanged\ngoes: would be deleted; it was from file all.yml\n"
    assert shop.ids() == ["by-hand", "goes", "other", "stays"]
    assert "goes: deleted" in shop.ok("apply", "-f", "all.yml", "--prune", "-l", "tag=shop")
    assert shop.ids() == ["by-hand", "other", "stays"]


def test_a_diff_shows_what_prune_would_delete(shop: Shop) -> None:
    tagged = line("tags: [shop]")
    shop.write("all.yml", "---\n".join([log("stays", tagged), log("goes", tagged), log("other")]))
    shop.ok("apply", "-f", "all.yml")
    shop.write("all.yml", log("stays", tagged))
    assert shop.ok("diff", "-f", "all.yml") == ""
    done = shop.run("diff", "-f", "all.yml", "--prune", "-l", "tag=shop")
    assert done.exit_code == 1
    assert done.stdout.startswith("--- goes (server)\n+++ goes (deleted)\n@@")
    assert "\n-  id: goes\n" in done.stdout
    assert "stays" not in done.stdout
    assert shop.ids() == ["goes", "other", "stays"]
    assert "--prune needs -l tag=NAME" in shop.run("diff", "-f", "all.yml", "--prune").stderr
    assert "-l goes with --prune" in shop.run("diff", "-f", "all.yml", "-l", "tag=shop").stderr
    shop.write("all.yml", log("stays", tagged, line("colour: red")))
    done = shop.run("diff", "-f", "all.yml", "--prune", "-l", "tag=shop")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Nothing is deleted while a file has a mistake." in done.stderr


def test_prune_needs_a_tag_and_files_without_a_mistake(shop: Shop) -> None:
    shop.write("a.yml", log("a", line("tags: [shop]")))
    shop.ok("apply", "-f", "a.yml")
    assert "--prune needs -l tag=NAME" in shop.run("apply", "-f", "a.yml", "--prune").stderr
    assert "for example -l tag=shop" in shop.run("apply", "-f", "a.yml", "--prune", "-l", "shop").stderr
    shop.write("a.yml", log("a", line("tags: [shop]"), line("colour: red")))
    done = shop.run("apply", "-f", "a.yml", "--prune", "-l", "tag=shop")
    assert done.exit_code == 1
    assert "Nothing is deleted while a file has a mistake." in done.stderr
    assert shop.ids() == ["a"]


def test_an_edit_by_hand_is_an_override_which_apply_undoes(shop: Shop) -> None:
    shop.write("a.yml", log("a"))
    shop.ok("apply", "-f", "a.yml")
    assert shop.client.schedules.patch("a", {"title": "Mine"})["overridden"]
    assert shop.ok("apply", "-f", "a.yml") == "a: updated (title); an edit by hand is undone\n"
    assert not shop.client.schedules.get("a")["overridden"]


def test_apply_says_whose_schedule_it_takes(shop: Shop) -> None:
    shop.client.schedules.put("a", {"handler": "log-job", "data": {"message": "hi"}})
    shop.write("a.yml", log("a"))
    assert shop.ok("apply", "-f", "a.yml") == "a: updated; it was made by hand\n"
    (shop.folder / "a.yml").rename(shop.folder / "b.yml")
    assert shop.ok("apply", "-f", "b.yml") == "a: updated; it was from file a.yml\n"


def test_what_runs_after_another_may_stand_in_any_order(shop: Shop) -> None:
    shop.write("chain.yml", "---\n".join([log("a", line("on_success: b")), log("b", line("on_failure: c")), log("c")]))
    shop.ok("apply", "-f", "chain.yml")
    assert shop.client.schedules.get("a")["on_success"] == "b"
    shop.write("round.yml", "---\n".join([log("x", line("on_success: y")), log("y", line("on_success: x"))]))
    done = shop.run("apply", "-f", "round.yml")
    assert "round.yml:5:15: spec.on_success: This is a circle: y leads back to x." in done.stderr
    assert "x" not in shop.ids()


def test_an_id_twice_is_refused_at_both_places(shop: Shop) -> None:
    shop.write("a.yml", log("same"))
    shop.write("b.yml", log("same"))
    done = shop.run("apply", "-f", ".")
    assert "a.yml:2:7: spec.id: same stands in b.yml:2 too." in done.stderr
    assert "b.yml:2:7: spec.id: same stands in a.yml:2 too." in done.stderr
    assert shop.ids() == []


def test_variables_are_replaced_only_when_asked_for(shop: Shop) -> None:
    shop.write("a.yml", log("a", line("description: '${WHO} and $${WHO}'"), message="'${WHO}'"))
    shop.ok("apply", "-f", "a.yml")
    assert shop.client.schedules.get("a")["data"] == {"message": "${WHO}"}
    done = shop.run("apply", "-f", "a.yml", "--env")
    assert "a.yml:4:19: spec.data.message: The environment variable WHO is not set" in done.stderr
    shop.environ["WHO"] = "Ada"
    shop.ok("apply", "-f", "a.yml", "--env")
    found = shop.client.schedules.get("a")
    assert (found["data"], found["description"]) == ({"message": "Ada"}, "Ada and ${WHO}")


@pytest.mark.parametrize(
    ("written", "who", "found"),
    [
        ("'${WHO:-you}'", None, "you"),
        ("${WHO:-you and me}", "", "you and me"),
        ("${WHO:-you}", "Ada", "Ada"),
        ("'${WHO:-}'", None, ""),
        ("'$${WHO:-you}'", "Ada", "${WHO:-you}"),
        ("'${WHO:-a:-b}'", None, "a:-b"),
    ],
)
def test_a_variable_may_have_something_to_stand_in_for_it(
    shop: Shop, written: str, who: str | None, found: str
) -> None:
    shop.write("a.yml", log("a", message=written).replace("{message: ", "\n    message: ").replace("}\n", "\n"))
    shop.environ |= {} if who is None else {"WHO": who}
    shop.ok("apply", "-f", "a.yml", "--env")
    assert shop.client.schedules.get("a")["data"] == {"message": found}


@pytest.mark.parametrize("written", ["${WHO-you}", "${:-you}", "${WHO:?no}", "${2}", "${WHO"])
def test_what_names_no_variable_is_a_mistake_that_shows_how_to_name_one(shop: Shop, written: str) -> None:
    shop.write("a.yml", log("a", message=f"'{written}'"))
    done = shop.run("apply", "-f", "a.yml", "--env")
    assert done.exit_code == 1
    assert f"a.yml:4:19: spec.data.message: {written} names no environment variable; write ${{NAME}}, " in done.stderr
    assert shop.ids() == []


def test_the_defaults_of_folders_hold_for_what_is_below(shop: Shop) -> None:
    shop.write(
        "jobs/defaults.yml", "kind: defaults\nspec: {timezone: Europe/Stockholm, tags: [shop], retry: {delay: 5m}}\n"
    )
    shop.write("jobs/night/defaults.yml", "kind: defaults\nspec: {timezone: Asia/Tokyo, tags: [night]}\n")
    shop.write("jobs/a.yml", log("a", line("cron: 0 2 * * *"), line("retries: 2")))
    shop.write("jobs/night/b.yml", log("b", line("cron: 0 2 * * *"), line("tags: [own]")))
    shop.ok("apply", "-f", "jobs")
    a, b = shop.client.schedules.get("a"), shop.client.schedules.get("b")
    assert (a["trigger"]["timezone"], a["tags"]) == ("Europe/Stockholm", ["shop"])
    assert (a["retry"]["max_attempts"], a["retry"]["delay_seconds"]) == (3, 300)
    assert (b["trigger"]["timezone"], b["tags"]) == ("Asia/Tokyo", ["shop", "night", "own"])
    assert shop.ok("apply", "-f", "jobs/night/b.yml") == "b: unchanged\n"


def test_a_mistake_in_the_defaults_is_said_once_and_stops_what_depends_on_them(shop: Shop) -> None:
    shop.write("jobs/defaults.yml", "kind: defaults\nspec:\n  timezone: Mars/Base\n  handler: fetch\n")
    shop.write("jobs/a.yml", log("a", line("cron: 0 2 * * *")))
    shop.write("b.yml", log("b") + "---\nkind: defaults\nspec: {tags: [x]}\n")
    done = shop.run("apply", "-f", ".")
    assert done.stderr.count("jobs/defaults.yml:4:3: spec.handler: Defaults cannot say this") == 1
    assert "b.yml:7:1: spec: kind: defaults stands in a file defaults.yml." in done.stderr
    assert shop.ids() == []


# ------------------------------------------------------------------------------------------- the server goes away


class Leaving:
    """An app that answers 503 to every PUT after the first few."""

    def __init__(self, app: Any, puts: int) -> None:
        self.app = app
        self.puts = puts

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "PUT":
            self.puts -= 1
            if self.puts < 0:
                start_response("502 Bad Gateway", [("Content-Type", "text/html")])
                return [b"<h1>Bad gateway</h1>"]
        return self.app(environ, start_response)


def test_a_server_that_goes_away_leaves_what_was_done_and_a_second_apply_finishes_it(shop: Shop) -> None:
    ids = [f"s-{number:02}" for number in range(30)]
    shop.write("many.yml", "---\n".join(log(id) for id in ids))
    leaving = Shop(shop.folder, Leaving(shop.app, 10))
    done = leaving.run("apply", "-f", "many.yml")
    assert done.exit_code == 3
    assert "of 30 are done; what was printed is saved. Apply again to finish." in done.stderr
    printed = [text.split(":")[0] for text in done.stdout.splitlines()]
    assert 0 < len(printed) <= 10
    assert set(printed) <= set(shop.ids())
    assert len(shop.ids()) == 10
    said = shop.ok("apply", "-f", "many.yml")
    assert (said.count("unchanged"), said.count("created")) == (10, 20)
    assert shop.ids() == ids


class Asked:
    """The client of a server that answers that each definition would be made, and remembers what it was asked."""

    def __init__(self) -> None:
        self.schedules = self
        self.asked: list[tuple[list[str], list[str]]] = []

    def preview(self, items: Any, known: Any = ()) -> Any:
        self.asked.append(([one["id"] for one in items], list(known)))
        return {"items": [{"id": one["id"], "change": "created", "problem": None} for one in items]}


def test_a_large_folder_is_asked_about_in_pages_while_it_is_read(tmp_path: Path) -> None:
    names = [f"job-{number:03}" for number in range(450)]
    for name in names:
        more = "  on_success: job-449\n" if name == "job-003" else ""
        (tmp_path / f"{name}.yml").write_text(f"spec:\n  id: {name}\n  handler: log-job\n{more}")
    (tmp_path / "again.yml").write_text("spec: {id: job-100, handler: log-job}\n")
    client = Asked()
    made = plan.make(client, sources.find([str(tmp_path)]), Reader())  # type: ignore[arg-type]
    good = [name for name in names if name != "job-100"]
    assert [change.wanted.id for change in made.changes] == good
    assert [change.answer["id"] for change in made.changes] == good
    assert {Path(problem.path).name for problem in made.problems} == {"again.yml", "job-100.yml"}
    assert [len(ids) for ids, _ in client.asked] == [200, 200, 51]
    (followed,) = [known for ids, known in client.asked if "job-003" in ids]
    assert followed == ["job-449"]
    assert all(known == [] for ids, known in client.asked if "job-003" not in ids)


def test_a_server_that_goes_away_while_files_are_read_is_told(tmp_path: Path) -> None:
    class Gone(Asked):
        def preview(self, items: Any, known: Any = ()) -> Any:
            raise WorkerUnreachable

    for number in range(210):
        (tmp_path / f"{number}.yml").write_text(f"spec: {{id: job-{number}, handler: log-job}}\n")
    with pytest.raises(WorkerUnreachable):
        plan.make(Gone(), sources.find([str(tmp_path)]), Reader())  # type: ignore[arg-type]
