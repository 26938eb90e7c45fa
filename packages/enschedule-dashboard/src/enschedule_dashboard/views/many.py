"""One thing done to many schedules or runs: the question before it, the request, what is said after; completion."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.errors import InvalidInput
from enschedule_core.run import RunStatus
from enschedule_core.schedule import ScheduleStatus
from enschedule_dashboard import bulk, listing, voices
from enschedule_dashboard.bulk import Wanted
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.present import as_instant
from enschedule_dashboard.session import client, once, safe_next

blueprint = Blueprint("many", __name__)
PATHS = {"schedule": "/schedules", "run": "/runs"}
_BELONGS = {"reason": "pause", "until": "pause", "missed": "resume"}
MISSED = {"skip": "Skip them", "latest": "Run the latest", "all": "Run all"}


@blueprint.post("/schedules/actions")
def schedules() -> Response | str:
    """Run, pause, resume, delete or restore the schedules that are chosen, or all that match."""
    return _answer("schedule")


@blueprint.post("/runs/actions")
def runs() -> Response | str:
    """Cancel, run again or delete the runs that are chosen, or all that match."""
    return _answer("run")


@blueprint.get("/lists/schedules/count.json")
def count_schedules() -> Response:
    """Return how many schedules the list with this query has."""
    count, is_more = _count("schedule", request.full_path)
    return jsonify(count=count, is_more=is_more)


@blueprint.get("/lists/runs/count.json")
def count_runs() -> Response:
    """Return how many runs the list with this query has."""
    count, is_more = _count("run", request.full_path)
    return jsonify(count=count, is_more=is_more)


@blueprint.get("/lists/schedules/words.json")
def schedule_words() -> Response:
    """Return what may stand behind each filter of the search in the list of schedules, for completion."""
    return jsonify([("status", [str(status) for status in ScheduleStatus]), *_words()])


@blueprint.get("/lists/runs/words.json")
def run_words() -> Response:
    """Return what may stand behind each filter of the search in the list of runs, for completion."""
    schedules = client().schedules.list(sort="id", limit=200)["items"]
    ids = [schedule["id"] for schedule in schedules]
    return jsonify([("status", [str(status) for status in RunStatus]), ("schedule", ids), *_words()])


def _words() -> list[tuple[str, list[str]]]:
    """Return the filters that both lists have, and what there is of each; pairs, because their order is shown."""
    ask = client()
    return [
        ("tag", [found["tag"] for found in ask.schedules.tags()["items"]]),
        ("handler", [handler["id"] for handler in ask.handlers.list()["items"]]),
        ("worker", sorted({worker["id"] for worker in ask.workers.list()["items"]})),
        ("group", [group["id"] for group in ask.groups.list()["items"]]),
    ]


def _answer(noun: str) -> Response | str:
    address = safe_next(request.form.get("next"), PATHS[noun])
    wanted = bulk.read(noun, address)
    if wanted.asks or _would_skip(wanted):
        return _ask(wanted)
    done, cursor = _do(wanted)
    if cursor is not None:
        wanted.cursor = cursor
        return render_template("many_more.html", wanted=wanted, options=_options(), total=_total())
    undo = bulk.undo_of(wanted, done) if wanted.done == len(done) else None
    say(
        voices.readable(bulk.said(wanted), viewer()),
        tone="warn" if wanted.refused_count else "done",
        post=(undo.label, f"{PATHS[noun]}/actions") if undo else None,
        fields=undo.fields if undo else None,
    )
    return redirect(f"{request.script_root}{address}", 303)


def _would_skip(wanted: Wanted) -> bool:
    """Return whether a resume that does not say what becomes of missed slots, as an undo, would skip some."""
    if wanted.action != "resume" or "missed" in request.form:
        return False
    for schedule in client().schedules.each(paused=True, sort="due_at", limit=200):
        due = schedule["due_at"]
        if due is not None and as_instant(due) > viewer().now:
            return False
        if due is not None and schedule["id"] in wanted.ids:
            return True
    return False


def _ask(wanted: Wanted) -> str:
    count, is_more = _count(wanted.noun, wanted.address) if wanted.every else (len(wanted.ids), False)
    return render_template(
        "many_ask.html", wanted=wanted, count=count, is_more=is_more, missed=MISSED, shown=bulk.SHOWN
    )


def _count(noun: str, address: str) -> tuple[int, bool]:
    where = _where(noun, address)
    if noun == "schedule":
        return client().schedules.counts(**where)["total"], False
    found = client().runs.count(**where)
    return found["count"], found["is_more"]


def _where(noun: str, address: str) -> dict[str, Any]:
    given = listing.arguments_of(address)
    if noun == "schedule":
        return listing.schedules_where(listing.schedules_wanted(given))
    return listing.runs_where(listing.runs_wanted(given), given, viewer())


def _options() -> dict[str, str]:
    """Return what the form says besides: why, and what becomes of missed slots."""
    given = {name: request.form.get(name, "").strip() for name in _BELONGS}
    return {name: value for name, value in given.items() if value}


def _total() -> int:
    text = request.form.get("total", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _do(wanted: Wanted) -> tuple[list[Any], str | None]:
    """Do one request of it; returns what it was done to, and the cursor of what is left."""
    ask: Any
    options: dict[str, Any] = {"cursor": wanted.cursor, "idempotency_key": once(wanted.action)}
    if wanted.every:
        options["where"] = _where(wanted.noun, wanted.address)
    if wanted.noun == "run":
        ask = client().runs.actions
        options |= {} if wanted.every else {"ids": _numbers(wanted.ids)}
    else:
        ask = client().schedules.actions
        options |= {} if wanted.every else {"ids": wanted.ids}
        options |= {name: value for name, value in _options().items() if _BELONGS[name] == wanted.action}
        if "pause_at" in request.form:
            options["pause_at"] = [at for at in request.form["pause_at"].split(",") if at]
    found = ask(wanted.action, **options)
    done = bulk.without_kept(wanted, found["done"])
    wanted.done += len(done)
    wanted.kept += len(found["done"]) - len(done)
    wanted.refused_count += len(found["failed"])
    wanted.refused = [f"{one['id']}: {one['detail']}" for one in found["failed"][:1]]
    return done, found["next_cursor"]


def _numbers(ids: list[str]) -> list[int]:
    try:
        return [int(id) for id in ids]
    except ValueError:
        raise InvalidInput("A run is chosen by its number.") from None
