"""What every request schema shares: strictness, text that databases can store, instants, one shape of errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar
from unicodedata import category

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from enschedule_core.clock import parse_instant
from enschedule_core.errors import EnscheduleError, FieldError, InvalidInput
from enschedule_core.schedule import ID_PATTERN, is_valid_id
from enschedule_core.schema import clean_text, unknown_field

_UNKNOWN = "Unknown field."
# What marshmallow says of a value of another kind, and how we say it.
_KINDS = {
    "Not a valid string.": "Must be text",
    "Not a valid integer.": "Must be a whole number",
    "Not a valid list.": "Must be a list",
    "Invalid input type.": "Must be an object",
    "Field may not be null.": "Must not be null; leave it out instead",
}
# Letters and symbols that Unicode draws as nothing: fillers of Hangul, and Braille without dots.
_FILLERS = "\u115f\u1160\u2800\u3164\uffa0"
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")


class Strict(Schema):
    """A request: what it does not know is refused by name. ``example`` is one, as JSON, for where it is a part."""

    example: ClassVar[str] = ""

    class Meta:
        """Options of marshmallow."""

        unknown = RAISE


class Text(fields.String):
    """Text as every database stores it: NUL and lone surrogates are escaped, the ends are trimmed.

    ``longest`` counts as SQL Server does, in UTF-16 units: most characters are one, an emoji is two.
    ``lines`` allows line breaks and other control characters.
    """

    def __init__(self, *, longest: int, shortest: int = 0, lines: bool = False, **options: Any) -> None:
        limits = {"maxLength": longest, **({"minLength": shortest} if shortest else {})}
        super().__init__(**{**options, "metadata": {**limits, **options.get("metadata", {})}})
        self.longest = longest
        self.shortest = shortest
        self.lines = lines

    def _deserialize(self, value: Any, *where: Any, **options: Any) -> str:
        read = super()._deserialize(value, *where, **options)
        text = clean_text(str(read)).strip()
        if not self.lines and _CONTROL.search(text):
            raise ValidationError("Must be one line, without control characters.")
        if len(text) < self.shortest:
            raise ValidationError("Must not be empty.")
        if self.shortest and not _can_be_seen(text):
            raise ValidationError("Must have a character that can be seen.")
        length = max(len(text.encode("utf-16-le")) // 2, len(str(read)))  # as sent, which is what maxLength is about
        if length > self.longest:
            raise ValidationError(f"At most {self.longest:,} characters; this has {length:,}.")
        return text


def _can_be_seen(text: str) -> bool:
    """Return whether anything of a name shows: a link without a letter cannot be read, and hardly be pressed."""
    return text.isascii() or any(category(one)[0] not in "CZ" and one not in _FILLERS for one in text)


def whole_pattern(pattern: re.Pattern[str]) -> str:
    """Return a pattern as JSON Schema has it for the whole of a text."""
    return f"^(?:{pattern.pattern})$"


class Pattern(validate.Regexp):
    """Text that fits a pattern from its beginning to its end, and is documented so."""

    def __init__(self, pattern: re.Pattern[str], *, error: str) -> None:
        super().__init__(whole_pattern(pattern), error=error)

    def __call__(self, value: Any) -> Any:
        """Return the text, or raise marshmallow's ``ValidationError``."""
        if self.regex.fullmatch(value) is None:  # $ alone would let a line break follow
            raise ValidationError(self.error or "")
        return value


class Instant(fields.Field):  # type: ignore[type-arg] # marshmallow 3 has it without one
    """An instant with an offset, read into aware UTC."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("Must be an instant as text, for example 2026-03-28T09:30:00Z.")
        try:
            return parse_instant(value)
        except ValueError as problem:
            message = str(problem)
            raise ValidationError(message[0].upper() + message[1:] + ".") from None


class Flag(fields.Boolean):
    """``true`` or ``false``, and nothing that only counts as one of them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be a boolean, true or false.")
        return value


class Number(fields.Float):
    """A finite number; text and booleans are not numbers."""

    def _deserialize(self, value: Any, *where: Any, **options: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValidationError("Must be a number.")
        try:
            return super()._deserialize(value, *where, **options)
        except OverflowError:
            raise ValidationError("This number is too large.") from None


def whole(*, least: int, most: int, **options: Any) -> fields.Integer:
    """Return a field for whole numbers from ``least`` to ``most``."""
    limits = validate.Range(least, most, error=f"Must be a whole number from {least:,} to {most:,}.")
    return fields.Integer(strict=True, validate=limits, **options)


def seconds(*, least: float, most: float, **options: Any) -> Number:
    """Return a field for a duration in seconds."""
    message = f"Must be from {least:g} to {most:,.0f} seconds."
    return Number(validate=validate.Range(least, most, error=message), **options)


def choice(kinds: Any, **options: Any) -> fields.String:
    """Return a field for the values of an enumeration of texts."""
    values = [kind.value for kind in kinds]
    return fields.String(validate=validate.OneOf(values, error=f"Must be one of: {', '.join(values)}."), **options)


def check_id(text: str) -> None:
    """Raise marshmallow's ``ValidationError`` unless ``text`` may be the id of a schedule."""
    if not is_valid_id(text):
        reserved = " This one is reserved." if ID_PATTERN.fullmatch(text) else ""
        raise ValidationError(
            "Ids have 1 to 100 of a-z, 0-9, dot, hyphen and underscore, and begin with a letter or digit, "
            f"for example check-web-shop.{reserved}"
        )


def load(schema: Schema, raw: Any, *, prefix: str = "") -> dict[str, Any]:
    """Return what ``schema`` reads from ``raw``.

    Raises :class:`InvalidInput` with one :class:`FieldError` per mistake; the paths begin with ``prefix``.
    """
    if not isinstance(raw, Mapping):
        raise invalid([FieldError(prefix, "Must be a JSON object.")])
    try:
        loaded: dict[str, Any] = schema.load(raw)
    except ValidationError as problem:
        raise invalid(field_errors(problem.messages, schema, prefix)) from None
    return loaded


def invalid(errors: list[FieldError], kind: type[InvalidInput] = InvalidInput) -> InvalidInput:
    """Return the error for input with these mistakes; its detail is the first of them and how many more there are."""
    first = errors[0]
    named = f"{first.field}: {first.message}" if first.field else first.message
    more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
    return kind(f"{named}{more}", errors=errors)


def field_errors(messages: Any, schema: Schema | None = None, prefix: str = "") -> list[FieldError]:
    """Return marshmallow's nested messages as a flat list with dotted paths, in the order of the fields."""
    return list(_walk(messages, schema, prefix))


def _walk(messages: Any, schema: Any, path: str) -> Iterator[FieldError]:
    if isinstance(messages, Mapping):
        known = schema.fields if isinstance(schema, Schema) else {}
        for name, below in messages.items():
            if name == "_schema":
                yield from _walk(_in_words(below, getattr(schema, "example", "")), None, path)
                continue
            place = f"{path}.{name}" if path else str(name)
            if below == [_UNKNOWN]:
                yield FieldError(place, unknown_field(str(name), (shown.data_key or at for at, shown in known.items())))
                continue
            said = _in_words(below, _example_of(known[name]), known[name]) if name in known else below
            yield from _walk(said, _inner(known.get(name)), place)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield FieldError(path, str(message))


def _in_words(messages: Any, example: str, field: fields.Field[Any] | None = None) -> Any:
    """Return messages with those about the kind of a value in our words, and with what would do."""
    if not isinstance(messages, list):
        return messages
    rule = next((one.error for one in getattr(field, "validators", ()) if isinstance(one, _RULES) and one.error), None)
    shown = f", for example {example}." if example else "."
    return [rule or f"{_KINDS[one]}{shown}" if one in _KINDS else one for one in messages]


_RULES = (validate.Range, validate.OneOf, validate.Regexp)  # what they say shows what would do


def _example_of(field: fields.Field[Any]) -> str:
    examples = field.metadata.get("examples")
    if examples:
        return json.dumps(examples[0])
    return str(getattr(_inner(field), "example", ""))


def _inner(field: fields.Field[Any] | None) -> Schema | None:
    return field.schema if isinstance(field, fields.Nested) else None


class Findings:
    """Collects mistakes, so that somebody sees all of them at once."""

    def __init__(self) -> None:
        self._problems: list[EnscheduleError] = []

    def add(self, problem: InvalidInput) -> None:
        """Remember one refusal."""
        self._problems.append(problem)

    def __bool__(self) -> bool:
        return bool(self._problems)

    def raise_all(self) -> None:
        """Raise the only refusal as it is, several as one :class:`InvalidInput`; nothing if there is none."""
        if len(self._problems) == 1:
            raise self._problems[0]
        if self._problems:
            raise invalid([error for problem in self._problems for error in problem.errors])
