"""The worker's settings: what is read, and one message for whatever is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from enschedule_core.errors import ConfigurationError
from enschedule_worker.setting_table import SETTINGS
from enschedule_worker.settings import read_settings


def read(tmp_path: Path, **environ: str) -> Any:
    return read_settings(environ, folder=tmp_path)


def refused(tmp_path: Path, **environ: str) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as problem:
        read(tmp_path, **environ)
    return problem.value


def test_without_anything_every_setting_has_its_default(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found.database, found.port, found.api_key, found.api_endpoint) == (None, None, None, False)
    assert (found.host, found.is_loopback, found.concurrency) == ("127.0.0.1", True, 8)
    assert (found.lease_seconds, found.heartbeat_seconds, found.grace_seconds) == (45.0, 10.0, 30.0)
    assert (found.timeout_seconds, found.output_max_bytes) == (3600.0, 10 * 1024 * 1024)
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("API_ENDPOINT", "maybe", "neither true nor false"),
        ("PORT", "eighty", "not a port"),
        ("PORT", "70000", "not a port"),
        ("PORT", "tcp://10.0.0.1:8080", "service link"),
        ("ENSCHEDULE_PORT", "-1", "not a port"),
        ("ENSCHEDULE_CONCURRENCY", "0", "less than 1"),
        ("ENSCHEDULE_CONCURRENCY", "many", "not a whole number"),
        ("ENSCHEDULE_TIMEZONE", "Europe/Stokholm", "Europe/Stockholm"),
        ("ENSCHEDULE_TIMEOUT_SECONDS", "soon", "not a duration"),
        ("ENSCHEDULE_LEASE_SECONDS", "0", "less than 1"),
        ("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "10.0.0.0/99", "10.0.0.0/99"),
        ("ENSCHEDULE_OUTPUT_MAX_BYTES", "10", "less than 1024"),
        ("ENSCHEDULE_LOG_LEVEL", "loud", "not one of"),
        ("ENSCHEDULE_LOG_FORMAT", "xml", "not one of"),
        ("ENSCHEDULE_READ_ONLY", "perhaps", "neither true nor false"),
        ("ENSCHEDULE_WORKER_ID", "two words", "not a name"),
    ],
)
def test_a_wrong_value_names_its_variable_and_shows_a_valid_one(
    tmp_path: Path, name: str, value: str, said: str
) -> None:
    problem = refused(tmp_path, **{name: value})
    assert problem.detail.startswith(f"{name}: ")
    assert said in problem.detail
    assert problem.hint is not None
    valid = problem.hint.removeprefix("For example ")
    assert valid.startswith(f"{name}=")
    read(tmp_path, **{name: valid.partition("=")[2]})


def test_a_lease_shorter_than_two_heartbeats_loses_runs(tmp_path: Path) -> None:
    problem = refused(tmp_path, ENSCHEDULE_LEASE_SECONDS="15", ENSCHEDULE_HEARTBEAT_SECONDS="10")
    assert "ENSCHEDULE_LEASE_SECONDS" in problem.detail
    assert "ENSCHEDULE_HEARTBEAT_SECONDS" in problem.detail
    assert problem.hint == "For example ENSCHEDULE_LEASE_SECONDS=40"


def test_the_long_names_win_over_the_short_ones(tmp_path: Path) -> None:
    found = read(tmp_path, PORT="1", ENSCHEDULE_PORT="2", HOST="1.1.1.1", ENSCHEDULE_HOST="::1")
    assert (found.port, found.host, found.is_loopback) == (2, "::1", True)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_which_addresses_only_this_machine_reaches(tmp_path: Path, host: str, loopback: bool) -> None:
    assert read(tmp_path, HOST=host).is_loopback is loopback


def test_a_secret_may_come_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    found = read(tmp_path, API_KEY_FILE=str(tmp_path / "key"))
    assert found.api_key == "from-a-file"
    assert "from-a-file" not in repr(found)
    assert "API_KEY_FILE" in refused(tmp_path, API_KEY_FILE=str(tmp_path / "nowhere")).detail


def test_an_unknown_variable_of_ours_is_warned_about(tmp_path: Path) -> None:
    found = read(tmp_path, ENSCHEDULE_CONCURENCY="4", ENSCHEDULE_URL="http://x", OTHER="1")
    assert found.warnings == ("ENSCHEDULE_CONCURENCY is not a setting; did you mean ENSCHEDULE_CONCURRENCY?",)
    assert found.concurrency == 8


def test_names_may_have_durations_with_units_and_empty_means_unset(tmp_path: Path) -> None:
    found = read(
        tmp_path, ENSCHEDULE_TIMEOUT_SECONDS="15min", ENSCHEDULE_GRACE_SECONDS="0", ENSCHEDULE_LEASE_SECONDS=" "
    )
    assert (found.timeout_seconds, found.grace_seconds, found.lease_seconds) == (900.0, 0.0, 45.0)


def test_every_setting_explains_itself() -> None:
    for setting in SETTINGS:
        assert setting.help.endswith("."), setting.name
        assert setting.name.isupper()
    assert len({setting.name for setting in SETTINGS}) == len(SETTINGS)


def test_handlers_dir_is_relative_to_the_working_directory(tmp_path: Path) -> None:
    assert read(tmp_path, HANDLERS_DIR="jobs").handlers_dir == tmp_path / "jobs"


def test_a_host_name_that_is_no_worker_id_becomes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "_bürk's laptop.local")
    assert read(tmp_path).worker_id == "b-rk-s-laptop.local"
    monkeypatch.setattr("socket.gethostname", lambda: "")
    assert read(tmp_path).worker_id.startswith("worker-")
