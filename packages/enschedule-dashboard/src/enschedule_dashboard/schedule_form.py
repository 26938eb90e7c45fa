"""The editor's form as a whole: what runs, with which data, when, under which policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from enschedule_core.errors import Conflict, EnscheduleError, FieldError, InvalidInput, StaleRevision
from enschedule_core.schedule import slug
from enschedule_core.wire.types import Handler, Schedule
from enschedule_dashboard import forms, policies, policy_form, when_form
from enschedule_dashboard.form_values import Posted
from enschedule_dashboard.forms import DataForm
from enschedule_dashboard.policy_form import PolicyForm
from enschedule_dashboard.when_form import WhenForm

_OWN = ("title", "id", "description", "tags", "priority", "handler")
_NAMES = {
    "trigger": "when it runs",
    "data": "its data",
    "retry": "retries",
    "catch_up": "catch-up",
    "on_lost": "lost runs",
}


@dataclass(slots=True)
class ScheduleForm:
    """Everything that stands in the editor; ``schedule`` is the stored one while an existing schedule is edited.

    ``errors`` go by field (``title id description tags priority handler``); ``problem`` is what belongs to
    no field. ``theirs`` names what somebody else changed meanwhile.
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
    theirs: list[str] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """Return the id that the schedule gets: the one that was typed, else the one its title suggests."""
        return self.id.strip() or slug(self.title)

    @property
    def error_count(self) -> int:
        """Return how many fields need attention."""
        own = sum(1 for found in self.errors.values() if found)
        return own + self.data.error_count + self.when.error_count + self.policies.error_count

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
        """Put what the API refused at the fields it names, and the rest above the form.

        Raises ``error`` again where it is not about what was typed.
        """
        if isinstance(error, StaleRevision):
            self._compare(error)
        elif isinstance(error, Conflict) and self.schedule is None:
            self._add("id", str(error))
        elif isinstance(error, InvalidInput):
            left = self.policies.place(self.when.place(self.data.place(error.errors)))
            for found in left:
                self._add(found.field.partition(".")[0], found.message)
            if not self.error_count or any(name not in _OWN for name in self.errors):
                self.problem = error
        else:
            raise error

    def _add(self, name: str, message: str) -> None:
        self.errors.setdefault(name, []).append(FieldError(name, message))

    def _compare(self, error: StaleRevision) -> None:
        """Keep what was typed, take the new revision, and name what is different in the schedule now stored."""
        current: Mapping[str, Any] = error.extra.get("current") or {}
        before: Mapping[str, Any] = self.schedule or {}
        self.problem = error
        mine = self.body() or {}
        for name, value in mine.items():
            if name in current and name != "handler" and not _same(value, current[name]):
                self.theirs.append(_NAMES.get(name, name.replace("_", " ")))
        self.revision = current.get("revision", before.get("revision"))


def _same(mine: Any, theirs: Any) -> bool:
    """Compare as far as the form knows: members that only the server fills in do not count."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        if mine.get("kind") == "phrase":
            return mine.get("phrase") == theirs.get("phrase") and mine.get("timezone") == theirs.get("timezone")
        return all(_same(value, theirs.get(name)) for name, value in mine.items())
    return bool(mine == theirs)


def blank(
    handler: Handler, zone: str, *, title: str = "", phrase: str = "", data: Mapping[str, Any] | None = None
) -> ScheduleForm:
    """Return the form for a new schedule of ``handler``, its data filled with the handler's example."""
    given = data if data is not None else handler.get("example") or {}
    return ScheduleForm(
        handler=handler,
        data=forms.fill(handler["schema"], given),
        when=WhenForm(timezone=zone, phrase=phrase),
        policies=PolicyForm(),
        title=title,
    )


def of_schedule(schedule: Schedule, handler: Handler) -> ScheduleForm:
    """Return the form for an existing schedule."""
    return ScheduleForm(
        handler=handler,
        schedule=schedule,
        data=forms.fill(handler["schema"], schedule["data"]),
        when=when_form.from_trigger(schedule["trigger"]),
        policies=policy_form.from_schedule(schedule),
        title=schedule["title"],
        id=schedule["id"],
        description=schedule["description"] or "",
        tags=", ".join(schedule["tags"]),
        priority=str(schedule["priority"] or ""),
        revision=schedule["revision"],
    )


def posted(form: Posted, handler: Handler, schedule: Schedule | None = None) -> ScheduleForm:
    """Return the form as it was posted, and do what a button inside it asked (rows, form or JSON)."""
    schema = handler["schema"]
    data = forms.read(schema, form, base=schedule["data"] if schedule else None)
    action = form.get("action", "")
    forms.edit_rows(data, action)
    if action in ("to_json", "to_form") and data.data is not None:
        data = forms.fill(schema, data.data, mode=action.removeprefix("to_"))
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
    )
