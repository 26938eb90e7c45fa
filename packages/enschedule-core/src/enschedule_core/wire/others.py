"""Requests about triggers, handlers, groups, and the pause of everything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from enschedule_core.schedule import GROUP_PATTERN, ID_PATTERN
from enschedule_core.wire.common import Flag, Instant, Pattern, Strict, Text, whole
from enschedule_core.wire.policies import RetentionInput
from enschedule_core.wire.schedules import LONG_TRIGGER, SHORT_TRIGGER


class PreviewInput(Strict):
    """A trigger to try out, as the short ``schedule`` or as an object."""

    schedule = fields.Raw(metadata=SHORT_TRIGGER)
    trigger = fields.Raw(metadata=LONG_TRIGGER)
    timezone = fields.String(metadata={"examples": ["Europe/Stockholm"]})
    after = Instant(metadata={"type": "string", "format": "date-time", "description": "Default: now"})
    count = whole(least=1, most=100, load_default=5)
    collisions = Flag(load_default=False, metadata={"description": "Say which schedules start in the same minute"})
    schedule_id = Text(longest=100, metadata={"description": "The schedule that it is for, not counted itself"})


class HandlerQuery(Strict):
    """Which handlers."""

    q = Text(longest=200)


class HandlerVersionQuery(Strict):
    """Which version of a handler; the newest unless told otherwise."""

    version = fields.Integer(validate=validate.Range(1, 2**31 - 1, error="Must be a version, for example 1."))


class PauseAllInput(Strict):
    """Pause everything, or let it go on; without ``until``, until somebody says so.

    ``missed`` says what becomes of the slots meanwhile, when it goes on.
    """

    paused = Flag(required=True)
    reason = Text(longest=500, allow_none=True)
    until = Instant(allow_none=True, metadata={"type": "string", "format": "date-time"})
    missed = fields.String(
        validate=validate.OneOf(["skip", "latest", "all"], error="Must be one of: skip, latest, all."),
        metadata={"description": "For letting it go on: what becomes of the slots meanwhile; skip without"},
    )

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        for name in ("reason", "until"):
            if not data["paused"] and data.get(name) is not None:
                raise ValidationError("Belongs to a pause; leave it out to let everything go on.", name)
        if data["paused"] and "missed" in data:
            raise ValidationError("Belongs to letting everything go on; leave it out of a pause.", "missed")


class ConcurrencyGroupInput(Strict):
    """How many runs of the schedules that name a group go on at once."""

    name = fields.String(
        required=True,
        validate=Pattern(GROUP_PATTERN, error="Must be a name such as database-load."),
    )
    max_running = whole(least=1, most=10_000, required=True)


class ConcurrencyGroupsInput(Strict):
    """Limits of groups; those that are not named stay as they are."""

    items = fields.List(
        fields.Nested(ConcurrencyGroupInput),
        required=True,
        validate=validate.Length(1, 200, error="Name 1 to 200 groups."),
    )


class RetentionPreviewInput(Strict):
    """Which runs to count, and the policy to count them by; the present one unless told otherwise."""

    schedule = fields.String(validate=Pattern(ID_PATTERN, error="Must be the id of a schedule."))
    retention = fields.Nested(RetentionInput)


class NothingQuery(Strict):
    """No query parameters."""
