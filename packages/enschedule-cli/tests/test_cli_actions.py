"""create, edit, delete, restore, pause, resume, run, logs, wait, cancel, retry: what they do, and how they end."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from enschedule_cli.commands.edit import FIELDS
from enschedule_cli.connection import Surroundings
from enschedule_cli.main import cli
from enschedule_client.system import EverythingPaused
from enschedule_core import errors
from enschedule_core.wire.schedules import ScheduleInput

# --- Schedules ---


def test_a_schedule_is_created_once(terminal, name):
    said = terminal.ok(
        "create", name, "--handler", "say", "--schedule", "every day at 2 am", "--timezone", "Asia/Tokyo"
    )
    assert said.startswith(f"{name}: created, scheduled, first run ")
    assert said.endswith(" 02:00:00 JST\n")
    again = terminal("create", name, "--handler", "say")
    assert (again.exit_code, again.stdout) == (1, "")
    assert f"enschedule edit {name} changes it" in again.stderr
    terminal.ok("delete", name)


def test_creation_in_other_forms(terminal, name):
    assert terminal.ok("create", name, "--handler", "say", "--paused", "-o", "name") == f"{name}\n"
    made = json.loads(
        terminal.ok(
            "create",
            f"{name}-2",
            "--handler",
            "say@1",
            "-o",
            "json",
            "--set",
            "retry.max_attempts=2",
            "--set",
            "notify=none",
            "--data",
            "@-",
            input='{"lines": []}',
        )
    )
    assert (made["retry"]["max_attempts"], made["notify"], made["data"]) == (2, "none", {"lines": []})
    assert json.loads(terminal.ok("describe", "schedule", name, "-o", "json"))["paused"] is True
    terminal.ok("delete", name, f"{name}-2")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--handler", "say", "--schedule", "every dag"], 1, "dag"),
        (["--handler", "none-such"], 1, "none-such"),
        (["--handler", "log-job", "--data", '{"message": 1}'], 1, "data.message"),
        (["--handler", "say", "--data", "[1]"], 2, "JSON object"),
        (["--handler", "say", "--set", "nonsense=1"], 1, "nonsense"),
        (["--handler", "say", "--set", "nonsense"], 2, "--set retry.jitter=0.1"),
        (["--handler", "say", "--title", "x", "--set", "title.y=1"], 2, "title"),
        (["--handler", "say", "--timeout", "soon"], 2, "15m"),
        ([], 2, "--handler"),
    ],
)
def test_what_cannot_be_created_is_refused_by_name(terminal, name, arguments, code, said):
    done = terminal("create", name, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_deleted_schedules_are_brought_back(terminal, schedule):
    assert terminal.ok("delete", schedule) == f"{schedule}: deleted\n"
    assert terminal("get", "schedules", schedule).exit_code == 1
    assert terminal.ok("restore", schedule) == f"{schedule}: restored, manual\n"


def test_of_several_those_that_can_are_done(terminal, schedule):
    done = terminal("pause", "none-such", schedule)
    assert (done.exit_code, done.stdout) == (1, f"{schedule}: paused\n")
    assert (
        done.stderr == "Error: none-such: There is no schedule none-such. Ids are listed by enschedule get schedules.\n"
    )


def test_pause_and_resume(terminal, schedule):
    assert terminal.ok("pause", schedule, "--reason", "moving", "--until", "2100-01-01T00:00:00Z") == (
        f"{schedule}: paused until 2100-01-01T00:00:00Z\n"
    )
    assert json.loads(terminal.ok("describe", "schedule", schedule, "-o", "json"))["pause"]["reason"] == "moving"
    assert terminal.ok("resume", schedule, "--missed", "latest") == f"{schedule}: manual\n"
    assert terminal("pause").exit_code == 2
    assert terminal("pause", schedule, "--all").exit_code == 2
    assert terminal("pause", schedule, "--until", "tomorrow").exit_code == 2


def test_of_two_who_pause_a_schedule_the_second_is_told_and_replaces_only_when_told(terminal, schedule):
    terminal.ok("pause", schedule, "--reason", "moving")
    assert terminal.ok("pause", schedule, "--reason", "moving") == f"{schedule}: paused\n"
    with terminal.client() as client:
        body = {"id": f"{schedule}-beside", "handler": "log-job", "data": {"message": "hi"}}
        other = client.schedules.create(body)["id"]
    done = terminal("pause", schedule, other, "--reason", "an upgrade", "--until", "2100-01-01T00:00:00Z")
    assert (done.exit_code, done.stdout) == (1, f"{other}: paused until 2100-01-01T00:00:00Z\n")
    said = rf"^Error: {schedule}: {schedule} is paused already, by .+ since \S+Z: “moving”\. That stays as it is\."
    assert re.search(said, done.stderr)
    assert f"enschedule pause {schedule} --replace puts yours in its place" in done.stderr
    assert json.loads(terminal.ok("describe", "schedule", schedule, "-o", "json"))["pause"]["reason"] == "moving"
    assert terminal.ok("pause", schedule, "--replace", "--reason", "an upgrade") == f"{schedule}: paused\n"
    assert json.loads(terminal.ok("describe", "schedule", schedule, "-o", "json"))["pause"]["reason"] == "an upgrade"


def test_everything_is_paused_and_goes_on(terminal, schedule):
    assert terminal.ok("pause", "--all", "--reason", "moving") == "everything: paused\n"
    try:
        assert "Everything is paused" in terminal("status").stdout
        done = terminal("run", schedule)
        assert done.exit_code == 1
        assert "enschedule resume --all lets everything go on" in done.stderr
        assert terminal("resume", "--all", "--missed", "some").exit_code == 2
        with terminal.client() as client:
            assert client.pause.get()["paused"]
    finally:
        assert terminal.ok("resume", "--all", "--missed", "latest") == "everything: goes on\n"
    with terminal.client() as client:
        assert client.audit.list(limit=1)["items"][0]["detail"] == {"missed": "latest"}


def test_of_two_who_pause_everything_the_second_is_told_and_replaces_only_when_told(terminal):
    terminal.ok("pause", "--all", "--reason", "moving")
    try:
        assert terminal.ok("pause", "--all", "--reason", "moving") == "everything: paused\n"
        done = terminal("pause", "--all", "--reason", "an upgrade", "--until", "2100-01-01T00:00:00Z")
        assert (done.exit_code, done.stdout) == (1, "")
        assert re.search(r"^Error: Everything is paused already, by .+ since \S+Z: “moving”\. That stays", done.stderr)
        assert "enschedule pause --all --replace" in done.stderr
        with terminal.client() as client:
            assert client.pause.get()["reason"] == "moving"
        assert terminal("pause", "--all").exit_code == 1
        replaced = terminal.ok(
            "pause", "--all", "--replace", "--reason", "an upgrade", "--until", "2100-01-01T00:00:00Z"
        )
        assert replaced == "everything: paused until 2100-01-01T00:00:00Z\n"
        again = terminal("pause", "--all", "--reason", "moving")
        assert "until 2100-01-01T00:00:00Z: “an upgrade”" in again.stderr
    finally:
        terminal.ok("resume", "--all")


def test_a_pause_of_everything_in_the_same_moment_is_told_too(terminal, monkeypatch):
    looked = EverythingPaused.get

    def late(self):
        found = looked(self)
        self.begin("theirs")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(EverythingPaused, "get", late)
        done = terminal("pause", "--all", "--reason", "mine")
    try:
        assert (done.exit_code, "“theirs”. That stays as it is." in done.stderr) == (1, True)
    finally:
        terminal.ok("resume", "--all")


# --- edit ---


@pytest.fixture
def edit(terminal, schedule, tmp_path, monkeypatch):
    """Return a function that edits the schedule with a program (``text`` in, ``text`` out) as the editor."""

    def run_edit(program: str, id: str = schedule):
        script = tmp_path / "editor.py"
        script.write_text(
            "import sys, os, time, pathlib\np = pathlib.Path(sys.argv[1])\ntext = p.read_text()\n"
            f"{program}\np.write_text(text)\nos.utime(p, (time.time() + 5,) * 2)\n"
        )
        monkeypatch.setenv("EDITOR", f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}")
        monkeypatch.delenv("VISUAL", raising=False)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)
        return terminal("edit", id)

    return run_edit


def test_every_field_can_be_edited():
    short = {"id", "name", "schedule", "timezone", "paused"}  # what edit has another way for, or pause and resume
    assert set(FIELDS) == set(ScheduleInput().fields) - short


def test_an_edit_saves_what_was_changed(terminal, schedule, edit):
    done = edit("text = text.replace('- hello', '- goodbye').replace('max_attempts: 1', 'max_attempts: 4')")
    assert (done.exit_code, done.stdout) == (0, f"{schedule}: updated\n"), done.stderr
    found = json.loads(terminal.ok("describe", "schedule", schedule, "-o", "json"))
    assert (found["data"], found["retry"]["max_attempts"]) == ({"lines": ["goodbye"]}, 4)


def test_an_edit_takes_the_short_form_of_a_trigger_in_the_same_zone(terminal, schedule, edit):
    terminal.ok(
        "create", f"{schedule}-zone", "--handler", "say", "--schedule", "every hour", "--timezone", "Asia/Tokyo"
    )
    for id, zone in ((schedule, "UTC"), (f"{schedule}-zone", "Asia/Tokyo")):
        done = edit("text = 'schedule: every day at 2 am\\n' + text", id)
        assert (done.exit_code, done.stdout) == (0, f"{id}: updated\n"), done.stderr
        trigger = json.loads(terminal.ok("describe", "schedule", id, "-o", "json"))["trigger"]
        assert (trigger["expression"], trigger["timezone"]) == ("0 2 * * *", zone)
    terminal.ok("delete", f"{schedule}-zone")


def test_an_edit_of_the_expression_leaves_no_phrase_behind(terminal, schedule, edit):
    edit("text = 'schedule: every day at 2 am\\n' + text")
    done = edit("text = text.replace('expression: 0 2 * * *', 'expression: 30 4 * * *')")
    assert (done.exit_code, done.stdout) == (0, f"{schedule}: updated\n"), done.stderr
    trigger = json.loads(terminal.ok("describe", "schedule", schedule, "-o", "json"))["trigger"]
    assert (trigger["expression"], trigger["phrase"]) == ("30 4 * * *", None)


@pytest.mark.parametrize("program", ["", "text = text + '# a comment'"])
def test_an_edit_without_a_change_saves_nothing(schedule, edit, program):
    done = edit(program)
    assert (done.exit_code, done.stdout) == (0, f"{schedule}: unchanged\n")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("text = text.replace('overlap: skip', 'overlap: maybe')", "overlap"),
        ("text = 'a: [1'", "line 1"),
        ("text = '- 1'", "fields of a schedule"),
        ("text = 'title: x'", "not there any more"),
    ],
)
def test_what_is_refused_is_kept_in_a_file(edit, tmp_path, program, said):
    done = edit(program)
    assert (done.exit_code, done.stdout) == (1, "")
    assert said in done.stderr
    kept = Path(done.stderr.splitlines()[-1].removeprefix("What you wrote is kept in ").removesuffix("."))
    assert kept.parent == tmp_path
    assert kept.read_text()


def test_somebody_elses_change_is_not_overwritten(terminal, schedule, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with terminal.client() as client:

        def edit_while_they_do(text, **_):
            client.schedules.patch(schedule, {"title": "Theirs"})
            return text.replace("hello", "mine")

        monkeypatch.setattr("click.edit", edit_while_they_do)
        done = terminal("edit", schedule)
        assert done.exit_code == 1
        assert "changed" in done.stderr
        assert client.schedules.get(schedule)["data"] == {"lines": ["hello"]}


# --- Runs ---


def test_a_run_is_started_in_every_form(terminal, schedule):
    text = terminal.ok("run", schedule)
    id = int(text.split()[1].rstrip(":"))
    assert text == f"run {id}: queued\n"
    assert int(terminal.ok("run", schedule, "-o", "name")) > id
    run = json.loads(terminal.ok("run", schedule, "-o", "json"))
    assert (run["schedule"]["id"], run["origin"]["kind"]) == (schedule, "cli")
    assert "status: queued" in terminal.ok("run", schedule, "-o", "yaml")


def test_a_run_that_is_followed_prints_and_ends_as_it_did(terminal, schedule):
    done = terminal("run", schedule, "--follow", "--data", '{"lines": ["one", "två"]}')
    assert (done.exit_code, done.stdout) == (0, "one\ntvå\n")
    assert "succeeded" in done.stderr.splitlines()[-1]
    failed = terminal("run", schedule, "-f", "--data", '{"lines": ["one"], "error": "no luck"}')
    assert failed.exit_code == 1
    assert failed.stdout == "one\n"
    assert "failed" in failed.stderr
    assert "no luck" in failed.stderr


def test_a_handler_runs_without_a_schedule(terminal):
    assert terminal.ok("run", "--handler", "say", "--data", '{"lines": ["x"]}', "-f") == "x\n"
    assert terminal("run").exit_code == 2
    assert terminal("run", "ping", "--handler", "say").exit_code == 2
    assert terminal("run", "ping", "--timeout", "3s").exit_code == 2


@pytest.fixture
def going_on(terminal, schedule):
    """A run that goes on until it is cancelled."""
    with terminal.client() as client:
        id = client.schedules.run(schedule, {"lines": ["begun"], "seconds": 60})["id"]
        for chunk in client.runs.follow(id):
            assert chunk["text"]
            break
    return str(id)


def test_its_own_timeout_ends_with_5_and_the_run_goes_on(terminal, going_on):
    done = terminal("wait", going_on, "--timeout", "0.2")
    assert (done.exit_code, done.stdout, done.stderr) == (5, "", f"run {going_on}: still running; it goes on\n")
    assert terminal.ok("logs", going_on) == "begun\n"


def test_following_with_a_timeout(terminal, schedule):
    done = terminal("run", schedule, "-f", "--timeout", "0.5", "--data", '{"seconds": 60}')
    assert done.exit_code == 5
    assert "it goes on" in done.stderr


def test_a_run_is_cancelled_and_repeated(terminal, going_on):
    assert terminal.ok("cancel", going_on).startswith(f"run {going_on}: ")
    waited = terminal("wait", going_on)
    assert waited.exit_code == 1
    assert "cancelled" in waited.stderr
    again = terminal("cancel", going_on)
    assert (again.exit_code, again.stdout) == (1, "")
    repeated = terminal.ok("retry", going_on, "--data", "today")
    assert repeated.endswith(f", again for run {going_on}\n")
    assert terminal("wait", repeated.split()[1].rstrip(":")).exit_code == 0
    assert terminal.ok("delete", "--runs", going_on) == f"run {going_on}: deleted\n"
    assert terminal("logs", going_on).exit_code == 1


def test_logs_of_many_lines_and_of_one_stream(terminal, schedule):
    lines = [f"line {number}" for number in range(3000)]
    id = terminal.ok("run", schedule, "--data", json.dumps({"lines": lines}), "-o", "name").strip()
    terminal.ok("wait", id)
    assert terminal.ok("logs", id).splitlines() == lines
    assert terminal.ok("logs", id, "--stream", "stderr") == ""
    followed = terminal("logs", "-f", id)
    assert followed.stdout.splitlines() == lines
    assert "succeeded" in followed.stderr


@pytest.mark.parametrize("id", ["x", "0", "-1", "1.5", "9" * 30, "١"])
def test_what_is_no_run_is_a_wrong_usage(terminal, id):
    for command in ("logs", "wait", "cancel", "retry"):
        assert terminal(command, "--", id).exit_code == 2


# --- How it ends ---


def ended(problem: Exception, *arguments: str):
    def refuse(_):
        raise problem

    return CliRunner().invoke(cli, list(arguments), obj=Surroundings({"HOME": "/nowhere"}, refuse))


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (errors.NotFound(), 1),
        (errors.InvalidInput(), 1),
        (errors.ConfigurationError("url: no address"), 2),
        (errors.WorkerUnreachable(), 3),
        (errors.Unavailable(), 3),
        (errors.Unauthenticated(), 4),
        (errors.Forbidden(), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_code_says_what_kind_of_failure_it_was(problem, code):
    done = ended(problem, "get", "schedules")
    assert (done.exit_code, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_said_with_the_cure(terminal):
    done = terminal("get", "schedules", "--api-key", "wrong")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "enschedule login" in done.stderr


def test_what_a_server_says_cannot_steer_the_terminal():
    done = ended(errors.NotFound("a\x1b[2Jb\nc\u202ed"), "get", "schedules")
    assert done.stderr == "Error: a�[2Jb c�d\n"


def test_each_field_that_is_wrong_has_its_line():
    problem = errors.InvalidInput(
        "Two fields are wrong.",
        errors=[errors.FieldError("title", "Too long."), errors.FieldError("tags", "Too many.")],
    )
    assert (
        ended(problem, "get", "schedules").stderr
        == "Error: Two fields are wrong.\n  title: Too long.\n  tags: Too many.\n"
    )


def test_options_are_taken_before_and_behind_the_command(terminal):
    terminal.ok("--url", "http://one.example.org", "get", "schedules")
    terminal.ok("get", "schedules", "--url", "http://two.example.org/")
    terminal.ok("--url", "http://one.example.org", "get", "schedules", "--url", "http://three.example.org")
    assert [one.url.split("//")[1] for one in terminal.targets] == [f"{n}.example.org" for n in ("one", "two", "three")]
