"""``enschedule pause``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from enschedule_cli import names
from enschedule_cli.connection import connected, each
from enschedule_cli.terminal import say
from enschedule_cli.times import Moment

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import Pause, PauseOfAll

AnyPause = TypeVar("AnyPause", "Pause", "PauseOfAll")


def check_all_or_some(ids: tuple[str, ...], *, everything: bool) -> None:
    """Refuse both of schedules and ``--all``, and neither."""
    if everything and ids:
        raise click.UsageError("Name schedules, or --all, not both.")
    if not everything and not ids:
        raise click.UsageError("Name schedules, or --all for everything.")


@click.command()
@click.argument("ids", type=names.SCHEDULE, nargs=-1, metavar="[SCHEDULE]...")
@click.option("--all", "everything", is_flag=True, help="Everything: nothing more is started on this server.")
@click.option("--reason", metavar="TEXT", help="Why; others see it.")
@click.option("--replace", is_flag=True, help="Put this pause in the place of one that is there.")
@click.option("--until", type=Moment(ahead=True), help="Until an instant, or for so long (2h); else until resume.")
@connected
def command(
    client: Client,
    *,
    ids: tuple[str, ...],
    everything: bool,
    reason: str | None,
    replace: bool,
    until: datetime | None,
) -> None:
    """Pause schedules, or everything. Runs that go on are left alone."""
    check_all_or_some(ids, everything=everything)

    def pause(id: str) -> None:
        if replace:
            paused = client.schedules.pause(id, reason, until)["pause"]
        else:
            paused = _pause_one(client, id, reason, until)
        say(f"{id}: paused{_until(paused['until'] if paused else None)}")

    if everything:
        paused = client.pause.begin(reason, until) if replace else _pause_everything(client, reason, until)
        say(f"everything: paused{_until(paused['until'])}")
    else:
        each(ids, pause, "{}")


def _pause_one(client: Client, id: str, reason: str | None, until: datetime | None) -> Pause | None:
    """Pause a schedule, if nobody else has; the very same pause is as good as ours."""
    from enschedule_core.errors import StaleRevision  # noqa: PLC0415 - the client has imported it

    try:
        return client.schedules.pause(id, reason, until, pause_at=None)["pause"]
    except StaleRevision as error:
        found: Pause | None = error.extra["current"]["pause"]
        if found is None:
            raise
    return _if_same(found, reason, until, f"{id} is", f"enschedule pause {id} --replace")


def _pause_everything(client: Client, reason: str | None, until: datetime | None) -> PauseOfAll:
    """Do the same with everything."""
    from enschedule_core.errors import StaleRevision  # noqa: PLC0415

    found = client.pause.get()
    if not found["paused"]:
        try:
            return client.pause.begin(reason, until, if_match=found["revision"])
        except StaleRevision as error:
            found = error.extra["current"]
            if not found["paused"]:
                raise
    return _if_same(found, reason, until, "Everything is", "enschedule pause --all --replace")


def _if_same(found: AnyPause, reason: str | None, until: datetime | None, what: str, instead: str) -> AnyPause:
    """Return the pause that is there if it says what ours would. Raises :class:`Conflict` that tells of it if not."""
    from enschedule_core.clock import parse_instant  # noqa: PLC0415
    from enschedule_core.errors import Conflict  # noqa: PLC0415

    end = parse_instant(found["until"]) if found["until"] else None
    if (found["reason"], end) == (reason or None, until):
        return found
    why = f": “{found['reason']}”" if found["reason"] else ""
    raise Conflict(
        f"{what} paused already, by {found['by']} since {found['at']}{_until(found['until'])}{why}. "
        "That stays as it is.",
        hint=f"{instead} puts yours in its place.",
    )


def _until(instant: str | None) -> str:
    return f" until {instant}" if instant else ""
