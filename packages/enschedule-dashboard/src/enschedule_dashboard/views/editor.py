"""New and edit: three steps on one page, and beside them what will happen."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from enschedule_core.clock import format_instant
from enschedule_core.errors import EnscheduleError, InvalidInput, InvalidTrigger, NotFound
from enschedule_core.wire.types import ChangedSchedule, Handler, Preview, Schedule
from enschedule_dashboard import policies, present, schedule_form, voices, when_form
from enschedule_dashboard.filters import run_url, schedule_url, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.schedule_form import ScheduleForm
from enschedule_dashboard.session import client, once
from enschedule_dashboard.shell import can
from enschedule_dashboard.when_form import WhenForm

blueprint = Blueprint("editor", __name__)

PREVIEW_SLOTS = 5
_MINUTE = timedelta(minutes=1)
_INNER_ACTIONS = ("preview", "to_json", "to_form")


@dataclass(frozen=True, slots=True)
class Slot:
    """One planned instant in the schedule's zone; ``aside`` is how far away it is, or what it is for the viewer."""

    at: str
    text: str
    aside: str


@dataclass(slots=True)
class Outlook:
    """What the trigger will do. ``state`` is ``known``, ``empty`` (nothing said yet) or ``wrong``."""

    state: str
    sentence: str = ""
    expression: str = ""
    slots: list[Slot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    neighbours: int = 0


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
    schedule = client().schedules.get(id)
    form = schedule_form.of_schedule(schedule, _handler_of(schedule))
    form.title = f"{form.title} (copy)"
    form.id, form.schedule, form.revision = "", None, None
    form.policies.values["owner_group_was"] = ""  # so that the copy says whose it is
    return _page(form)


@blueprint.get("/schedules/<id>/edit")
def edit(id: str) -> str:
    """Show the form of an existing schedule."""
    schedule = client().schedules.get(id)
    return _page(schedule_form.of_schedule(schedule, _handler_of(schedule)))


@blueprint.post("/schedules/new")
def create() -> Response | str | tuple[str, int]:
    """Create the schedule, or do what a button inside the form asked."""
    wanted = request.form.get("handler", "")
    form = schedule_form.posted(request.form, _handler(wanted))
    return _answer(form)


@blueprint.post("/schedules/<id>/edit")
def update(id: str) -> Response | str | tuple[str, int]:
    """Save the edit, or do what a button inside the form asked."""
    schedule = client().schedules.get(id)
    form = schedule_form.posted(request.form, _handler_of(schedule), schedule)
    return _answer(form)


@blueprint.post("/preview")
def preview() -> str:
    """Answer with the parts of the editor that say what the trigger in the posted form will do."""
    when = when_form.from_post(request.form)
    shown = _preview(when, own_id=request.form.get("own_id", ""))
    return render_template("editor_preview.html", when=when, preview=shown)


def _answer(form: ScheduleForm) -> Response | str | tuple[str, int]:
    action = request.form.get("action", "save")
    is_inner = action in _INNER_ACTIONS or action.startswith(("add:", "remove:")) or "use" in request.form
    if is_inner:
        return _page(form)
    body = form.body()
    if body is None:
        return _page(form), 422
    try:
        saved = _save(form, body)
    except EnscheduleError as error:
        form.refuse(error)
        return _page(form), error.status
    if action == "save_run":
        run = client().schedules.run(saved["id"], idempotency_key=once("run"))
        say(f"{saved['title']} is saved, and runs now.")
        return redirect(run_url(run["id"]), 303)
    _say_saved(saved)
    return redirect(schedule_url(saved["id"]), 303)


def _save(form: ScheduleForm, body: dict[str, object]) -> ChangedSchedule:
    if form.schedule is None:
        return client().schedules.create(body)
    return client().schedules.patch(form.schedule["id"], body, if_match=form.revision)


def _say_saved(saved: ChangedSchedule) -> None:
    if saved["change"] == "unchanged":
        say("Nothing changed.")
    elif saved["due_at"] is None:
        say(f"{saved['title']} is saved.")
    else:
        say(f"{saved['title']} is saved. Its next run: {voices.moment(saved['due_at'], viewer())}.")


def _choose() -> str:
    query = request.args.get("q", "").strip()
    handlers = client().handlers.list(q=query or None)["items"]
    return render_template("editor_choose.html", handlers=handlers, query=query)


def _page(form: ScheduleForm) -> str:
    """Draw the editor; nothing is planned for a form that was not posted yet and says nothing."""
    return render_template(
        "editor.html",
        form=form,
        preview=_preview(form.when, own_id=form.schedule["id"] if form.schedule else ""),
        when=form.when,
        modes=when_form.MODES,
        units=when_form.UNITS,
        examples=when_form.EXAMPLES,
        zones=when_form.zone_names(),
        words=policies,
        owners=_owners(),
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


def _preview(when: WhenForm, *, own_id: str = "") -> Outlook:
    """Ask what the trigger will do. Its mistakes are put at the form's controls, once."""
    if when.is_empty and not when.errors:
        return Outlook("empty")
    asked = dataclasses.replace(when, errors={}) if when.errors else when
    trigger = asked.trigger()
    if trigger is None:
        return Outlook("wrong")
    try:
        found = client().triggers.preview(trigger, count=PREVIEW_SLOTS)
    except (InvalidTrigger, InvalidInput) as error:
        asked.place(error.errors)
        if not asked.error_count:
            asked.add(asked.main, error.detail)
        return Outlook("wrong")
    return _shown(found, own_id)


def _shown(found: Preview, own_id: str) -> Outlook:
    zone, description = ZoneInfo(found["timezone"]), found["description"]
    place = "UTC" if zone.key in ("UTC", "Etc/UTC") else f"{present.place(zone.key)} time"
    sentence = f"{description}, {place}." if found["kind"] in ("cron", "once") else f"{description}."
    return Outlook(
        "known",
        sentence="Only when somebody says so." if found["kind"] == "manual" else sentence,
        expression=found["expression"] if found["kind"] == "cron" else "",
        slots=_slots(found["next"], zone),
        notes=found["notes"],
        neighbours=_neighbours(found["next"], own_id),
    )


def _slots(instants: list[str], zone: ZoneInfo) -> list[Slot]:
    """Return the slots as they are written; seconds stand in all of them or in none."""
    found = [present.as_instant(at).astimezone(zone) for at in instants]
    pattern = "%H:%M:%S" if any(local.second for local in found) else "%H:%M"
    slots: list[Slot] = []
    for at, local in zip(instants, found, strict=True):
        date = f"{present.DAYS[local.weekday()]} {present.ordinal_date(local, year=local.year != viewer().now.year)}"
        here = viewer().local(local)
        aside = f"{here:{pattern}} here" if here.utcoffset() != local.utcoffset() else ""
        if not slots:
            aside = f"in {present.duration((local - viewer().now).total_seconds())}"
        slots.append(Slot(at, f"{date} {local:{pattern}}", aside))
    return slots


def _neighbours(slots: list[str], own_id: str) -> int:
    """Return how many other schedules have a slot in the minute of the first one."""
    if not slots:
        return 0
    minute: datetime = present.as_instant(slots[0]).replace(second=0, microsecond=0)
    try:
        found = client().forecast(from_=format_instant(minute), to=format_instant(minute + _MINUTE), limit=200)
    except EnscheduleError:  # the note is an extra; what matters is there without it
        return 0
    return len({item["schedule"]["id"] for item in found["items"]} - {own_id})
