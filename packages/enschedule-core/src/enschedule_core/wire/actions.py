"""Requests that do one thing to many schedules, or to many runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from enschedule_core.schedule import ID_PATTERN
from enschedule_core.wire.common import Instant, Pattern, Strict, Text, choice, whole
from enschedule_core.wire.runs import RunWhere
from enschedule_core.wire.schedule_lists import ScheduleWhere

AT_ONCE = 1_000
"""How many schedules or runs one request is for, at most."""
PAUSES_AT_ONCE = 100
"""How many pauses one request to resume may name by when they began, at most."""
_RUN_ID_MAX = 2**63 - 1


class ScheduleAction(StrEnum):
    """What can be done to many schedules."""

    RUN = "run"
    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"
    RESTORE = "restore"


class RunAction(StrEnum):
    """What can be done to many runs."""

    CANCEL = "cancel"
    RETRY = "retry"
    DELETE = "delete"


class _Chosen(Strict):
    """To which it is done: by ``ids``, or by the filter of the list."""

    MEMBERS: ClassVar[Mapping[str, str]] = {}
    """Members that belong to one action only, and to which."""

    cursor = fields.String(
        validate=validate.Length(1, 2000), metadata={"description": "next_cursor of the request before"}
    )

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        if ("ids" in data) == ("filter" in data):
            raise ValidationError("Say either ids or filter; an empty filter is all of them.", "ids")
        for name, action in self.MEMBERS.items():
            if name in data and data["action"] != action:
                raise ValidationError(f"Belongs to {action}; leave it out.", name)


def _ids(inner: fields.Field[Any]) -> fields.List[Any]:
    return fields.List(inner, validate=validate.Length(1, AT_ONCE, error=f"Name 1 to {AT_ONCE:,} ids."))


class ScheduleActionsInput(_Chosen):
    """Do one thing to many schedules."""

    MEMBERS: ClassVar[Mapping[str, str]] = {"reason": "pause", "until": "pause", "missed": "resume"}

    action = choice(ScheduleAction, required=True)
    ids = _ids(fields.String(validate=Pattern(ID_PATTERN, error="Must be the id of a schedule.")))
    filter = fields.Nested(ScheduleWhere)
    reason = Text(longest=500, metadata={"description": "For pause: why"})
    until = Instant(metadata={"type": "string", "format": "date-time", "description": "For pause: until when"})
    missed = fields.String(
        validate=validate.OneOf(["skip", "latest", "all"], error="Must be one of: skip, latest, all."),
        metadata={"description": "For resume: what becomes of the slots since"},
    )
    pause_at = fields.List(
        Instant(),
        validate=validate.Length(0, PAUSES_AT_ONCE, error=f"Name at most {PAUSES_AT_ONCE} instants."),
        metadata={
            "description": "For pause and resume: refuse each whose present pause began at none of these instants; "
            "without instants, each that is paused",
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def _check_restore(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["action"] == ScheduleAction.RESTORE and "filter" in data:
            raise ValidationError("What is deleted is in no list: name ids.", "filter")

    @validates_schema(skip_on_field_errors=True)
    def _check_seen(self, data: Mapping[str, Any], **_: Any) -> None:
        if "pause_at" in data and data["action"] not in {ScheduleAction.PAUSE, ScheduleAction.RESUME}:
            raise ValidationError("Belongs to pause and resume; leave it out.", "pause_at")


class RunActionsInput(_Chosen):
    """Do one thing to many runs."""

    MEMBERS: ClassVar[Mapping[str, str]] = {"data": "retry"}

    action = choice(RunAction, required=True)
    ids = _ids(whole(least=1, most=_RUN_ID_MAX))
    filter = fields.Nested(RunWhere)
    data = fields.String(
        validate=validate.OneOf(["then", "today"], error="Must be then or today."),
        metadata={"description": "For retry: the data it had, or what its schedule has today"},
    )
