"""Every argument and option, wrong as people get it wrong: what is said, the exit code, and that nothing was done."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

# What is typed, how it ends, and a part of what stderr says. {s} is a schedule that is there.
MISTAKES: list[tuple[str, int, str]] = [
    # commands and options that are not there
    ("shedules", 2, "No such command 'shedules'"),
    ("get", 2, "schedules"),
    ("get schedule", 2, "Did you mean 'schedules'"),
    ("get schedules --tags x", 2, "Did you mean one of: '--status', '--tag'?"),
    ("get schedules --paused=yes", 2, "--paused"),
    ("apply jobs.yml", 2, "-f"),
    ("run", 2, "enschedule run ping"),
    ("run {s} --handler say", 2, "enschedule run --handler fetch"),
    ("run {s} --timeout 5s", 2, "--timeout goes with --follow"),
    ("pause", 2, "--all for everything"),
    ("resume {s} --all", 2, "not both"),
    ("pause --replace", 2, "--all for everything"),
    ("export {s} -l tag=x", 2, "not both"),
    # ids
    ("run no-such", 1, "There is no schedule no-such"),
    ("run No_Such!", 1, "No_Such!"),
    ("run ..", 1, "cannot be an id"),
    ("run --handler nobody", 1, "nobody"),
    ("run --handler say@7", 1, "say"),
    ("run --handler say@new", 1, 'for example "fetch", "fetch@1"'),
    ("describe schedule no-such", 1, "no-such"),
    ("describe run 999999", 1, "There is no run 999,999"),
    ("describe handler nobody", 1, "nobody"),
    ("describe worker nobody", 1, "nobody"),
    ("why no-such", 1, "no-such"),
    ("next no-such", 1, "no-such"),
    ("restore {s}", 1, "{s}"),
    ("restore no-such", 1, "no-such"),
    ("delete no-such", 1, "no-such"),
    ("edit no-such", 1, "no-such"),
    ("export no-such", 1, "no-such"),
    ("logs 999999", 1, "There is no run 999,999"),
    ("logs last", 2, "write for example 42"),
    ("wait 0", 2, "write for example 42"),
    ("cancel 1.5", 2, "write for example 42"),
    ("retry -- -1", 2, "write for example 42"),
    ("delete --runs {s}", 2, "write for example 42"),
    # numbers, durations, instants
    ("get runs --limit many", 2, "'many' is not a valid integer"),
    ("get runs --limit -1", 2, "--limit"),
    ("get runs --limit 99999999999999999999", 2, "--limit"),
    ("get runs -w --every 0", 2, "0.2<=x<=3600"),
    ("get runs -w --every nan", 2, "not a number of seconds"),
    ("get runs --from yesterday", 2, "or a duration such as 2h"),
    ("get runs --from 2026-11-27T08:00", 2, "offset"),
    ("get runs --from 2026-11-27", 2, "or a duration such as 2h"),
    ("get runs --from 99999999999999d", 2, "too long"),
    ("get runs --to 8am", 2, "write for example 30s, 15m, 2h or 1d12h"),
    ("pause {s} --until 2001-01-01T00:00:00Z", 1, "until: Must be in the future"),
    ("pause {s} --until tomorrow", 2, "or a duration such as 2h"),
    ("next {s} --count 0", 2, "--count"),
    ("next {s} --count 101", 2, "1<=x<=100"),
    ("preview 'every day at 2 am' --count x", 2, "--count"),
    ("wait 1 --timeout soon", 2, "write for example 30s, 15m, 2h or 1d12h"),
    ("create x --handler say --timeout -5s", 2, "write for example 30s, 15m, 2h or 1d12h"),
    ("create x --handler say --timeout 0", 1, "timeout_seconds"),
    ("create x --handler say --attempts 0", 2, "--attempts"),
    # words of which there are some only
    ("get schedules --status brokn", 1, "status"),
    ("get schedules --sort name", 1, "due_at"),
    ("get runs --status ok", 1, "status"),
    ("get runs -o xml", 2, "'table', 'json', 'yaml', 'name'"),
    ("resume {s} --missed some", 2, "'skip', 'latest', 'all'"),
    ("retry 1 --data yesterday", 2, "'then', 'today'"),
    ("logs 1 --stream both", 2, "'stdout', 'stderr'"),
    ("completion powershell", 2, "bash"),
    # data
    ("run {s} --data nonsense", 2, "this is not JSON"),
    ("run {s} --data '{\"lines\": [1,]}'", 2, "this is not JSON"),
    ("run {s} --data []", 2, "must be a JSON object"),
    ("run {s} --data @nowhere.json", 2, "nowhere.json cannot be read: No such file or directory"),
    ("run {s} --data @.", 2, "cannot be read: Is a directory"),
    ('run {s} --data \'{"a": 1, "a": 2}\'', 2, "'a' stands there twice"),
    ("run {s} --data '{\"a\": NaN}'", 1, "JSON"),
    ("run {s} --data '{\"a\": 1e999}'", 1, "JSON"),
    ('run --handler log-job --data \'{"mesage": "x"}\'', 1, "data.mesage"),
    ("run --handler log-job", 1, "data.message"),
    # schedules
    ("create", 2, "Missing argument 'ID'"),
    ("create x", 2, "Missing option '--handler'"),
    ("create X! --handler say", 1, "id"),
    ("create {s} --handler say", 1, "{s}"),
    ("create x --handler nobody", 1, "nobody"),
    ("create x --handler say --schedule 'every dag'", 1, "dag"),
    ("create x --handler say --schedule '61 * * * *'", 1, "Minutes go from 0 to 59"),
    ("create x --handler say --schedule 2001-01-01T00:00:00Z", 1, "is in the past"),
    ("create x --handler say --schedule hourly --timezone Mars/Base", 1, "“Mars/Base” is not a time zone"),
    ("create x --handler say --timezone Mars/Base", 1, "“Mars/Base” is not a time zone. Write for example"),
    ("create x --handler say --tag ''", 1, "tags"),
    ("create x --handler say --set retry.jitter=7", 1, "retry.jitter"),
    ("create x --handler say --set overlap=maybe", 1, "overlap"),
    ("create x --handler say --set colour=red", 1, "colour"),
    ("create x --handler say --set retry", 2, "--set retry.jitter=0.1"),
    ("create x --handler say --set =1", 2, "--set retry.jitter=0.1"),
    ("preview 'every dag'", 1, "dag"),
    ("preview '* * *'", 1, "* * *"),
    ("preview hourly --timezone Mars/Base", 1, "“Mars/Base” is not a time zone. Write for example"),
    # files
    ("apply", 2, "Missing option '-f'"),
    ("apply -f nowhere.yml", 2, "-f nowhere.yml: does not exist"),
    ("apply -f 'no*.yml'", 2, "matches nothing"),
    ("apply -f . --prune", 2, "--prune needs -l tag=NAME"),
    ("apply -f . -l tag=x", 2, "-l goes with --prune"),
    ("apply -f . --prune -l x", 2, "for example -l tag=shop"),
    ("diff -f nowhere.yml", 2, "-f nowhere.yml: does not exist"),
    ("diff -f . --prune", 2, "--prune needs -l tag=NAME"),
    ("export -l shop", 2, "for example -l tag=shop"),
    ("import crontab nowhere", 2, "nowhere"),
    ("import crontab - --timezone Mars/Base", 2, "Mars/Base"),
    # which server
    ("--url 127.0.0.1:3000 get schedules", 2, "--url: '127.0.0.1:3000' is not an http or https address; write for"),
    ("get schedules --url ftp://example.org", 2, "--url: "),
    ("--url 'http://ada:secret@example.org' status", 2, "--url: an address takes no user and password"),
    ("--url http://example.org:99999 status", 2, "--url: "),
    ("--context nowhere status", 2, "There is no context “nowhere”"),
    ("--api-key wrong status", 4, "Log in, or give a key: enschedule login URL, --api-key KEY or ENSCHEDULE_API_KEY."),
    ("--api-key 'wrong key ' status", 2, "--api-key: a key is printable ASCII"),
    ("login --name 'two words'", 2, "--name"),
    ("context use nowhere", 2, "There is no context “nowhere”"),
    ("logout nowhere", 2, "There is no context “nowhere”"),
    # handlers
    ("handlers new 'Two Words!'", 2, "NAME"),
    ("handlers check nowhere", 2, "nowhere"),
]


def state(terminal: Any) -> tuple[Any, ...]:
    """What a command may have changed: the schedules, the last run, the pause of everything."""
    with terminal.client() as client:
        schedules = [(one["id"], one["revision"], one["paused"]) for one in client.schedules.each(sort="id")]
        return schedules, client.runs.list(limit=1)["items"], client.pause.get()["paused"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one file that could be applied."""
    (tmp_path / "new.yml").write_text("spec: {id: from-a-file, handler: say}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("typed", "code", "said"), MISTAKES, ids=[typed for typed, *_ in MISTAKES])
def test_a_mistake_is_named_and_nothing_is_done(
    terminal: Any, schedule: str, here: Path, typed: str, code: int, said: str
) -> None:
    before = state(terminal)
    done = terminal(*shlex.split(typed.replace("{s}", schedule)), input="")
    assert done.exit_code == code, (done.stdout, done.stderr)
    assert said.replace("{s}", schedule) in done.stderr
    assert "Traceback" not in done.output
    assert "secret" not in done.output
    assert state(terminal) == before
    assert sorted(path.name for path in here.iterdir()) in (["new.yml"], ["contexts.json", "new.yml"])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ENSCHEDULE_URL", "localhost:3000", "ENSCHEDULE_URL: 'localhost:3000' is not an http or https address; write"),
        ("ENSCHEDULE_URL", "http://", "ENSCHEDULE_URL: 'http:' is not an http or https address; write for example"),
        ("ENSCHEDULE_URL", "https://ada:secret@h", "ENSCHEDULE_URL: an address takes no user and password"),
        ("ENSCHEDULE_URL", "http://[::1", "ENSCHEDULE_URL: this is not an address; write for example http://127"),
        ("ENSCHEDULE_API_KEY", "secret\n", "ENSCHEDULE_API_KEY: a key is printable ASCII without spaces around it"),
        ("ENSCHEDULE_API_KEY", "sécret", "ENSCHEDULE_API_KEY: a key is printable ASCII without spaces around it"),
        ("ENSCHEDULE_API_KEY_FILE", "nowhere", "ENSCHEDULE_API_KEY_FILE: nowhere cannot be read: No such file"),
        ("ENSCHEDULE_API_KEY_FILE", ".", "ENSCHEDULE_API_KEY_FILE: . cannot be read: Is a directory"),
        ("ENSCHEDULE_CONTEXT_FILE", "new.yml", "new.yml is not a context file; remove it, and enschedule login makes"),
        ("ENSCHEDULE_CONTEXT_FILE", ".", ". cannot be read: Is a directory"),
    ],
)
def test_a_variable_that_is_wrong_is_named(terminal: Any, here: Path, name: str, value: str, said: str) -> None:
    del terminal.environ["ENSCHEDULE_API_KEY"]
    terminal.environ[name] = value
    done = terminal("get", "schedules")
    assert done.exit_code == 2
    assert said in done.stderr
    assert "secret" not in done.output
    assert "Traceback" not in done.output
