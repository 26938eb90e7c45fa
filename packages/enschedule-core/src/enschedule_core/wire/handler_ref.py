"""How a request names a handler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields

from enschedule_core.schedule import (
    ID_PATTERN,
)
from enschedule_core.wire.common import (
    whole_pattern,
)

_HANDLER = re.compile(rf"({ID_PATTERN.pattern})(?:@([1-9][0-9]{{0,9}}))?")
HANDLER_TEXT: Mapping[str, Any] = {
    "type": "string",
    "pattern": whole_pattern(_HANDLER),
    "examples": ["fetch", "fetch@1"],
}
HANDLER_EITHER: Mapping[str, Any] = {
    "oneOf": [
        HANDLER_TEXT,
        {
            "type": "object",
            "required": ["id"],
            "additionalProperties": False,
            "properties": {
                "id": {"type": "string", "pattern": whole_pattern(ID_PATTERN)},
                "version": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**31 - 1},
            },
        },
    ]
}

VERSION_MAX = 2**31 - 1


class HandlerField(fields.Field):  # type: ignore[type-arg] # marshmallow 3 has it without one
    """``"fetch"``, ``"fetch@2"`` or ``{id, version}``, read into the id and the version or ``None``."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, int | None]:
        if isinstance(value, Mapping):
            unknown = [name for name in value if name not in {"id", "version"}]
            if unknown:
                raise ValidationError({unknown[0]: ["Unknown field."]})
            name, version = value.get("id"), value.get("version")
            if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
                raise ValidationError({"version": ["Must be a whole number, for example 1."]})
            value = name if version is None else f"{name}@{version}"
        found = _HANDLER.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError(
                'Must name a handler, for example "fetch", "fetch@1" or {"id": "fetch", "version": 1}.'
            )
        if found[2] and int(found[2]) > VERSION_MAX:
            raise ValidationError(f"A version is at most {VERSION_MAX:,}.")
        return found[1], int(found[2]) if found[2] else None
