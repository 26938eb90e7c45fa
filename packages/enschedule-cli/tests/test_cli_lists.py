"""get, describe, status, why, next, preview, handlers: what they show, in every form, and what they refuse."""

from __future__ import annotations

import json

import pytest

from enschedule_cli import health
from enschedule_cli.times import read
from enschedule_cli.yaml_text import load

ALL_FORMS = [("schedules",), ("runs",), ("handlers",), ("workers",)]


@pytest.fixture
def run(terminal, schedule):
    """A run of the schedule that has succeeded."""
    with terminal.client() as client:
        return client.runs.wait(client.schedules.run(schedule, {"lines": ["a"], "result": {"n": 1}})["id"])


@pytest.mark.parametrize("kind", ALL_FORMS)
def test_every_list_has_every_form(terminal, run, kind):
    table = terminal.ok("get", *kind).splitlines()
    names = terminal.ok("get", *kind, "-o", "name").splitlines()
    found = json.loads(terminal.ok("get", *kind, "-o", "json"))
    assert load(terminal.ok("get", *kind, "-o", "yaml")) == found
    assert names == [str(one["id"]) for one in found]
    assert len(table) == len(names) + 1
    assert table[0].split()[0] == "ID"
    for line, name in zip(table[1:], names, strict=True):
        assert name in line.split()


def test_lists_are_narrowed(terminal, schedule, run):
    def ids(*arguments):
        return terminal.ok("get", *arguments, "-o", "name").split()

    assert ids("schedules", "-q", schedule) == [schedule]
    assert ids("schedules", schedule) == [schedule]
    assert ids("schedules", "-q", schedule, "--status", "failing", "--status", "broken") == []
    assert ids("schedules", "-q", schedule, "--not-paused", "--not-failing", "--handler", "say") == [schedule]
    assert ids("schedules", "-q", schedule, "--paused") == []
    assert ids("runs", "--schedule", schedule) == [str(run["id"])]
    assert ids("runs", "--schedule", schedule, "--status", "failed", "--status", "succeeded") == [str(run["id"])]
    assert ids("runs", "--schedule", schedule, "--from", "1h", "--worker", "here") == [str(run["id"])]
    assert ids("runs", "--schedule", schedule, "--to", "1h") == []
    assert ids("runs", str(run["id"])) == [str(run["id"])]
    assert ids("handlers", "-q", "say") == ["say"]


def test_an_empty_list_is_said_and_nothing_is_on_stdout(terminal):
    done = terminal("get", "schedules", "-q", "nothing-like-this")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "There are no schedules that match.\n")
    assert json.loads(terminal.ok("get", "schedules", "-q", "nothing-like-this", "-o", "json")) == []


def test_a_list_says_that_there_is_more(terminal, schedule):
    with terminal.client() as client:
        client.schedules.put(f"{schedule}-2", {"handler": "say", "schedule": "manual"})
    done = terminal("get", "schedules", "-q", schedule, "--limit", "1", "-o", "name", "--sort", "-id")
    assert (done.stdout, done.stderr) == (f"{schedule}-2\n", "There are more; --limit 0 shows all.\n")
    every = terminal("get", "schedules", "-q", schedule, "--limit", "0", "-o", "name")
    assert (len(every.stdout.split()), every.stderr) == (2, "")
    terminal.ok("delete", f"{schedule}-2")


def test_watching_shows_what_changes_until_it_is_stopped(terminal, schedule):
    """What is the same is not repeated in a pipe; Ctrl-C ends with 130."""
    turns = []

    def sleep(seconds):
        turns.append(seconds)
        if len(turns) == 3:
            terminal.ok("pause", schedule)
        if len(turns) == 5:
            raise KeyboardInterrupt

    terminal.sleep = sleep
    done = terminal("get", "schedules", schedule, "--watch", "--every", "0.5")
    assert done.exit_code == 130
    assert turns == [0.5] * 5
    assert [line.split()[1] for line in done.stdout.splitlines() if schedule in line] == ["manual", "paused"]


def test_titles_and_messages_of_others_cannot_steer_a_terminal(terminal, name):
    with terminal.client() as client:
        client.schedules.put(
            name,
            {
                "handler": "say",
                "title": "safe \u202eevil",
                "description": "a\n\u2066b",
                "data": {"error": "\x1b[2Jgone"},
            },
        )
        client.runs.wait(client.schedules.run(name)["id"])
    for arguments in (
        ("get", "schedules", name),
        ("get", "runs", "--schedule", name),
        ("describe", "schedule", name),
        ("status",),
        ("why", name),
        *((("get", "schedules", name, "-o", form)) for form in ("json", "yaml")),
    ):
        done = terminal(*arguments)
        assert all(one.isprintable() or one == "\n" for one in done.output), arguments
    terminal.ok("delete", name)


# --- describe ---


def test_a_schedule_is_shown_in_full(terminal, name):
    terminal.ok(
        "create",
        name,
        "--handler",
        "say",
        "--schedule",
        "every day at 2 am",
        "--timezone",
        "Europe/Stockholm",
        "--data",
        '{"lines": ["å"]}',
        "--attempts",
        "3",
        "--timeout",
        "15m",
        "--tag",
        "b",
        "--tag",
        "a",
        "--description",
        "One.\nTwo.",
        "--set",
        "retry.jitter=0.5",
        "--set",
        "concurrency_group=erp",
        "--set",
        "overlap=queue",
        "--title",
        "Ping",
    )
    shown = terminal.ok("describe", "schedule", name)
    for text in (
        "Ping",
        "Every day at 02:00 (Europe/Stockholm)",
        "every day at 2 am = 0 2 * * *",
        "say@1",
        "15 min",
        "queue",
        "b, a",
        "One.\n  Two.",
        '"å"',
        "Attempts",
        "Concurrency group",
        "erp",
    ):
        assert text in shown, text
    assert json.loads(terminal.ok("describe", "schedule", name, "-o", "json"))["retry"]["jitter"] == 0.5
    terminal.ok("delete", name)


def test_a_run_is_shown_in_full(terminal, run, schedule):
    shown = terminal.ok("describe", "run", str(run["id"]))
    for text in (schedule, "succeeded", "manual", "here", "1 lines, 2 bytes", '"n": 1'):
        assert text in shown, text
    assert load(terminal.ok("describe", "run", str(run["id"]), "-o", "yaml"))["result"] == {"n": 1}


def test_a_run_that_failed_shows_its_traceback(terminal, schedule):
    done = terminal("run", schedule, "--data", '{"error": "no luck"}', "--follow")
    assert done.exit_code == 1
    shown = terminal.ok("describe", "run", terminal.ok("get", "runs", "--schedule", schedule, "-o", "name").split()[0])
    assert "RuntimeError: no luck" in shown
    assert "Traceback" in shown


def test_a_handler_is_shown_with_its_fields(terminal):
    shown = terminal.ok("describe", "handler", "log-job@1")
    assert "message" in shown
    assert "required" in shown
    assert "here (up)" in shown
    assert terminal("describe", "handler", "log-job@x").exit_code == 2
    assert terminal("describe", "handler", "log-job@99").exit_code == 1


def test_a_worker_is_shown(terminal):
    assert "here" in terminal.ok("describe", "worker", "here")
    assert terminal("describe", "worker", "nobody").exit_code == 1


def test_handlers_list_is_get_handlers(terminal):
    assert terminal.ok("handlers", "list") == terminal.ok("get", "handlers")


# --- status ---

FINE = {"total": 3, "failing": 0, "running": 0, "waiting": 0, "paused": 0, "broken": 0, "retrying": 0, "overdue": 0}
QUEUE = {"queued": 0, "running": 0, "places": 8, "used": 0, "pause": None, "start_delay_seconds": None}
NOW = read("2026-03-28T12:00:00Z")
SLOT = {"at": "2026-03-28T13:00:00Z", "schedule": {"id": "ping", "title": "Ping"}}


@pytest.mark.parametrize(
    ("counts", "queue", "said", "fine"),
    [
        ({}, {}, "All 3 schedules are fine. Next is ping, in 1 h.", True),
        ({"total": 1}, {}, "The one schedule is fine. Next is ping, in 1 h.", True),
        ({"total": 0}, {}, "Nothing is scheduled yet.", True),
        ({"failing": 1}, {}, "Of 3 schedules, 1 is failing.", False),
        ({"failing": 2, "broken": 1}, {}, "Of 3 schedules, 2 are failing and 1 cannot run as it is written.", False),
        (
            {"total": 9, "failing": 1, "broken": 2, "waiting": 1, "overdue": 1},
            {},
            "Of 9 schedules, 1 is failing, 2 cannot run as they are written and 1 waits for a worker.",
            False,
        ),
        ({"overdue": 2}, {}, "Of 3 schedules, 2 are overdue.", False),
        ({}, {"places": 0}, "No worker has been seen for 5 min. Nothing runs until one is back.", False),
        (
            {},
            {"queued": 4, "used": 8, "start_delay_seconds": 61},
            "All 3 schedules are fine, but runs start 1 min 1 s late: 4 wait, all 8 places are taken.",
            True,
        ),
        (
            {},
            {"pause": {"by": "ada", "reason": "moving", "until": None, "at": None}},
            "Everything is paused by ada: “moving”. All 3 schedules are fine.",
            True,
        ),
    ],
)
def test_the_sentence_says_what_is_wrong(counts, queue, said, fine):
    worker = {"heartbeat_at": "2026-03-28T11:55:00Z"}
    state = health.State({**FINE, **counts}, {**QUEUE, **queue}, [worker], SLOT, NOW)
    assert (health.sentence(state), state.is_fine) == (said, fine)


def test_nothing_planned_and_nobody_there_are_said():
    assert health.sentence(health.State(FINE, QUEUE, [], None, NOW)).endswith(
        "Nothing is planned in the next 12 hours."
    )
    assert health.sentence(health.State(FINE, {**QUEUE, "places": 0}, [], None, NOW)).startswith(
        "No worker has been seen"
    )


def test_status_ends_with_1_while_something_fails(terminal, schedule):
    assert terminal("status").exit_code == 0
    terminal("run", schedule, "--data", '{"error": "no luck"}', "--follow")
    done = terminal("status")
    assert done.exit_code == 1
    assert "1 is failing" in done.stdout
    assert f"  {schedule}  failing" in done.stdout
    assert "no luck" in done.stdout
    assert json.loads(terminal("status", "-o", "json").stdout)["ok"] is False
    terminal.ok("run", schedule, "--follow")
    assert terminal("status").exit_code == 0


# --- why, next, preview ---


def test_why_says_what_is_in_the_way_and_the_cure(terminal, schedule):
    terminal.ok("pause", schedule, "--reason", "moving")
    shown = terminal.ok("why", schedule)
    assert "✗" in shown
    assert "moving" in shown
    assert f"    enschedule resume {schedule}" in shown
    assert json.loads(terminal.ok("why", schedule, "-o", "json"))["checks"]


def test_next_shows_the_slots_of_one_or_of_all(terminal, name):
    terminal.ok("create", name, "--handler", "say", "--schedule", "every 5 minutes", "--timezone", "Asia/Tokyo")
    one = terminal.ok("next", name, "--count", "3").splitlines()
    assert len(one) == 3
    assert all("JST" in line for line in one)
    every = terminal.ok("next", "--count", "100")
    assert name in every
    assert json.loads(terminal.ok("next", name, "-o", "json"))["timezone"] == "Asia/Tokyo"
    terminal.ok("delete", name)


def test_preview_says_what_it_means(terminal):
    shown = terminal.ok(
        "preview",
        "every day at 2 am",
        "--timezone",
        "Europe/Stockholm",
        "--after",
        "2026-03-28T00:00:00Z",
        "--count",
        "2",
    )
    assert "Every day at 02:00" in shown
    assert "Sat 28 Mar 2026 02:00:00 CET  2026-03-28T01:00:00Z" in shown
    assert "29 Mar 2026" in shown


def test_preview_points_at_the_mistake(terminal):
    done = terminal("preview", "every dag at 2 am")
    assert (done.exit_code, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    at = lines.index("  every dag at 2 am")
    assert lines[at + 1] == "        ^^^"
    assert lines[at + 2] == "  Try: every day at 2 am"
