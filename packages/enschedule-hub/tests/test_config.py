"""``enschedule config check``: what a program would use, what is odd, and what would keep it from starting."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enschedule_hub.config import command
from enschedule_worker.databases import prepare
from enschedule_worker.settings import read_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(*arguments: str, **environ: str) -> Result:
    done = CliRunner(env=environ).invoke(command, ["check", *arguments])
    assert "Traceback" not in done.output
    return done


def test_what_would_be_used_is_said() -> None:
    done = check(
        SQLITE="jobs.db", IMPORT_HANDLERS="enschedule-log-handler", ENSCHEDULE_TIMEZONE="Asia/Tokyo", PORT="3005"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    for text in ("jobs.db, empty", "log-job@1", "Asia/Tokyo", "http://127.0.0.1:3005", "enschedule up would start."):
        assert text in done.stdout
    prepare(read_settings({"SQLITE": "jobs.db"}))
    assert "jobs.db, at revision 0" in check(SQLITE="jobs.db").stdout


def test_a_key_is_never_shown() -> None:
    done = check(SQLITE="jobs.db", API_KEY="a-secret-key", ENSCHEDULE_SECRET_KEY="another-long-secret")
    assert done.exit_code == 0
    assert "secret" not in done.output


def test_what_is_odd_ends_with_1(empty_folder: Path) -> None:
    (empty_folder / "handlers").mkdir()
    (empty_folder / "handlers" / "broken.py").write_text("import nothing_of_that_name")
    done = check(SQLITE="jobs.db", HANDLERS_DIR="handlers", ENSCHEDULE_CONCURENCY="3")
    assert done.exit_code == 1
    assert "did you mean ENSCHEDULE_CONCURRENCY?" in done.stderr
    assert "nothing_of_that_name" in done.stderr
    assert "would start" in done.stdout


@pytest.mark.parametrize(
    ("program", "environ", "said"),
    [
        ("up", {"PORT": "eighty"}, "PORT"),
        ("up", {"SQLITE": "nowhere/x.db"}, "SQLITE"),
        ("up", {"POSTGRES": "postgres://user:secret@127.0.0.1:1/jobs"}, "POSTGRES"),
        ("up", {"IMPORT_HANDLERS": "enschedule-nowhere-handler"}, "IMPORT_HANDLERS"),
        ("up", {"WORKER_URL": "nonsense"}, "WORKER_URL"),
        ("dashboard", {}, "WORKER_URL"),
        ("worker", {"ENSCHEDULE_LEASE_SECONDS": "1"}, "ENSCHEDULE_LEASE_SECONDS"),
    ],
)
def test_what_would_not_start_ends_with_2(program: str, environ: dict[str, str], said: str) -> None:
    done = check("--for", program, **environ)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "secret" not in done.output
    assert "would start" not in done.output


def test_a_worker_elsewhere_that_does_not_answer_is_odd() -> None:
    done = check(WORKER_URL="http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "WORKER_URL: http://127.0.0.1:1 does not answer" in done.stderr


def test_a_worker_of_its_own(empty_folder: Path) -> None:
    done = check("--for", "worker", SQLITE="jobs.db")
    assert "Address: none" in done.stdout
    assert "enschedule worker would start." in done.stdout
    served = check("--for", "worker", SQLITE="jobs.db", API_ENDPOINT="true")
    assert "Address: http://127.0.0.1:8080" in served.stdout
    assert str(empty_folder) in served.stdout
