"""Crontabs become schedules of the handler shell, and what differs from cron is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from files_kit import Shop, worker

from enschedule_cli.files import crontab
from enschedule_cli.files.crontab import Found

CRONTAB = """\
# Edit this file to introduce tasks
SHELL=/bin/bash
PATH="/usr/local/bin:/usr/bin:/bin"
MAILTO=ops@example.org

# The nightly backup of the shop
0 2 * * *   /usr/local/bin/backup.sh --all > /dev/null
*/5 8-18 * * mon-fri cd /srv/shop && ./sync-stock
30 4 1,15 * * /bin/mail -s "100\\% done" ada%Hello,%it is done%
@daily /usr/local/bin/backup.sh --small
@reboot /srv/start-agent
61 * * * * /bin/never
nonsense
"""


def read(text: str, **more: Any) -> Found:
    return crontab.read(text, **{"zone": "Europe/Stockholm", **more})


def said(found: Found) -> str:
    return "\n".join(f"{note.line}: {note.text}" for note in found.notes)


def test_a_crontab() -> None:
    found = read(CRONTAB)
    assert [spec["id"] for spec in found.specs] == ["backup", "sync-stock", "mail", "backup-2", "start-agent"]
    backup, sync, mail, daily, reboot = found.specs
    assert backup == {
        "id": "backup",
        "handler": "shell",
        "data": {
            "command": ["/bin/bash", "-c", "/usr/local/bin/backup.sh --all > /dev/null"],
            "env": {"PATH": "/usr/local/bin:/usr/bin:/bin"},
        },
        "description": "The nightly backup of the shop",
        "cron": "0 2 * * *",
        "timezone": "Europe/Stockholm",
    }
    assert sync["cron"] == "*/5 8-18 * * mon-fri"
    assert mail["data"]["command"][2] == '/bin/mail -s "100% done" ada'
    assert mail["data"]["stdin"] == "Hello,\nit is done\n"
    assert daily["cron"] == "@daily"
    assert "cron" not in reboot


def test_what_needs_a_look_is_said_with_its_line() -> None:
    notes = said(read(CRONTAB))
    assert "4: MAILTO=ops@example.org: nobody is mailed; a schedule's notify tells a URL when it fails." in notes
    assert "9: % outside of \\%" in notes
    assert "11: start-agent: @reboot has no counterpart; this schedule runs by hand only." in notes
    assert "12: This line is left out: " in notes
    assert "13: This line is no entry of a crontab and is left out: nonsense" in notes
    assert len(read(CRONTAB).notes) == 5


def test_settings_hold_for_the_lines_below_them() -> None:
    found = read(
        "1 * * * * /a\nX=1\nCRON_TZ=Asia/Tokyo\nHOME='/srv'\n2 * * * * /b\nX = \"2 3\"\nSHELL=/bin/sh\n3 * * * * /c\n"
    )
    a, b, c = found.specs
    assert a["data"] == {"command": "/a"}
    assert (b["data"], b["timezone"]) == ({"command": "/b", "env": {"X": "1"}, "cwd": "/srv"}, "Asia/Tokyo")
    assert c["data"]["env"] == {"X": "2 3"}
    assert found.notes == []


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("CRON_TZ=Mars/Base\n", "1: CRON_TZ=Mars/Base: there is no such time zone; Europe/Stockholm is used."),
        ("TZ=Asia/Tokyo\n", "1: TZ=Asia/Tokyo: taken as the zone of what follows; Debian's cron would not."),
        ("MAILTO=\n", "1: MAILTO means nothing here and is left out."),
        ("RANDOM_DELAY=5\n", "1: RANDOM_DELAY is left out"),
        ("* * * * * ls\n", "1: cron starts in the home folder, a schedule in the worker's"),
    ],
)
def test_notes(text: str, note: str) -> None:
    assert note in said(read(text))


def test_the_crontab_of_the_system_names_users() -> None:
    found = read("17 * * * * root /usr/sbin/a\n18 * * * * www-data /usr/sbin/b\n", system=True, tags=["old"])
    assert [spec["data"]["command"] for spec in found.specs] == ["/usr/sbin/a", "/usr/sbin/b"]
    assert [spec["tags"] for spec in found.specs] == [["old"], ["old"]]
    assert "2: b: ran as www-data; here every command runs as the worker does." in said(found)


@pytest.mark.parametrize(
    ("command", "id"),
    [
        ("/usr/bin/env FOO=1 /opt/Report_Daily.py", "report_daily"),
        ("cd /srv && A=1 ./x.sh", "x"),
        ("[ -x /usr/sbin/a ] && true", "command"),
        ("new", "new-2"),
        ("åäö", "command"),
    ],
)
def test_ids_are_made_of_the_program(command: str, id: str) -> None:
    assert read(f"* * * * * {command}\n").specs[0]["id"] == id


def test_the_zone_of_this_machine(tmp_path: Path) -> None:
    there = tmp_path / "localtime"
    there.symlink_to("/usr/share/zoneinfo/Europe/Stockholm")
    assert crontab.machine_zone({}, there)[0] == "Europe/Stockholm"
    assert crontab.machine_zone({"TZ": ":Asia/Tokyo"}, there)[0] == "Asia/Tokyo"
    assert crontab.machine_zone({}, tmp_path / "none") == ("UTC", " (this machine names none; --timezone says another)")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with worker() as built:
        yield built


def test_what_is_imported_can_be_applied(server: Any, tmp_path: Path) -> None:
    shop = Shop(tmp_path, server.app)
    (tmp_path / "crontab").write_text(CRONTAB)
    done = shop.run("import", "crontab", "crontab", "--timezone", "Europe/Stockholm", "--tag", "cron")
    assert done.exit_code == 0
    assert "crontab:11: start-agent: @reboot" in done.stderr
    assert "5 schedules, in the zone Europe/Stockholm; 5 things to look at." in done.stderr
    shop.ok("apply", "-f", "-", stdin=done.stdout)
    assert shop.ids() == ["backup", "backup-2", "mail", "start-agent", "sync-stock"]
    assert shop.client.schedules.get("mail")["data"]["stdin"] == "Hello,\nit is done\n"
    assert "5 schedules" in shop.run("import", "crontab", "-", stdin=CRONTAB).stderr
    assert shop.run("import", "crontab", "nowhere").exit_code == 2
    assert "There is no such time zone" in shop.run("import", "crontab", "crontab", "--timezone", "Mars").stderr
    (tmp_path / "bytes").write_bytes(b"\xff")
    assert "this is not UTF-8, from byte 0 on" in shop.run("import", "crontab", "bytes").stderr
