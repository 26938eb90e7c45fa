"""Requests about runs, their output, and what they add up to."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from enschedule_core.run import RunStatus
from enschedule_core.schedule import ID_PATTERN
from enschedule_core.wire.common import Instant, Pattern, Strict, Text
from enschedule_core.wire.handler_ref import HANDLER_EITHER, HANDLER_TEXT, HandlerField
from enschedule_core.wire.lists import PageQuery, WordsField

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


_CURSOR = validate.Range(0, 2**31 - 1, error="Must be 0 or a next_after.")
_STREAM = validate.OneOf(["stdout", "stderr"], error="Must be stdout or stderr.")
_LINE = 2**31 - 1


class OutputQuery(Strict):
    """Which chunks of a run's output."""

    after = fields.Integer(load_default=0, validate=_CURSOR)
    wait = fields.Float(load_default=0.0, validate=validate.Range(0, 20, error="Must be from 0 to 20 seconds."))
    stream = fields.String(validate=_STREAM)


class OutputLinesQuery(Strict):
    """Which lines of a run's output: a stretch of them, or those that changed after a cursor."""

    first = fields.Integer(
        data_key="from",
        load_default=1,
        validate=validate.And(
            validate.Range(-_LINE, _LINE, error="Must be the number of a line, or one below 0 to count from the end."),
            validate.NoneOf([0], error="Lines are counted from 1; from the end, -1 is the last."),
        ),
    )
    limit = fields.Integer(load_default=200, validate=validate.Range(1, 1000, error="Must be from 1 to 1000."))
    after = fields.Integer(validate=_CURSOR)
    wait = fields.Float(load_default=0.0, validate=validate.Range(0, 20, error="Must be from 0 to 20 seconds."))
    stream = fields.String(validate=_STREAM)

    @validates_schema(pass_original=True)
    def _is_one_or_the_other(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if "after" in data and "from" in original:
            raise ValidationError("Give from or after: after asks for what changed, wherever it is.", "from")
        if "after" not in data and data.get("wait"):
            raise ValidationError("Waits only together with after: for example after=0&wait=20.", "wait")


class OutputMatchesQuery(Strict):
    """Which lines hold a text."""

    q = fields.String(required=True, validate=validate.Length(1, 200, error="Must have 1 to 200 characters."))
    first = fields.Integer(
        data_key="from", load_default=1, validate=validate.Range(1, _LINE, error="Must be the number of a line.")
    )
    limit = fields.Integer(load_default=1000, validate=validate.Range(1, 10_000, error="Must be from 1 to 10000."))
    stream = fields.String(validate=_STREAM)


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
