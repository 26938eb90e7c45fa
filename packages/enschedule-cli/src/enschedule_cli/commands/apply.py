"""``enschedule apply``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import click

from enschedule_cli.connection import FAILED, connected, refused, surroundings
from enschedule_cli.terminal import say, tell

if TYPE_CHECKING:
    from enschedule_cli.files.plan import Plan
    from enschedule_client import Client


Decorated = TypeVar("Decorated", bound=Callable[..., object])


def files_option(command: Decorated) -> Decorated:
    """Add ``-f`` and ``--env``, as every command has them that reads files."""
    env = click.option(
        "--env",
        "use_env",
        is_flag=True,
        help="Replace ${NAME}, or ${NAME:-default}, by the environment variable; $${ stays ${.",
    )
    files = click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        required=True,
        metavar="FILE",
        help="A file, a folder with all below it, a pattern in quotes, or - for standard input; may be repeated.",
    )
    return files(env(command))


def prune_options(what: str) -> Callable[[Decorated], Decorated]:
    """Add ``--prune``, which does ``what``, and the ``-l`` that it needs."""

    def add(command: Decorated) -> Decorated:
        tag = click.option("-l", "selectors", multiple=True, metavar="tag=NAME", help="The tag that --prune looks at.")
        return click.option("--prune", is_flag=True, help=what)(tag(command))

    return add


def pruned_tag(selectors: Sequence[str], *, prune: bool) -> str | None:
    """Return the tags that ``--prune`` looks at, ``None`` without it. Raises :class:`click.UsageError`."""
    tag = tag_of(selectors, wanted=prune)
    if tag and not prune:
        raise click.UsageError("-l goes with --prune.")
    return tag


def tag_of(selectors: Sequence[str], *, wanted: bool) -> str | None:
    """Return the tags that ``-l tag=x`` names, as the API takes them. Raises :class:`click.UsageError`."""
    tags = [tag for one in selectors for tag in one.split(",") if tag]
    for tag in tags:
        if not tag.startswith("tag=") or tag == "tag=":
            raise click.UsageError(f"-l {tag}: must name a tag, for example -l tag=shop.")
    if wanted and not tags:
        raise click.UsageError("--prune needs -l tag=NAME: only schedules with that tag are looked at.")
    return ",".join(tag.removeprefix("tag=") for tag in tags) or None


def planned(client: Client, files: Sequence[str], *, use_env: bool) -> Plan:
    """Return the plan for what ``-f`` names; each mistake is a line on stderr."""
    from enschedule_cli.files import plan, sources  # noqa: PLC0415 - `enschedule --help` reads no YAML
    from enschedule_cli.files.documents import Reader  # noqa: PLC0415

    replace = sources.from_environment(surroundings().environ) if use_env else None
    made = plan.make(client, sources.find(files), Reader(replace))
    for problem in made.problems:
        tell(str(problem))
    return made


@click.command()
@files_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@prune_options("Delete what belongs to files, has the tag, and stands in none of these.")
@connected
def command(
    client: Client, *, files: tuple[str, ...], use_env: bool, dry_run: bool, prune: bool, selectors: tuple[str, ...]
) -> None:
    """Make the schedules what the files say.

    Each is created, updated or left unchanged. A file with a mistake is reported with line and column, and nothing of
    it is applied; the other files are.
    """
    tag = pruned_tag(selectors, prune=prune)
    plan = planned(client, files, use_env=use_env)
    now = _now(client)
    done = _say_plan(plan, now) if dry_run else _make(client, plan, now)
    if tag and plan.problems:
        tell("Nothing is deleted while a file has a mistake.")
    elif tag:
        done["deleted"] = _prune(client, plan, tag, dry_run=dry_run)
    parts = [f"{count} {word}" for word, count in done.items() if count]
    if parts:
        tell(("Would be: " if dry_run else "") + ", ".join(parts) + ".")
    if plan.problems:
        bad = len({problem.path for problem in plan.problems})
        tell(f"Of {bad} {'file' if bad == 1 else 'files'} with a mistake nothing is applied.")
    if plan.problems or done["failed"]:
        sys.exit(FAILED)


def _now(client: Client) -> datetime:
    from enschedule_core.clock import parse_instant  # noqa: PLC0415

    return parse_instant(client.me()["server_time"])


def _say_plan(plan: Plan, now: datetime) -> Counter[str]:
    from enschedule_cli.files.applying import describe  # noqa: PLC0415

    for change in plan.changes:
        shown = {**(change.answer["after"] or {}), "due_at": change.answer["due_at"]}
        say(describe(change, shown, now, would=True))
    return Counter(str(change.answer["change"]) for change in plan.changes)


def _make(client: Client, plan: Plan, now: datetime) -> Counter[str]:
    from enschedule_cli.files.applying import Interrupted, apply  # noqa: PLC0415

    done: Counter[str] = Counter()
    try:
        for outcome in apply(client, plan.changes, now):
            for problem in outcome.problems:
                tell(str(problem))
            if outcome.line:
                say(outcome.line)
            done["failed" if outcome.problems else str(outcome.change.answer["change"])] += 1
    except Interrupted as interrupted:
        count = sum(done.values())
        tell(f"{count} of {len(plan.changes)} are done; what was printed is saved. Apply again to finish.")
        raise refused(interrupted.cause) from interrupted
    return done


def _prune(client: Client, plan: Plan, tag: str, *, dry_run: bool) -> int:
    from enschedule_cli.files.applying import prunable  # noqa: PLC0415
    from enschedule_core.errors import EnscheduleError, NotFound  # noqa: PLC0415

    found = prunable(client, tag, {change.wanted.id for change in plan.changes})
    for number, one in enumerate(found):
        if not dry_run:
            try:
                client.schedules.delete(one["id"])
            except NotFound:
                continue  # somebody else was faster
            except EnscheduleError as problem:
                tell(f"{number} of {len(found)} are deleted; what was printed is done. Apply again to finish.")
                raise refused(problem, one["id"]) from problem
        say(f"{one['id']}: {'would be deleted' if dry_run else 'deleted'}; it was from {one['managed_by']}")
    return len(found)
