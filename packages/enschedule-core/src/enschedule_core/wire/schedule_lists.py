"""Which schedules a list shows, in which order, and how much of what belongs to them."""

from __future__ import annotations

from marshmallow import fields, validate

from enschedule_core.schedule import (
    ScheduleStatus,
)
from enschedule_core.wire.common import (
    Flag,
    Strict,
    Text,
)
from enschedule_core.wire.handler_ref import HANDLER_TEXT, HandlerField
from enschedule_core.wire.lists import FlagField, PageQuery, WordsField

GROUPINGS = ("tag", "handler")
SORTS = tuple(sign + name for name in ("due_at", "id", "title", "last_run") for sign in ("", "-"))


class ScheduleWhere(Strict):
    """Which schedules; all of them without any member."""

    q = Text(longest=200, metadata={"description": "Part of the id, the title or the handler's id"})
    status = WordsField(tuple(ScheduleStatus))
    handler = HandlerField(metadata=HANDLER_TEXT)
    tag = WordsField(metadata={"description": "All of these, apart by commas"})
    worker = Text(longest=100, metadata={"description": "Bound to the worker with this id"})
    group = Text(longest=100, metadata={"description": "Owned by the group with this id"})
    paused: fields.Boolean = Flag()
    failing: fields.Boolean = Flag()


class ScheduleCountQuery(ScheduleWhere):
    """Which schedules are counted."""

    paused = FlagField()
    failing = FlagField()


class ScheduleStatsQuery(ScheduleCountQuery):
    """Which schedules are counted, and how many of those that fail or are broken are shown."""

    limit = fields.Integer(load_default=5, validate=validate.Range(0, 50, error="Must be from 0 to 50."))


class ScheduleQuery(PageQuery, ScheduleCountQuery):
    """Which schedules, in which order, and in which groups."""

    by = fields.String(validate=validate.OneOf(GROUPINGS, error=f"Must be one of: {', '.join(GROUPINGS)}."))
    sort = fields.String(
        load_default="due_at", validate=validate.OneOf(SORTS, error=f"Must be one of: {', '.join(SORTS)}.")
    )


class TagQuery(Strict):
    """How many tags."""

    limit = fields.Integer(load_default=200, validate=validate.Range(1, 1000, error="Must be from 1 to 1000."))


class NextQuery(Strict):
    """How many coming slots."""

    count = fields.Integer(load_default=5, validate=validate.Range(1, 100, error="Must be from 1 to 100."))
