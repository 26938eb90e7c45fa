"""New and edit: three steps on one page, and beside them what will happen."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.errors import Conflict, EnscheduleError, NotFound, StaleRevision, Unauthenticated
from enschedule_core.secret import without_sealed
from enschedule_core.wire.types import ChangedSchedule, Handler, Schedule
from enschedule_dashboard import (
    comparing,
    forms,
    outlook,
    policies,
    present,
    problems,
    schedule_form,
    voices,
    when_carry,
    when_form,
)
from enschedule_dashboard.filters import run_url, schedule_url, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.schedule_form import ScheduleForm
from enschedule_dashboard.session import client, once
from enschedule_dashboard.shell import can

blueprint = Blueprint("editor", __name__)

_INNER_ACTIONS = ("preview", "mode", "theirs")


@blueprint.get("/schedules/new")
def new() -> str:
    """Show the handlers to choose from, or the form of the one that was chosen."""
    wanted = request.args.get("handler")
    if not wanted:
        return _choose()
    form = schedule_form.blank(
        _handler(wanted),
        viewer().zone.key,
        title=request.args.get("title", ""),
        phrase=request.args.get("schedule", ""),
    )
    return _page(form)


@blueprint.get("/schedules/<id>/clone")
def clone(id: str) -> str:
    """Show the form of a new schedule that is filled like an existing one."""
    schedule = _copy_of(id)
    form = schedule_form.of_schedule(schedule, _handler_of(schedule))
    form.title = f"{form.title} (copy)"
    form.id, form.schedule, form.revision, form.cloned = "", None, None, schedule["id"]
    form.policies.values["owner_group_was"] = ""  # so that the copy says whose it is
    return _page(form)


@blueprint.get("/schedules/<id>/edit")
def edit(id: str) -> str:
    """Show the form of an existing schedule."""
    schedule = client().schedules.get(id)
    handler = _handler_of(schedule)
    form = schedule_form.of_schedule(schedule, handler)
    form.opened = comparing.marks(schedule_form.of_schedule(schedule, handler).body())
    return _page(form)


@blueprint.post("/schedules/new")
def create() -> Response | str | tuple[str, int]:
    """Create the schedule, or do what a button inside the form asked."""
    wanted = request.form.get("handler", "")
    form = schedule_form.posted(request.form, _handler(wanted), copied=_copied())
    return _answer(form)


def _copied() -> Schedule | None:
    """Return the schedule that the new one is a copy of; it may be gone by now."""
    id = request.form.get("cloned", "")
    try:
        return _copy_of(id) if id else None
    except NotFound:
        return None


def _copy_of(id: str) -> Schedule:
    """Return a schedule as far as another one can be made of it: what is sealed stays with the original."""
    schedule = client().schedules.get(id)
    return {**schedule, "data": without_sealed(schedule["data"])}


@blueprint.post("/schedules/<id>/edit")
def update(id: str) -> Response | str | tuple[str, int]:
    """Save the edit, or do what a button inside the form asked."""
    schedule = client().schedules.get(id)
    form = schedule_form.posted(request.form, _handler_of(schedule), schedule)
    verb, _, place = request.form.get("action", "save").partition(":")
    if "compared" in request.form and _is_inner(verb):
        return _page(_beside(form, schedule, take=place if verb == "theirs" else ""))
    return _answer(form)


@blueprint.post("/preview")
def preview() -> str:
    """Answer with the parts of the editor that say what the trigger in the posted form will do."""
    when = when_form.from_post(request.form)
    shown = outlook.look_ahead(when, own_id=request.form.get("own_id", ""))
    return render_template("editor_preview.html", when=when, preview=shown, examples=when_form.EXAMPLES)


def _is_inner(action: str) -> bool:
    """Return whether the button changes the form and saves nothing."""
    return action in _INNER_ACTIONS or forms.is_inner(action) or "use" in request.form


def _answer(form: ScheduleForm) -> Response | str | tuple[str, int]:
    action = request.form.get("action", "save")
    when_carry.carry(form.when, always=action == "mode")
    if _is_inner(action):
        return _page(form)
    body = form.body()
    if body is None:
        return _page(form), 422
    try:
        saved = _save(form, body)
    except StaleRevision:
        met = _met(form)
        if isinstance(met, ScheduleForm):
            return _page(met), StaleRevision.status
        saved = met
    except EnscheduleError as error:
        form.refuse(error)
        return _page(form), error.status
    if action == "save_run":
        return _run(saved)
    _say_saved(saved)
    return redirect(schedule_url(saved["id"]), 303)


def _run(saved: ChangedSchedule) -> Response:
    """Start what was saved; where that is refused, it is saved all the same."""
    try:
        run = client().schedules.run(saved["id"], idempotency_key=once("run"))
    except EnscheduleError as error:
        if isinstance(error, Unauthenticated):
            raise
        say(f"{saved['title']} is saved, but does not run now: {problems.said(error)}", tone="warn")
        return redirect(schedule_url(saved["id"]), 303)
    say(f"{saved['title']} is saved, and runs now.", link=(f"Open run {run['id']:,}", f"/runs/{run['id']}"))
    return redirect(run_url(run["id"]), 303)


def _save(form: ScheduleForm, body: dict[str, object]) -> ChangedSchedule:
    if form.schedule is not None:
        return client().schedules.patch(form.schedule["id"], body, if_match=form.revision)
    try:
        return client().schedules.create(body)
    except Conflict:
        # The first click of a double click has made it: what is there is what this form says.
        found = client().schedules.preview([body])["items"] if "id" in body and once("create") else []
        if not found or found[0]["change"] != "unchanged":
            raise
        return {**client().schedules.get(str(body["id"])), "change": "created"}


def _met(form: ScheduleForm) -> ScheduleForm | ChangedSchedule:
    """Return the form beside what somebody else has saved, or the schedule where that is the same."""
    assert form.schedule is not None  # only an edit has a revision
    current = client().schedules.get(form.schedule["id"])
    found = _beside(form, current)
    compared = found.compared
    if compared and not compared.both and not compared.taken:
        return {**current, "change": "updated"}
    return found


def _beside(form: ScheduleForm, current: Schedule, *, take: str = "") -> ScheduleForm:
    found = schedule_form.compare(form, current, take=take)
    if found.compared:
        newest = client().schedules.history(current["id"], limit=1)["items"]
        by = newest[0]["by"] if newest else ""
        found.compared.by = "" if by == "local" else by
        found.compared.at = newest[0]["at"] if newest else ""
    return found


def _say_saved(saved: ChangedSchedule) -> None:
    if saved["change"] == "unchanged":
        say("Nothing changed.")
    elif saved["due_at"] is None:
        say(f"{saved['title']} is saved.")
    else:
        say(f"{saved['title']} is saved. Its next run: {voices.moment(saved['due_at'], viewer())}.")


def _choose() -> str:
    query = request.args.get("q", "").strip()
    found = client().handlers.list(q=query or None)["items"]
    handlers = [handler for handler in found if handler["access"]["usable"]]
    return render_template("editor_choose.html", handlers=handlers, kept=len(found) - len(handlers), query=query)


def _page(form: ScheduleForm) -> str:
    """Draw the editor; nothing is planned for a form that was not posted yet and says nothing."""
    preview = outlook.look_ahead(form.when, own_id=form.schedule["id"] if form.schedule else "")
    return render_template(
        "editor.html",
        form=form,
        preview=preview,
        when=form.when,
        modes=when_form.MODES,
        units=when_form.UNITS,
        examples=when_form.EXAMPLES,
        zones=when_form.zone_names(),
        words=policies,
        owners=_owners(),
        anchor=schedule_form.anchor,
        saved_ago=present.relative(form.compared.at or None, viewer()) if form.compared else "",
    )


def _owners() -> dict[str, str]:
    """Return who may own a schedule of this person: nobody in particular, and the groups in which they may edit."""
    found = {"": "no group: everybody sees it"} if can("edit", None) else {}
    groups = client().groups.list()["items"]
    return {**found, **{group["id"]: group["title"] for group in groups if can("edit", group["id"])}}


def _handler(wanted: str) -> Handler:
    """Return the handler called ``fetch`` or ``fetch@2``."""
    id, _, version = wanted.partition("@")
    return client().handlers.get(id, version=int(version) if version.isdigit() else None)


def _handler_of(schedule: Schedule) -> Handler:
    """Return the schedule's handler; where no worker has ever offered it, one without a schema."""
    wanted = schedule["handler"]
    try:
        return client().handlers.get(wanted["id"], version=wanted["version"])
    except NotFound:
        return {
            "id": wanted["id"],
            "version": wanted["version"],
            "versions": [wanted["version"]],
            "title": wanted["id"],
            "description": "",
            "schema": None,
            "example": None,
            "idempotent": False,
            "max_running": None,
            "access": {"minimum_role": None, "declared_role": None, "groups": None, "usable": True},
            "source": {
                "kind": "unknown",
                "name": "",
                "attribute": None,
                "path": None,
                "distribution": None,
                "version": None,
            },
            "workers": [],
            "registered_at": schedule["created_at"],
        }
