"""Requests about runs, their output, and what they add up to."""

from __future__ import annotations

from marshmallow import fields, validate

from enschedule_core.run import RunStatus
from enschedule_core.schedule import ID_PATTERN
from enschedule_core.wire.common import Instant, Pattern, Strict, Text
from enschedule_core.wire.schedules import HANDLER_EITHER, HANDLER_TEXT, HandlerField, PageQuery, WordsField

_INSTANT = {"type": "string", "format": "date-time"}


class RunInput(Strict):
    """Run a handler once, without a schedule."""

    handler = HandlerField(required=True, metadata=HANDLER_EITHER)
    data = fields.Raw(load_default=dict, metadata={"type": "object"})


class RetryRunInput(Strict):
    """Run a run again: with the data it had ``then``, or with what its schedule has ``today``."""

    data = fields.String(
        load_default="then", validate=validate.OneOf(["then", "today"], error="Must be then or today.")
    )


class RunWhere(Strict):
    """Which runs; all of them without any member."""

    status = WordsField(tuple(RunStatus))
    schedule = fields.String(validate=Pattern(ID_PATTERN, error="Must be the id of a schedule."))
    handler = HandlerField(metadata=HANDLER_TEXT)
    worker = Text(longest=100)
    tag = WordsField()
    group = Text(longest=100, metadata={"description": "Of schedules that the group with this id owns"})
    since = Instant(data_key="from", metadata={**_INSTANT, "description": "Queued at or after"})
    before = Instant(data_key="to", metadata={**_INSTANT, "description": "Queued before"})
    q = Text(
        longest=200, metadata={"description": "Part of the schedule's id or title, the handler's id, or the message"}
    )


class RunCountQuery(RunWhere):
    """Which runs are counted."""


class RunQuery(PageQuery, RunWhere):
    """Which runs; newest first."""


class OutputQuery(Strict):
    """Which chunks of a run's output."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1, error="Must be 0 or a next_after."))
    wait = fields.Float(load_default=0.0, validate=validate.Range(0, 20, error="Must be from 0 to 20 seconds."))
    stream = fields.String(validate=validate.OneOf(["stdout", "stderr"], error="Must be stdout or stderr."))


class RunStatsQuery(Strict):
    """Which hours; the last 24 unless told otherwise."""

    since = Instant(data_key="from", metadata=_INSTANT)
    before = Instant(data_key="to", metadata=_INSTANT)
    bucket = fields.Integer(
        load_default=3600,
        validate=validate.OneOf([3600, 21_600, 43_200, 86_400], error="Must be 3600, 21600, 43200 or 86400 seconds."),
    )
    schedule = fields.String(validate=Pattern(ID_PATTERN, error="Must be the id of a schedule."))


class ForecastQuery(Strict):
    """Which time ahead; the next 12 hours unless told otherwise."""

    since = Instant(data_key="from", metadata=_INSTANT)
    before = Instant(data_key="to", metadata=_INSTANT)
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 200, error="Must be from 1 to 200."))
    fullest = fields.Integer(load_default=0, validate=validate.Range(0, 50, error="Must be from 0 to 50."))
    offset_minutes = fields.Integer(load_default=0, validate=validate.Range(0, 59, error="Must be from 0 to 59."))
