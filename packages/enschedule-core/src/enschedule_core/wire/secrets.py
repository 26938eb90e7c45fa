"""Requests about secrets."""

from __future__ import annotations

from typing import Final

from marshmallow import fields, validate

from enschedule_core.schedule import GROUP_PATTERN
from enschedule_core.secret import VALUE_MAX
from enschedule_core.wire.common import Strict, Text

CURSOR_MAX: Final = 200


class SecretInput(Strict):
    """A value to keep under the name in the address, for the schedules of ``group``, or of ``null`` for all."""

    value = fields.String(
        required=True,
        validate=validate.Length(1, VALUE_MAX, error=f"Must have 1 to {VALUE_MAX:,} characters."),
        metadata={"format": "password", "writeOnly": True},
    )
    group = fields.String(
        allow_none=True,
        validate=validate.Regexp(GROUP_PATTERN.pattern + r"\Z", error="Must be the id of a group, for example ops."),
        metadata={"description": "The group whose schedules may use it; left out, it stays as it is"},
    )


class RotationInput(Strict):
    """Where to go on with encrypting anew."""

    cursor = Text(longest=CURSOR_MAX, allow_none=True, metadata={"description": "The next_cursor of the last answer"})
