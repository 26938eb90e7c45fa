"""Saved views: the filters of a list under a name."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from enschedule_core.wire.common import Strict, Text, choice
from enschedule_core.wire.runs import RunQuery
from enschedule_core.wire.schedule_lists import ScheduleQuery

VIEWS_MAX = 200
FILTERS_MAX_BYTES = 2_000


class ListName(StrEnum):
    """The lists that have views."""

    SCHEDULES = "schedules"
    RUNS = "runs"


_NOT_SAVED = ("limit", "cursor")
_QUERIES: Mapping[str, Schema] = {
    ListName.SCHEDULES: ScheduleQuery(exclude=_NOT_SAVED),
    ListName.RUNS: RunQuery(exclude=_NOT_SAVED),
}


class ViewInput(Strict):
    """One view; without ``filters`` it is removed."""

    list = choice(ListName, required=True)
    name = Text(longest=100, shortest=1, required=True)
    filters = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "The list's query parameters, as text; null removes the view",
            "additionalProperties": {"type": "string"},
        },
    )

    @validates_schema(skip_on_field_errors=True)
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        filters = data["filters"]
        if filters is None:
            return
        wrong = {name: ["Must be text."] for name, text in filters.items() if not isinstance(text, str)}
        wrong = wrong or _QUERIES[data["list"]].validate(filters)
        if wrong:
            raise ValidationError({"filters": wrong})
        if sum(len(name) + len(text) for name, text in filters.items()) > FILTERS_MAX_BYTES:
            raise ValidationError(f"At most {FILTERS_MAX_BYTES:,} characters in all.", "filters")


class ViewsInput(Strict):
    """Views to save or to remove; those that are not named stay."""

    items = fields.List(
        fields.Nested(ViewInput),
        required=True,
        validate=validate.Length(1, VIEWS_MAX, error=f"Name 1 to {VIEWS_MAX} views."),
    )
