"""The editor's form as a whole: what runs, with which data, when, under which policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.errors import Conflict, EnscheduleError, FieldError, InvalidInput
from enschedule_core.schedule import slug
from enschedule_core.wire.types import Handler, Schedule
from enschedule_dashboard import comparing, forms, policies, policy_form, problems, when_form
from enschedule_dashboard.comparing import Difference
from enschedule_dashboard.form_values import Posted
from enschedule_dashboard.forms import DataForm
from enschedule_dashboard.policy_form import PolicyForm
from enschedule_dashboard.when_form import WhenForm

_OWN = ("title", "id", "description", "tags", "priority", "handler")
_PLACES = {
    "title": "title",
    "description": "description",
    "tags": "tags",
    "priority": "priority",
    "trigger": "step-when",
}


@dataclass(slots=True)
class Compared:
    """What stands in the form and what somebody saved meanwhile; ``by`` and ``at`` are of the newest save.

    ``both`` are the members that were changed here and are stored otherwise; ``taken`` those that were not changed
    here, whose stored value is in the form now.
    """

    both: list[Difference]
    taken: list[Difference]
    by: str = ""
    at: str = ""


@dataclass(slots=True)
class ScheduleForm:
    """Everything that stands in the editor; ``schedule`` is the stored one while an existing schedule is edited.

    ``errors`` go by field (``title id description tags priority handler``); ``problem`` is what belongs to
    no field. ``opened`` are the marks (:mod:`enschedule_dashboard.comparing`) of the form as it was opened, ``cloned``
    the id of the schedule whose copy this is. ``compared`` is there once somebody else has saved meanwhile.
    """

    handler: Handler
    data: DataForm
    when: WhenForm
    policies: PolicyForm
    schedule: Schedule | None = None
    title: str = ""
    id: str = ""
    description: str = ""
    tags: str = ""
    priority: str = ""
    revision: int | None = None
    errors: dict[str, list[FieldError]] = field(default_factory=dict)
    problem: EnscheduleError | None = None
    opened: str = ""
    cloned: str = ""
    compared: Compared | None = None

    @property
    def slug(self) -> str:
        """Return the id that the schedule gets: the one that was typed, else the one its title suggests."""
        return self.id.strip() or slug(self.title)

    @property
    def wrong(self) -> list[tuple[str, str]]:
        """Return id and name of every control that needs attention, from the top of the form down."""
        own = {name: [(name, name.capitalize())] if found else [] for name, found in self.errors.items()}
        first = [entry for name in ("handler", "title", "id") for entry in own.pop(name, [])]
        rest = [entry for found in own.values() for entry in found]
        return [*first, *self.data.wrong, *self.when.wrong, *self.policies.wrong, *rest]

    @property
    def error_count(self) -> int:
        """Return how many fields need attention."""
        return len(self.wrong)

    def about_words(self) -> str:
        """Return the group "Tags, order and description" in one line."""
        tags = self.tag_list()
        priority = self.priority.strip()
        known = {
            "tags": tags,
            "priority": int(priority) if priority.lstrip("-").isdigit() else 0,
            "description": self.description,
        }
        return policies.about_words(known)

    def tag_list(self) -> list[str]:
        """Return the tags, which are separated by commas or spaces."""
        return [tag for tag in self.tags.replace(",", " ").split() if tag]

    def body(self) -> dict[str, Any] | None:
        """Return what is sent to the API, or None with errors at the fields that cannot be read."""
        if not self.title.strip():
            self._add("title", "Give it a title, for example Check web shop.")
        priority = self.priority.strip() or "0"
        if not priority.lstrip("-").isdigit() or len(priority) > 6:
            self._add("priority", f"“{priority}” is not a whole number. Write for example 10.")
        trigger, rules = self.when.trigger(), self.policies.body()
        if self.errors or trigger is None or rules is None or self.data.data is None:
            return None
        body: dict[str, Any] = {
            "title": self.title.strip(),
            "description": self.description.replace("\r\n", "\n"),
            "data": self.data.data,
            "trigger": trigger,
            "tags": self.tag_list(),
            "priority": int(priority),
            **rules,
        }
        body["handler"] = f"{self.handler['id']}@{self.handler['version']}"
        if self.schedule is None and self.slug:
            body["id"] = self.slug
        return body

    def refuse(self, error: EnscheduleError) -> None:
        """Put what the API refused at the fields it names, and the rest above the form: what was typed stays.

        Raises ``error`` again where it is not about this form.
        """
        if isinstance(error, Conflict) and self.schedule is None:
            self._add("id", str(error))
        elif isinstance(error, InvalidInput):
            left = self.policies.place(self.when.place(self.data.place(error.errors)))
            for found in left:
                self._add(found.field.partition(".")[0], found.message)
            if not self.error_count or any(name not in _OWN for name in self.errors):
                self.problem = error
        elif isinstance(error, problems.KEEPS_FORM):
            self.problem = error
        else:
            raise error

    def _add(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(FieldError(name, message))


def compare(form: ScheduleForm, current: Schedule, *, take: str = "") -> ScheduleForm:
    """Return the form beside what is stored now: what was not changed in it becomes what is stored.

    ``take`` is the place of a member whose stored value replaces what was typed. A form that cannot be read is returned
    as it is, with its errors.
    """
    mine, theirs = form.body(), of_schedule(current, form.handler).body()
    if mine is None:
        return form
    theirs = {**(theirs or {**current}), "handler": f"{current['handler']['id']}@{current['handler']['version']}"}
    theirs["group"] = mine.get("group")  # who owns it is not compared: the form says it only where that was changed
    before = comparing.read_marks(form.opened)
    both, untouched = comparing.differences(mine, theirs, before)
    both = [found for found in both if found.place != take]
    places = [found.place for found in untouched] + ([take] if take else [])
    merged: Any = {**current, **comparing.taken(mine, theirs, places)}
    merged["handler"] = {"id": form.handler["id"], "version": form.handler["version"]}
    found = of_schedule(merged, form.handler, mode=form.data.mode)
    found.schedule, found.opened = form.schedule, form.opened
    found.revision, found.policies.values["owner_group_was"] = current["revision"], current["group"] or ""
    found.compared = Compared(both, untouched)
    for one in both:
        field_of = found.data.at(".".join(comparing.parts(one.place)))
        if field_of and one.place.startswith("data/"):
            field_of.theirs = one.theirs
    return found


def anchor(form: ScheduleForm, place: str) -> str:
    """Return the id of the part of the page where a member stands."""
    top = place.partition("/")[0]
    if top == "data":
        found = form.data.at(".".join(comparing.parts(place)))
        return found.id if found else "step-data"
    return _PLACES.get(top) or ("step-where" if top in policy_form.WHERE_MEMBERS else "step-trouble")


def blank(
    handler: Handler, zone: str, *, title: str = "", phrase: str = "", data: Mapping[str, Any] | None = None
) -> ScheduleForm:
    """Return the form for a new schedule of ``handler``, its data filled with the handler's example."""
    given = data if data is not None else handler.get("example") or {}
    return ScheduleForm(
        handler=handler,
        data=forms.fill(handler["schema"], given, zone=zone),
        when=WhenForm(timezone=zone, phrase=phrase),
        policies=PolicyForm(),
        title=title,
    )


def of_schedule(schedule: Schedule, handler: Handler, *, mode: str = "form") -> ScheduleForm:
    """Return the form for an existing schedule, its data as fields or, with ``mode`` json, as text."""
    zone = str(schedule["trigger"].get("timezone") or "UTC")
    return ScheduleForm(
        handler=handler,
        schedule=schedule,
        data=forms.fill(handler["schema"], schedule["data"], mode=mode, zone=zone),
        when=when_form.from_trigger(schedule["trigger"]),
        policies=policy_form.from_schedule(schedule),
        title=schedule["title"],
        id=schedule["id"],
        description=schedule["description"] or "",
        tags=", ".join(schedule["tags"]),
        priority=str(schedule["priority"] or ""),
        revision=schedule["revision"],
    )


def posted(
    form: Posted, handler: Handler, schedule: Schedule | None = None, *, copied: Schedule | None = None
) -> ScheduleForm:
    """Return the form as it was posted, and do what a button inside it asked (rows, form or JSON).

    ``schedule`` is the one that is edited, ``copied`` the one that a new schedule is a copy of: where a secret is left
    empty, theirs is kept.
    """
    source = schedule or copied
    zone = form.get("when_timezone", "UTC")
    data = forms.posted(handler["schema"], form, base=source["data"] if source else None, zone=zone)
    revision = form.get("revision", "")
    return ScheduleForm(
        handler=handler,
        schedule=schedule,
        data=data,
        when=when_form.from_post(form),
        policies=policy_form.from_post(form),
        title=form.get("title", ""),
        id=schedule["id"] if schedule else form.get("id", ""),
        description=form.get("description", ""),
        tags=form.get("tags", ""),
        priority=form.get("priority", ""),
        revision=int(revision) if revision.isdigit() else None,
        opened=form.get("opened", ""),
        cloned=copied["id"] if copied else "",
    )
