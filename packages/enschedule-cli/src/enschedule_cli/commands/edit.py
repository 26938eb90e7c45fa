"""``enschedule edit``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, refused
from enschedule_cli.terminal import clean, say, tell

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import Schedule

FIELDS = (
    *("title", "description", "handler", "data", "trigger", "tags", "retry", "timeout_seconds", "overlap", "catch_up"),
    *("on_lost", "on_success", "on_failure", "max_running", "concurrency_group", "worker", "priority", "retention"),
    *("notify", "group", "env", "runbook", "managed_by"),
)


@click.command()
@click.argument("schedule", type=names.SCHEDULE)
@connected
def command(client: Client, *, schedule: str) -> None:
    """Edit a schedule as YAML in the editor that VISUAL or EDITOR names. Nothing is saved if it changed meanwhile.

    Close the editor without a change to leave it as it is. What is refused is shown, and can be edited again.
    """
    from enschedule_cli.yaml_text import dump  # noqa: PLC0415 - only where somebody edits
    from enschedule_core.errors import EnscheduleError  # noqa: PLC0415

    before = client.schedules.get(schedule)
    definition = editable(before)
    text = _head(before) + dump(definition)
    while True:
        edited = click.edit(text, extension=".yaml")
        if edited is None or edited == text:
            say(f"{schedule}: unchanged")
            return
        text = edited
        try:
            changes = _changes(definition, edited)
            if not changes:
                say(f"{schedule}: unchanged")
                return
            saved = client.schedules.patch(schedule, changes, if_match=before["revision"])
        except EnscheduleError as problem:
            _again_or_end(refused(problem), text)
            continue
        except click.ClickException as problem:
            _again_or_end(problem, text)
            continue
        say(f"{schedule}: {saved['change']}")
        return


def editable(schedule: Schedule) -> dict[str, Any]:
    """Return what can be edited of a schedule."""
    found: dict[str, Any] = {name: schedule[name] for name in FIELDS}  # type: ignore[literal-required]  # names of its fields
    # A phrase beside an expression that somebody changes would say something else than it.
    found["trigger"] = {
        name: value for name, value in schedule["trigger"].items() if name not in ("description", "phrase")
    }
    return found


def _head(schedule: Schedule) -> str:
    return (
        f"# {clean(schedule['id'])}, {clean(schedule['trigger']['description'])}\n"
        "# Save and close to change it; close without a change to leave it as it is.\n"
        "# Instead of the trigger, one line will do: schedule: every day at 2 am\n"
    )


def _changes(before: dict[str, Any], text: str) -> dict[str, Any]:
    """Return the fields that differ; raises :class:`click.ClickException` for a text that is no schedule."""
    from enschedule_cli.yaml_text import NotYaml, load  # noqa: PLC0415

    try:
        after = load(text)
    except NotYaml as problem:
        raise click.ClickException(clean(str(problem))) from None
    if not isinstance(after, dict) or not all(isinstance(name, str) for name in after):
        raise click.ClickException("This must be the fields of a schedule, one name: value each.")
    missing = [name for name in before if name not in after and not (name == "trigger" and "schedule" in after)]
    if missing:
        raise click.ClickException(f"{', '.join(missing)}: not there any more; write null or an empty value instead.")
    changes = {name: value for name, value in after.items() if name not in before or before[name] != value}
    if "schedule" in changes:
        changes.setdefault("timezone", before["trigger"]["timezone"])  # or it would get the server's
    return changes


def _again_or_end(problem: click.ClickException, text: str) -> None:
    """Show what is wrong and ask whether to edit again; else keep the text in a file and end."""
    problem.show()
    if sys.stdin.isatty() and click.confirm("Edit again?", default=True, err=True):
        return
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="enschedule-", delete=False, encoding="utf-8") as kept:
        kept.write(text)
    tell(f"What you wrote is kept in {Path(kept.name)}.")
    sys.exit(problem.exit_code)
