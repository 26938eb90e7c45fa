"""How a trigger is refused: one error, the member, the characters, and the nearest valid form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from enschedule_core.errors import FieldError, InvalidTrigger

_REPAIRS = 8
_TYPE_NAMES = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class Mistake(Exception):
    """One wrong place in a text: a sentence, the characters it is about, and the text with that place mended."""

    def __init__(self, message: str, start: int, end: int, mended: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.mended = mended


def refuse(
    field: str,
    message: str,
    *,
    span: tuple[int, int] | None = None,
    suggestion: str | None = None,
    hint: str | None = None,
) -> InvalidTrigger:
    """Return the error to raise: ``message`` is a sentence about ``field``, ``span`` the characters it is about.

    ``suggestion`` is complete enough to replace the whole text of the field.
    """
    start, end = span or (None, None)
    return InvalidTrigger(message, hint=hint, errors=[FieldError(field, message, start, end, suggestion)])


def refuse_text(
    field: str, mistake: Mistake, check: Callable[[str], object], hint: str | None = None
) -> InvalidTrigger:
    """Return the error for a ``mistake`` in a text, with a suggestion only if ``check`` accepts it.

    A text with several mistakes is mended one place after the other, so that what is suggested is valid.
    """
    suggestion = _settled(mistake.mended, check)
    message = f"{mistake.message} Did you mean: {suggestion}?" if suggestion else mistake.message
    return refuse(field, message, span=(mistake.start, mistake.end), suggestion=suggestion, hint=hint)


def renamed(error: InvalidTrigger, rename: Callable[[str], str]) -> InvalidTrigger:
    """Return the same refusal with each of its fields called ``rename(field)``."""
    return InvalidTrigger(
        error.detail,
        hint=error.hint,
        errors=[replace(problem, field=rename(problem.field)) for problem in error.errors],
        extra=error.extra,
    )


def type_of(value: object) -> str:
    """Return what a person would call the JSON type of ``value``."""
    return "null" if value is None else _TYPE_NAMES.get(type(value), type(value).__name__)


def _settled(text: str | None, check: Callable[[str], object]) -> str | None:
    for _ in range(_REPAIRS):
        if text is None:
            return None
        try:
            check(text)
        except Mistake as mistake:
            text = mistake.mended
        else:
            return text
    return None
