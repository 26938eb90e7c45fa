"""Export and diff: what is exported is read back to the same, on another server too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from files_kit import Shop, normal, worker

from enschedule_cli.files.documents import Reader
from enschedule_cli.files.sources import Source
from enschedule_cli.files.writing import documents, spec_of
from enschedule_core.wire.definition import Definition

MESSAGE = {"handler": "log-job", "data": {"message": "hi"}}
SCHEDULES: dict[str, dict[str, Any]] = {
    "plain": MESSAGE,
    "phrase": {**MESSAGE, "schedule": "every weekday at 09:30", "timezone": "Europe/Stockholm", "title": "A phrase"},
    "macro": {**MESSAGE, "schedule": "@daily"},
    "cron": {**MESSAGE, "schedule": "0 2 * * *", "timezone": "Asia/Tokyo"},
    "often": {**MESSAGE, "trigger": {"kind": "every", "seconds": 90.5}},
    "anchored": {**MESSAGE, "trigger": {"kind": "every", "seconds": 90, "anchor": "2026-11-24T12:30:00Z"}},
    "once": {**MESSAGE, "schedule": "2099-12-24T18:00:00+01:00"},
    "bounded": {
        **MESSAGE,
        "trigger": {"kind": "cron", "expression": "* * * * *", "max_runs": 3, "ends_at": "2099-01-01T00:00:00Z"},
    },
    "elsewhere": {**MESSAGE, "trigger": {"kind": "manual", "timezone": "Asia/Tokyo"}},
    "off": {**MESSAGE, "schedule": "every hour", "paused": True},
    "tried": {**MESSAGE, "retry": {"max_attempts": 4}, "timeout_seconds": 0.5, "tags": ["a", "b"]},
    "policies": {
        **MESSAGE,
        "retry": {"max_attempts": 2, "delay_seconds": 5.5, "backoff": "exponential"},
        "overlap": "queue",
        "catch_up": {"mode": "all", "window_seconds": 86_400, "max": 3},
        "on_lost": "leave",
        "priority": -3,
        "max_running": 2,
        "concurrency_group": "erp",
        "worker": {"id": "web-1", "tags": ["gpu"]},
        "notify": "none",
        "on_success": "plain",
        "on_failure": "cron",
        "retention": {"days": 3},
        "description": "Two\n\n lines  \n",
    },
    "around": {**MESSAGE, "env": {"STAGE": "live", "N": "01"}, "runbook": "https://wiki.example.org/around"},
    "text": {**MESSAGE, "data": {"message": "a\n  b\n\ttab\nyes: no # x\n"}, "title": "yes"},
}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Any, Any]]:
    with worker() as one, worker() as two:
        yield one, two


@pytest.fixture
def shops(servers: tuple[Any, Any], tmp_path: Path) -> Iterator[tuple[Shop, Shop]]:
    made = tuple(Shop(tmp_path, server.app) for server in servers)
    yield made
    for shop in made:
        for id in shop.ids():
            shop.client.schedules.delete(id)


def test_an_export_makes_the_same_on_an_empty_server(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    for id, body in SCHEDULES.items():
        one.client.schedules.put(id, body)
    exported = one.ok("export")
    two.ok("apply", "-f", "-", stdin=exported)
    assert two.ok("export") == exported
    for id in SCHEDULES:
        assert normal(two.client.schedules.get(id)) == normal(one.client.schedules.get(id))
    assert two.ok("diff", "-f", "-", stdin=exported) == ""
    assert two.ok("apply", "-f", "-", stdin=exported).count("unchanged") == len(SCHEDULES)
    differs = one.run("diff", "-f", "-", stdin=exported)  # only in whose they are
    assert (differs.exit_code, differs.stdout.count("would belong to standard input")) == (1, len(SCHEDULES))


def test_an_export_reads_as_somebody_would_write_it(shops: tuple[Shop, Shop]) -> None:
    shop, _ = shops
    shop.client.schedules.put("tried", {**SCHEDULES["tried"], "schedule": "every 15 minutes"})
    assert shop.ok("export", "tried") == (
        "apiVersion: v1\nspec:\n  id: tried\n  handler: log-job@1\n  data:\n    message: hi\n"
        "  schedule: every 15 minutes\n  timezone: UTC\n  tags:\n  - a\n  - b\n  retries: 3\n  timeout: 0.5s\n"
    )


def test_which_schedules_are_exported(shops: tuple[Shop, Shop]) -> None:
    shop, _ = shops
    for id, tags in (("a", ["x"]), ("b", ["x", "y"]), ("c", [])):
        shop.client.schedules.put(id, {**MESSAGE, "tags": tags})
    assert shop.ok("export", "-l", "tag=x").count("  id: ") == 2
    assert shop.ok("export", "-l", "tag=x,tag=y").count("  id: ") == 1
    assert shop.ok("export", "c", "a").count("  id: ") == 2
    assert shop.run("export", "c", "-l", "tag=x").exit_code == 2
    assert "There is no schedule nobody" in shop.run("export", "nobody").stderr


def test_a_masked_address_is_kept_on_its_server_and_refused_by_another(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    one.client.schedules.put("told", {**MESSAGE, "notify": "https://hooks.example.org/secret"})
    done = one.run("export")
    assert "secret" not in done.output
    assert "told: the address of its notices is not shown" in done.stderr
    assert "told: updated; it was made by hand" in one.ok("apply", "-f", "-", stdin=done.stdout)
    refused = two.run("apply", "-f", "-", stdin=done.stdout)
    assert refused.exit_code == 1
    assert "standard input:7:11: spec.notify: *** stands for what is not shown" in refused.stderr


def test_diff_shows_what_apply_would_change_and_ends_with_1(shops: tuple[Shop, Shop]) -> None:
    shop, _ = shops
    shop.write("a.yml", "spec: {id: a, handler: log-job, data: {message: hi}, cron: 0 2 * * *}\n")
    done = shop.run("diff", "-f", "a.yml")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout.startswith("--- a (server)\n+++ a (a.yml)\n@@ -0,0 +1,8 @@\n+apiVersion: v1\n+spec:\n+  id: a\n")
    shop.ok("apply", "-f", "a.yml")
    assert shop.ok("diff", "-f", "a.yml") == ""
    shop.write("a.yml", "spec: {id: a, handler: log-job, data: {message: ho}, cron: 0 3 * * *}\n")
    done = shop.run("diff", "-f", "a.yml")
    assert done.exit_code == 1
    assert "-    message: hi\n-  cron: 0 2 * * *\n+    message: ho\n+  cron: 0 3 * * *\n" in done.stdout
    shop.write("a.yml", "spec: {id: a, handler: nope}\n")
    done = shop.run("diff", "-f", "a.yml")
    assert done.exit_code == 2
    assert "a.yml:1:24: spec.handler: No worker has ever registered the handler nope." in done.stderr


# ------------------------------------------------------------------------------------------- any schedule

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3),
    max_leaves=8,
)
ANY = st.fixed_dictionaries(
    {"id": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True), "handler": st.just("x@1")},
    optional={
        "data": st.dictionaries(TEXTS.filter(bool), JSON, max_size=4),
        "description": TEXTS,
        "schedule": st.sampled_from(["manual", "every 5 minutes", "0 2 * * *", "2099-01-01T00:00:00Z", "@hourly"]),
        "timeout_seconds": st.floats(0.001, 1e6),
        "retry": st.fixed_dictionaries(
            {}, optional={"max_attempts": st.integers(1, 9), "delay_seconds": st.floats(0, 1e5)}
        ),
        "priority": st.integers(-1000, 1000),
        "tags": st.lists(st.from_regex(r"[a-zA-Z0-9:~=.-]{1,10}", fullmatch=True), max_size=3, unique=True),
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=ANY)
def test_whatever_a_schedule_is_it_is_read_back_as_it_was_exported(tmp_path: Path, raw: dict[str, Any]) -> None:
    first = Definition.from_wire(raw)
    path = tmp_path / "any.yml"
    path.write_text(documents([spec_of(first.as_dict())]), encoding="utf-8", newline="")
    [again] = Reader().read(Source("any.yml", path))
    second = Definition.from_wire(again.body)
    assert {**second.as_dict(), "managed_by": None} == first.as_dict()
