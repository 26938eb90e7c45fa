"""Search or go to: what a few typed letters mean. A run's number, a page, a schedule, a handler; or a verb before one.

The same answers stand on the page ``/go`` and in the palette that Ctrl-K opens.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from enschedule_client import Client
from enschedule_core.errors import NotFound
from enschedule_core.schedule import is_valid_id
from enschedule_core.wire.types import RunDetail, Schedule
from enschedule_dashboard import shell
from enschedule_dashboard.filters import handler_url, run_url, schedule_url, to
from enschedule_dashboard.shell import can
from enschedule_dashboard.shell import pages as bar_pages

MOST = 8
_LARGEST_RUN = 2**53


@dataclass(frozen=True, slots=True)
class Hit:
    """One line: what it does in words, and where it leads; ``post`` sends a form there instead of going there."""

    label: str
    href: str
    note: str = ""
    status: str | None = None
    post: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Hits of one kind."""

    name: str
    hits: tuple[Hit, ...]


def find(client: Client, text: str, at: str = "") -> list[Group]:
    """Return what ``text`` may mean, the likeliest kind first; for no text, the pages.

    ``at`` is the path of the page in view: what can be done to the thing on it stands first.
    """
    words = text.strip()
    verb, _, rest = words.partition(" ")
    groups = [
        Group("Here", tuple(_here(client, words.lower(), at))),
        Group("Actions", tuple(_actions(client, verb.lower(), rest.strip()))),
        Group("Runs", tuple(_run(client, words))),
        Group("Pages", tuple(_pages(words))),
    ]
    if words:
        groups += [
            Group("Schedules", tuple(_schedules(client, words))),
            Group("Handlers", tuple(_handlers(client, words))),
        ]
    return [group for group in groups if group.hits]


def _schedules(client: Client, words: str) -> Iterator[Hit]:
    for schedule in client.schedules.list(q=words, limit=MOST)["items"]:
        yield Hit(schedule["title"], schedule_url(schedule["id"]), note=schedule["id"], status=schedule["status"])


def _handlers(client: Client, words: str) -> Iterator[Hit]:
    for handler in client.handlers.list(q=words)["items"][:3]:
        yield Hit(handler["title"] or handler["id"], handler_url(handler["id"]), note=handler["id"])


def _pages(words: str) -> Iterator[Hit]:
    wanted = words.lower()
    pages = [*bar_pages(), ("Profile", "/profile"), ("Keys", "/keys"), ("More", "/more")]
    if can("edit"):
        pages.append(("New schedule", "/schedules/new"))
    for label, path in pages:
        if label.lower().startswith(wanted) or f" {wanted}" in label.lower():
            yield Hit(label, to(path))


def _run(client: Client, words: str) -> Iterator[Hit]:
    """A run by its number, with or without the word before it and the commas in it."""
    digits = words.lower().removeprefix("run").strip().replace(",", "")
    if not (digits.isascii() and digits.isdigit()) or int(digits) > _LARGEST_RUN:
        return
    try:
        run = client.runs.get(int(digits))
    except NotFound:
        return
    of = run["schedule"]["title"] if run["schedule"] else run["handler"]["id"]
    yield Hit(f"Run {run['id']:,}", run_url(run["id"]), note=of, status=run["status"])


def _actions(client: Client, verb: str, rest: str) -> Iterator[Hit]:
    """What a verb does to the schedules that match the words after it."""
    if verb == "pause" and rest in ("", "everything") and can("operate", None):
        yield Hit("Pause everything", to("/everything/pause"), post=True)
    if verb == "resume" and rest in ("", "everything") and can("operate", None) and shell.server()["pause"]:
        yield Hit("Resume everything…", to("/everything/resume"))
    if not rest or verb not in _VERBS or not can(_VERBS[verb]):
        return
    for schedule in client.schedules.list(q=rest, limit=MOST)["items"]:
        hit = _action(verb, schedule)
        if hit is not None:
            yield hit


def _here(client: Client, words: str, at: str) -> Iterator[Hit]:
    """What can be done to the schedule or the run on the page in view, as far as it begins with what is typed."""
    section, _, id = unquote(at).strip("/").partition("/")
    try:
        if section == "schedules" and is_valid_id(id):
            hits = _of_schedule(client.schedules.get(id))
        elif section == "runs" and id.isascii() and id.isdigit() and int(id) <= _LARGEST_RUN:
            hits = _of_run(client.runs.get(int(id)))
        else:
            return
    except NotFound:
        return
    yield from (hit for hit in hits if hit.label.lower().startswith(words))


def _of_schedule(schedule: Schedule) -> list[Hit]:
    offered = [verb for verb, permission in _VERBS.items() if can(permission, schedule["group"])]
    return [hit for verb in offered if (hit := _action(verb, schedule)) is not None]


def _of_run(run: RunDetail) -> list[Hit]:
    owner, title, found = run["schedule"], f"run {run['id']:,}", []
    if can("operate"):
        is_open = run["status"] in ("queued", "running")
        said, verb = (f"Cancel {title}", "cancel") if is_open else (f"Run again: {title}", "retry")
        found.append(Hit(said, run_url(run["id"], verb), status=run["status"], post=True))
    if owner is not None:
        found.append(Hit(f"Open {owner['title']}", schedule_url(owner["id"]), note=owner["id"]))
        if can("edit"):
            found.append(Hit(f"Edit {owner['title']}", schedule_url(owner["id"], "edit"), note=owner["id"]))
    return found


_VERBS = {"run": "operate", "pause": "operate", "resume": "operate", "edit": "edit", "clone": "edit", "delete": "edit"}
"""Each verb and the permission that it needs."""


def _action(verb: str, schedule: Schedule) -> Hit | None:
    """Return what ``verb`` does to a schedule; ``None`` where there is nothing to do."""
    id, title = schedule["id"], schedule["title"]
    if (verb, schedule["paused"]) in {("pause", True), ("resume", False)}:
        return None
    said = {"run": f"Run {title} now"}.get(verb, f"{verb.capitalize()} {title}")
    if verb in ("run", "pause"):
        return Hit(said, schedule_url(id, verb), note=id, status=schedule["status"], post=True)
    asks = verb in ("delete", "resume")  # a page that asks
    return Hit(f"{said}…" if asks else said, schedule_url(id, verb), note=id, status=schedule["status"])
