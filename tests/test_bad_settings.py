"""Every variable, wrong as people get it wrong: one message that names it and shows a value that would do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from enschedule_core.errors import ConfigurationError
from enschedule_core.settings import Kind, Setting
from enschedule_dashboard.main import SETTINGS as DASHBOARD_SETTINGS
from enschedule_dashboard.main import read_plan
from enschedule_worker.build import load_registry
from enschedule_worker.setting_table import SETTINGS as WORKER_SETTINGS
from enschedule_worker.settings import read_settings

SETTINGS = {one.name: one for one in (*WORKER_SETTINGS, *DASHBOARD_SETTINGS)}

# What people write, by the form that a setting has.
WRONG: dict[Kind, tuple[str, ...]] = {
    Kind.FLAG: ("perhaps", "2", "ja", "true;", '"true"', "enabled"),
    Kind.INTEGER: ("many", "1.5", "1e3", "8 places", "1,000", "0x10", "9" * 30, "NaN"),
    Kind.DURATION: ("soon", "5 parsecs", "-1s", "1,5s", "1h30", "s", "inf", "9" * 12 + "d", "9" * 400, "PT5M"),
    Kind.PORT: ("http", "99999", "-1", "80 80", "3000/tcp", "127.0.0.1:3000", "tcp://10.0.0.1:3000"),
    Kind.CHOICE: ("perhaps", "0"),
    Kind.TIMEZONE: ("Mars/Base", "GMT+1", "../etc/passwd", "Europe", "CET/CEST", "+02:00", "/usr/share/zoneinfo/UTC"),
}

PROVIDER = {"ENSCHEDULE_OIDC_ISSUER": "https://id.example.org", "ENSCHEDULE_OIDC_CLIENT_ID": "enschedule"}

# Those whose text has rules of its own: what is wrong, and a part of what is said about it.
OWN: list[tuple[str, str, str]] = [
    ("SQLITE", "postgres://u:secret@h/d", "SQLite takes a path"),
    ("POSTGRES", "db.example.org", "neither true nor false nor a URI"),
    ("POSTGRES", "true", "DB_USER and DB_DATABASE are not set"),
    ("MARIADB", "mariadb://u:secret@h:33x6/d", "'33x6' is not a number"),
    ("MYSQL", "mysql://u:secret@h", "names no database"),
    ("DATABASE_URL", "oracle://u:secret@h/d", "For example DATABASE_URL="),
    ("ADMIN_ACCOUNT", "ada", "a name, a colon and a password"),
    ("ADMIN_ACCOUNT", "ada:", "a name, a colon and a password"),
    ("ADMIN_ACCOUNT", "a b:secret", "a name, a colon and a password"),
    ("ENSCHEDULE_WORKER_ID", "web 1", "letters, digits"),
    ("ENSCHEDULE_WORKER_TAGS", "gpu, a b", "'a b' is not a tag"),
    ("ENSCHEDULE_NOTIFY_URL", "hooks.example.org", "not an http or https URL"),
    ("ENSCHEDULE_BASE_URL", "jobs.example.org", "not an http or https URL"),
    ("ENSCHEDULE_FETCH_ALLOW_PRIVATE", "10.0.0.0/33", "10.0.0.0/33"),
    ("ENSCHEDULE_LEASE_SECONDS", "12s", "at least twice ENSCHEDULE_HEARTBEAT_SECONDS"),
    ("ENSCHEDULE_SECRET_KEY", "short", "shorter than 16 characters"),
    ("ENSCHEDULE_PROCESSES", "4", "there is no WORKER_URL"),
    ("ENSCHEDULE_EXECUTOR", "rocket", "process"),
    ("IMPORT_HANDLERS", "enschedule-nowhere-handler", "enschedule-nowhere-handler"),
    ("IMPORT_HANDLERS", "./nowhere.py", "nowhere.py"),
    ("HANDLERS_DIR", "nowhere", "HANDLERS_DIR=./jobs"),
]


def cases() -> Iterator[tuple[Setting, str]]:
    for setting in SETTINGS.values():
        for text in WRONG.get(setting.kind, ()):
            yield setting, text
        if setting.minimum is not None:
            yield setting, f"{setting.minimum - 1:g}"


def refusal(**environ: str) -> ConfigurationError:
    """What a dashboard with a worker of its own says to these variables."""
    with pytest.raises(ConfigurationError) as refused:
        load_registry(read_plan({"SQLITE": ":memory:", **environ}).worker)
    return refused.value


@pytest.mark.parametrize(("setting", "text"), [*cases()], ids=lambda one: getattr(one, "name", None) or one[:20])
def test_a_wrong_value_names_its_variable_and_shows_one_that_would_do(setting: Setting, text: str) -> None:
    refused = refusal(**{setting.name: text})
    assert refused.detail.startswith(f"{setting.name}: ")
    assert setting.secret == (text not in refused.detail)
    shown = re.fullmatch(rf"For example {setting.name}=(\S+)", refused.hint or "")
    assert shown, refused.hint
    beside = PROVIDER if setting.name.startswith("ENSCHEDULE_OIDC_") else {}
    read_settings({"SQLITE": ":memory:", **beside, setting.name: shown[1]}, other_settings=DASHBOARD_SETTINGS)


def test_every_form_that_can_be_wrong_is_in_the_table() -> None:
    assert set(Kind) - set(WRONG) == {Kind.TEXT, Kind.LIST}
    assert {setting.kind for setting in SETTINGS.values()} == set(Kind)


@pytest.mark.parametrize(("name", "text", "said"), OWN, ids=lambda one: one[:30])
def test_so_do_those_with_rules_of_their_own(
    name: str, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = {"SQLITE": ""} if name in ("POSTGRES", "MARIADB", "MYSQL", "DATABASE_URL") else {}
    refused = refusal(**{**other, name: text})
    whole = f"{refused.detail}\n{refused.hint}"
    assert name in refused.detail
    assert said in whole
    assert re.search(r"(example|value:) ?.*\w", whole), whole
    assert "secret@" not in whole


@pytest.mark.parametrize(("name", "setting"), [pair for pair in SETTINGS.items() if pair[1].secret])
def test_a_file_for_a_secret_that_cannot_be_read_is_named(name: str, setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "bytes"):
        refused = refusal(**{f"{name}_FILE": str(path)})
        assert refused.detail.startswith(f"{name}_FILE: '{path}' cannot be read: ")
        assert f"For example {name}_FILE=/run/secrets/{name.lower()}" == refused.hint
