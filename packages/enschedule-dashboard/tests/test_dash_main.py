"""The dashboard's program: what it reads, what it refuses, and how pages and API share one address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from enschedule_core.errors import ConfigurationError
from enschedule_dashboard import main as program
from enschedule_dashboard.main import Plan, read_plan, with_api


def plan(**environ: str) -> Plan:
    return read_plan(environ)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enschedule_worker.server.start_logging", lambda *_: None)


def test_a_database_means_a_worker_in_this_process() -> None:
    found = plan(SQLITE="mine.db")
    assert (found.worker_url, found.port, found.trusted_proxies, found.secret_key) == (None, 3000, 0, None)
    assert found.worker.database is not None
    assert plan(SQLITE="mine.db", PORT="4000").port == 4000


def test_a_worker_url_wins_over_databases_and_handlers_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(
        WORKER_URL="http://w:8080", SQLITE="nowhere/x.db", POSTGRES="true", IMPORT_HANDLERS="x", HANDLERS_DIR="y"
    )
    assert (found.worker_url, found.worker.database) == ("http://w:8080", None)
    assert (found.worker.import_handlers, found.worker.handlers_dir) == (None, None)
    assert capsys.readouterr().err.splitlines() == [
        "enschedule: with WORKER_URL, the worker decides: IMPORT_HANDLERS, HANDLERS_DIR, SQLITE, POSTGRES ignored"
    ]
    plan(WORKER_URL="http://w:8080")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, ["WORKER_URL", "SQLITE=enschedule.db"]),
        ({"SQLITE": "a.db", "MARIADB": "true"}, ["SQLITE", "MARIADB"]),
        ({"SQLITE": "a.db", "ENSCHEDULE_SECRET_KEY": "short"}, ["ENSCHEDULE_SECRET_KEY", "16"]),
        ({"SQLITE": "a.db", "ENSCHEDULE_TRUSTED_PROXIES": "-1"}, ["ENSCHEDULE_TRUSTED_PROXIES"]),
        ({"SQLITE": "a.db", "PORT": "x"}, ["PORT"]),
        ({"SQLITE": "a.db", "ENSCHEDULE_PROCESSES": "2"}, ["ENSCHEDULE_PROCESSES", "WORKER_URL"]),
        ({"WORKER_URL": "http://w:8080", "ENSCHEDULE_PROCESSES": "0"}, ["ENSCHEDULE_PROCESSES=1"]),
        ({"WORKER_URL": "worker:8080"}, ["WORKER_URL", "http://worker:8080"]),
        ({"WORKER_URL": "ftp://worker"}, ["WORKER_URL", "http://worker:8080"]),
    ],
    ids=lambda value: "-".join(value) or "nothing" if isinstance(value, dict) else "",
)
def test_a_wrong_setting_is_one_message_and_exit_2(
    environ: dict[str, str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([], environ) == 2
    said = capsys.readouterr().err
    assert "For example" in said
    assert "Traceback" not in said
    for name in named:
        assert name in said
    if "ENSCHEDULE_SECRET_KEY" in environ:
        assert "'short'" not in said


def test_a_secret_is_never_shown() -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(SQLITE="a.db", ENSCHEDULE_SECRET_KEY="hush-hush")
    assert "hush-hush" not in str(refused.value.problem())


def test_the_dashboards_own_settings_are_known_and_others_warned_about() -> None:
    found = plan(SQLITE="a.db", ENSCHEDULE_TRUSTED_PROXIES="1", ENSCHEDULE_TRUSTED_PROXY="2")
    assert found.worker.warnings == (
        "ENSCHEDULE_TRUSTED_PROXY is not a setting; did you mean ENSCHEDULE_TRUSTED_PROXIES?",
    )


def test_arguments_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--help"], {}) == 0
    shown = capsys.readouterr().out
    for name in ("WORKER_URL", "ENSCHEDULE_SECRET_KEY", "SQLITE"):
        assert name in shown
    assert program.main(["--fast"], {}) == 2
    assert "--fast" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/api/v1/runs", "api"),
        ("/api/", "api"),
        ("/api", "api"),
        ("/metrics", "api"),
        ("/metricsx", "pages"),
        ("/", "pages"),
        ("/apis", "pages"),
        ("/schedules/api/v1", "pages"),
        ("", "pages"),
    ],
)
def test_what_is_under_api_is_the_workers(path: str, who: str) -> None:
    def app(name: str) -> Any:
        return lambda _environ, _start: [name]

    assert with_api(app("pages"), app("api"))({"PATH_INFO": path}, None) == [who]


def test_a_server_that_has_begun_collects_garbage_seldom_and_not_in_what_it_has_loaded() -> None:
    asked = "print(gc.get_threshold()[0], gc.get_freeze_count())"
    code = [sys.executable, "-c", f"import gc; from enschedule_worker import server; server.settle(); {asked}"]
    threshold, frozen = subprocess.run(code, capture_output=True, text=True, check=True).stdout.split()
    assert int(threshold) == 10_000
    assert int(frozen) > 10_000
