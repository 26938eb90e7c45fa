"""Everything that Enschedule refuses, as one tree of errors.

An error travels unchanged from the place that raises it to the person who reads it: the API
renders it as problem+json (RFC 9457) by :meth:`EnscheduleError.problem`, the client turns that back
into the same class by :func:`from_problem`, and the dashboard and the command line print its
``detail`` and ``hint``. No traceback is ever part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input.

    ``field`` is a dotted path from the top of the body (``trigger.expression``, ``data.items.0.url``).
    ``start`` and ``end`` are offsets in characters into the text of that field, where the mistake is
    at one place of it; ``suggestion`` is the nearest valid form, complete enough to replace the text.
    """

    field: str
    message: str
    start: int | None = None
    end: int | None = None
    suggestion: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the wire form; parts that are unknown are left out."""
        found = {
            "field": self.field,
            "message": self.message,
            "start": self.start,
            "end": self.end,
            "suggestion": self.suggestion,
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> FieldError:
        """Read the wire form; unknown members are ignored, as RFC 9457 asks of readers."""
        return cls(
            field=str(raw.get("field", "")),
            message=str(raw.get("message", "")),
            start=raw.get("start"),
            end=raw.get("end"),
            suggestion=raw.get("suggestion"),
        )


class EnscheduleError(Exception):
    """Something went wrong inside Enschedule."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str | None = None,
        *,
        hint: str | None = None,
        errors: Iterable[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        super().__init__(self.detail)

    def problem(self) -> dict[str, Any]:
        """Return the problem+json body: type, title, status, detail, code, hint, errors, and extras."""
        return {
            "type": f"urn:enschedule:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "hint": self.hint,
            "errors": [error.as_dict() for error in self.errors],
            **self.extra,
        }

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}" if self.hint else self.detail


class BadRequest(EnscheduleError):
    """The request could not be read."""

    status, code, title = 400, "bad_request", "Bad request"


class Unauthenticated(EnscheduleError):
    """This needs a key or a session."""

    status, code, title = 401, "unauthenticated", "Who are you?"


class Forbidden(EnscheduleError):
    """You may not do this."""

    status, code, title = 403, "forbidden", "Not allowed"


class ReadOnly(Forbidden):
    """This server is read-only: it shows everything and changes nothing."""

    code, title = "read_only", "Read-only"


class NotFound(EnscheduleError):
    """There is nothing here."""

    status, code, title = 404, "not_found", "Not found"


class MethodNotAllowed(EnscheduleError):
    """This address does not take that method."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class Conflict(EnscheduleError):
    """This does not fit the present state."""

    status, code, title = 409, "conflict", "Conflict"


class StaleRevision(EnscheduleError):
    """Somebody else changed this since you read it."""

    status, code, title = 412, "stale_revision", "Changed meanwhile"


class TooLarge(EnscheduleError):
    """The body is larger than 1 MiB."""

    status, code, title = 413, "too_large", "Too large"


class UnsupportedMediaType(EnscheduleError):
    """The body must be JSON, with Content-Type application/json."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class InvalidInput(EnscheduleError):
    """The input is not valid."""

    status, code, title = 422, "invalid_input", "Invalid input"


class InvalidTrigger(InvalidInput):
    """The schedule cannot be understood, or never fires."""

    code, title = "invalid_trigger", "Invalid trigger"


class InvalidData(InvalidInput):
    """The data does not fit the handler's schema."""

    code, title = "invalid_data", "Invalid data"


class UnknownHandler(InvalidInput):
    """No worker has ever registered this handler."""

    code, title = "unknown_handler", "Unknown handler"


class RateLimited(EnscheduleError):
    """Too many requests."""

    status, code, title = 429, "rate_limited", "Too many requests"


class Unavailable(EnscheduleError):
    """This cannot be done right now; the same request may succeed later."""

    status, code, title = 503, "unavailable", "Unavailable"


class WorkerUnreachable(Unavailable):
    """The worker does not answer."""

    code, title = "worker_unreachable", "Worker unreachable"


class ConfigurationError(EnscheduleError):
    """A setting is wrong. Programs print it as one message and exit with code 2."""

    code, title = "configuration", "Wrong setting"


def _tree(base: type[EnscheduleError]) -> Iterable[type[EnscheduleError]]:
    yield base
    for child in base.__subclasses__():
        yield from _tree(child)


_OWN_MEMBERS = frozenset({"type", "title", "status", "detail", "code", "hint", "errors"})


def from_problem(status: int, body: Mapping[str, Any]) -> EnscheduleError:
    """Turn a problem+json body back into the class that was raised on the server.

    An unknown ``code`` (a newer server) becomes the class with the same HTTP status, else
    :class:`EnscheduleError`; its ``code`` is kept in ``extra["code"]``.
    """
    code = body.get("code")
    classes = list(_tree(EnscheduleError))
    exact = next((found for found in classes if found.code == code), None)
    by_status = next((found for found in classes if found.status == status), EnscheduleError)
    extra = {name: value for name, value in body.items() if name not in _OWN_MEMBERS}
    if exact is None and code is not None:
        extra["code"] = code
    return (exact or by_status)(
        str(body.get("detail") or body.get("title") or f"The server answered {status}."),
        hint=body.get("hint"),
        errors=[FieldError.from_dict(raw) for raw in body.get("errors") or ()],
        extra=extra,
    )
