"""``enschedule why``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from enschedule_cli import names
from enschedule_cli.connection import connected
from enschedule_cli.forms import ONE_FORMS, form_option, write_one
from enschedule_cli.terminal import clean, paint

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import Diagnosis, DiagnosisCheck

_CURES = {
    "resume": "enschedule resume {id}",
    "resume_all": "enschedule resume --all",
    "run": "enschedule run {id}",
    "edit": "enschedule edit {id}",
    "open_run": "enschedule describe run {run_id}",
}


@click.command()
@click.argument("schedule", type=names.SCHEDULE)
@form_option(ONE_FORMS)
@connected
def command(client: Client, *, schedule: str, form: str) -> None:
    """Say why a schedule is not running, or that it will: what has to be so, and what is not."""
    found = client.schedules.diagnosis(schedule)
    write_one(found, form, lambda: _lines(schedule, found))


def _lines(schedule: str, found: Diagnosis) -> list[str]:
    lines = [paint(clean(found["sentence"]), "strong"), ""]
    for check in found["checks"]:
        sign, tone = {True: ("✓", "good"), False: ("✗", "bad"), None: ("?", "dim")}[check["ok"]]
        lines.append(f"{paint(sign, tone)} {clean(check['text'])}")
        lines += [f"    {clean(cure)}" for cure in _cure(schedule, check)]
    return lines


def _cure(schedule: str, check: DiagnosisCheck) -> list[str]:
    action = check["action"]
    if action is None or check["ok"] or action["kind"] not in _CURES:
        return []
    return [_CURES[action["kind"]].format(id=schedule, run_id=action.get("run_id", ""))]
