"""Every field of a schedule file, wrong as people get it wrong: one apply names them all, and does the rest."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enschedule_cli.files.short_forms import WHEN
from enschedule_core.wire.schedules import ScheduleInput

sys.path.insert(0, str(Path(__file__).parent))  # the kit is a module beside the tests

from files_kit import Shop, worker

# A line of a spec, the field that is named, and a part of what is said about it.
MISTAKES: list[tuple[str, str, str]] = [
    ("id: Ping!", "id", "for example"),
    ("id: 7", "id", "Must be text"),
    ("title: ''", "title", ""),
    ("name: [ping]", "name", "Must be text"),
    ("description: {a: b}", "description", "Must be text"),
    ("handler: nobody", "handler", "nobody"),
    ("handler: log-job@soon", "handler", ""),
    ("handler: log-job@7", "handler", "7"),
    ("handler: ''", "handler", ""),
    ("data: [message]", "data", ""),
    ("data: {mesage: hi}", "data.mesage", ""),
    ("data: {message: 5}", "data.message", ""),
    ("schedule: every dag", "schedule", "dag"),
    ("schedule: 2001-01-01T00:00:00Z", "schedule", ""),
    ("trigger: {kind: sometimes}", "trigger.kind", "cron"),
    ("trigger: {kind: every}", "trigger.seconds", ""),
    ("trigger: {kind: cron, expression: '* * * * *', colour: red}", "trigger.colour", ""),
    ("trigger: {kind: every, seconds: 60, max_runs: 0}", "trigger.max_runs", ""),
    ("trigger: {kind: every, seconds: 60, starts_at: yesterday}", "trigger.starts_at", ""),
    ("cron: 61 * * * *", "cron", "Minutes go from 0 to 59"),
    ("every: 0s", "every", ""),
    ("at: tomorrow", "at", ""),
    ("timezone: Mars/Base", "timezone", ""),
    ("paused: maybe", "paused", ""),
    ("enabled: maybe", "enabled", "true or false"),
    ("retry: 3", "retry", 'for example {"max_attempts": 3}'),
    ("retry: {attempts: 3}", "retry.attempts", ""),
    ("retry: {max_attempts: 0}", "retry.max_attempts", ""),
    ("retry: {delay: soon}", "retry.delay", ""),
    ("retry: {jitter: 7}", "retry.jitter", "0.1"),
    ("retry: {backoff: wild}", "retry.backoff", ""),
    ("retries: lots", "retries", "whole number"),
    ("timeout: soon", "timeout", ""),
    ("timeout_seconds: -1", "timeout_seconds", ""),
    ("overlap: maybe", "overlap", "skip"),
    ("catch_up: some", "catch_up", 'for example {"mode": "all"}'),
    ("catch_up: {mode: some}", "catch_up.mode", "latest"),
    ("catch_up: {window: x}", "catch_up.window", ""),
    ("on_lost: cry", "on_lost", "retry"),
    ("tags: shop", "tags", 'for example ["shop"]'),
    ("tags: [two words]", "tags.0", "without spaces"),
    ("priority: high", "priority", "from -1,000 to 1,000"),
    ("max_running: 0", "max_running", ""),
    ("concurrency_group: two words", "concurrency_group", "database-load"),
    ("worker: north", "worker", 'for example {"tags": ["gpu"]}'),
    ("worker: {tag: gpu}", "worker.tag", "tags"),
    ("worker: {id: a b}", "worker.id", "web-1"),
    ("on_success: nobody", "on_success", "nobody"),
    ("on_failure: No One", "on_failure", ""),
    ("retention: {days: -1}", "retention.days", ""),
    ("notify: ftp://example.org", "notify", "https://hooks.example.org"),
    ("group: nobody", "group", "nobody"),
    ("env: {1A: x}", "env.1A", "STAGE"),
    ("env: {A: 1}", "env.A", "Must be text"),
    ("runbook: wiki", "runbook", "https://wiki.example.org"),
    ("managed_by: me", "managed_by", ""),
    ("colour: red", "colour", "Unknown field"),
    ("Handler: fetch", "Handler", "handler"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with worker() as built:
        yield Shop(tmp_path_factory.mktemp("files"), built.app)


def _file(number: int, wrong: str) -> str:
    """A schedule that is fine but for one line, which is the third."""
    field = wrong.partition(":")[0]
    fine = {"id": f"s-{number}", "handler": "log-job", "data": "{message: hi}"}
    lines = [f"{name}: {value}" for name, value in fine.items() if name != field]
    return "\n".join(["apiVersion: v1", "spec:", *(f"  {line}" for line in (wrong, *lines)), ""])


def test_one_apply_names_every_mistake_with_its_place_and_applies_the_rest(shop: Shop) -> None:
    for number, (wrong, *_) in enumerate(MISTAKES):
        shop.write(f"jobs/f{number:02}.yml", _file(number, wrong))
    shop.write("jobs/fine.yml", _file(99, "priority: 3"))
    done = shop.run("apply", "-f", "jobs")
    said = {
        int(match[1]): (match[2], match[3], match[4])
        for match in re.finditer(r"^jobs/f(\d\d)\.yml:(\d+):\d+: spec\.?([^:]*): (.*)$", done.stderr, re.MULTILINE)
    }
    wrong = [
        f"{line!r}: {said.get(number)}"
        for number, (line, field, part) in enumerate(MISTAKES)
        if (found := said.get(number)) is None or found[:2] != ("3", field) or part not in found[2]
    ]
    assert not wrong, "\n".join([*wrong, done.output])
    assert (done.exit_code, done.stdout) == (1, "s-99: created, runs by hand\n")
    assert shop.ids() == ["s-99"]
    assert f"Of {len(MISTAKES)} files with a mistake nothing is applied." in done.stderr


def test_every_field_is_in_the_table() -> None:
    written = {line.partition(":")[0] for line, *_ in MISTAKES}
    assert set(ScheduleInput().fields) | set(WHEN) <= written


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 0, ""),
        ("# nothing yet\n", 0, ""),
        ("spec:\n", 1, "odd.yml:1:1: spec: Is missing"),
        ("id: ping\nhandler: log-job\n", 1, "odd.yml:1:5: id: "),
        ("- spec: {}\n", 1, "odd.yml:1:1: A document is a mapping"),
        ("kind: Schedul\nspec: {id: a, handler: log-job}\n", 1, "odd.yml:1:7: kind: Must be schedule or defaults"),
        ("apiVersion: v2\nspec: {id: a, handler: log-job}\n", 1, "odd.yml:1:13: apiVersion: This reads v1."),
        ("spec: {id: a, handler: log-job, handler: fetch}\n", 1, "odd.yml:1:33: spec.handler: This stands there twice"),
        ("spec:\n  id: a\n\thandler: log-job\n", 1, "odd.yml:3:1: "),
        ("spec: {id: a\n", 1, "odd.yml:2:1: "),
        ("spec: {handler: log-job}\n", 1, "odd.yml:1:1: spec: It needs an id or a name, for example id: ping."),
        ("spec: &a {id: a, b: *a}\n", 1, "odd.yml:1:7: spec: YAML anchors are not taken"),
        ("spec: !!python/object:os.system {}\n", 1, "odd.yml:1:7: spec: YAML tags are not taken"),
    ],
)
def test_what_is_around_the_fields(shop: Shop, text: str, code: int, said: str) -> None:
    (shop.folder / "odd.yml").write_text(text)
    before = shop.ids()
    done = shop.run("apply", "-f", "odd.yml")
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert shop.ids() == before


class Ending:
    """A server that answers so many requests and then is gone, as one that somebody kills."""

    def __init__(self, app: Any, requests: int, methods: tuple[str, ...] = ("PUT", "DELETE")) -> None:
        self.app, self.requests, self.methods = app, requests, methods

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] in self.methods:
            self.requests -= 1
            if self.requests < 0:
                start_response("503 Service Unavailable", [("Content-Type", "application/problem+json")])
                return [b'{"status": 503, "code": "unavailable", "detail": "The database is gone."}']
        return self.app(environ, start_response)


def test_a_server_that_goes_away_while_it_prunes_says_what_is_done(shop: Shop) -> None:
    documents = [_file(number, "tags: [old]").replace("apiVersion: v1\n", "") for number in range(200, 206)]
    shop.write("prune/all.yml", "---\n".join(documents))
    shop.ok("apply", "-f", "prune")
    shop.write("prune/all.yml", documents[0])
    ending = Shop(shop.folder, Ending(shop.app, 2))
    done = ending.run("apply", "-f", "prune", "--prune", "-l", "tag=old")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[1:] == [f"s-20{n}: deleted; it was from file prune/all.yml" for n in (1, 2)]
    assert "2 of 5 are deleted; what was printed is done. Apply again to finish." in done.stderr
    assert len([id for id in shop.ids() if id.startswith("s-20")]) == 4
    assert shop.ok("apply", "-f", "prune", "--prune", "-l", "tag=old").count("deleted") == 3
    assert [id for id in shop.ids() if id.startswith("s-20")] == ["s-200"]


def test_a_server_that_goes_away_while_it_is_asked_has_done_nothing(shop: Shop) -> None:
    shop.write("later.yml", _file(300, "priority: 1"))
    ending = Shop(shop.folder, Ending(shop.app, 0, ("POST",)))
    done = ending.run("apply", "-f", "later.yml")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "The database is gone." in done.stderr
    assert "s-300" not in shop.ids()
