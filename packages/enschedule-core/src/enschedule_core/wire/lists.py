"""What every list takes: a page of it, and the fields of a query."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from enschedule_core.wire.common import (
    Strict,
)


class FlagField(fields.Boolean):
    """``true`` or ``false`` in a query."""

    def __init__(self, **options: Any) -> None:
        super().__init__(truthy={"true", "1"}, falsy={"false", "0"}, **options)


class WordsField(fields.String):
    """Words of one query parameter, apart by commas; which ones are allowed is ``allowed`` (empty: any)."""

    def __init__(self, allowed: tuple[str, ...] = (), **options: Any) -> None:
        word = f"(?:{'|'.join(allowed)})?"
        examples = {"examples": [",".join(allowed[:2])], "pattern": f"^{word}(?:,{word})*$"} if allowed else {}
        super().__init__(**{**options, "metadata": {**examples, **options.get("metadata", {})}})
        self.allowed = allowed

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, str):
            raise ValidationError("Must be text, several words apart by commas.")
        words = tuple(dict.fromkeys(word for word in value.split(",") if word))
        for word in words:
            if self.allowed and word not in self.allowed:
                raise ValidationError(f"{word} is not one of: {', '.join(self.allowed)}.")
        return words


class PageQuery(Strict):
    """Which page of a list."""

    limit = fields.Integer(
        load_default=50,
        validate=validate.Range(1, 200, error="Must be from 1 to 200."),
        metadata={"description": "Items"},
    )
    cursor = fields.String(
        validate=validate.Length(1, 2000), metadata={"description": "next_cursor of the page before"}
    )
