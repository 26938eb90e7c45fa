"""Every error as one problem+json (RFC 9457), whoever raised it."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any

from flask import Flask, Response, request
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import HTTPException

from enschedule_core.errors import (
    BadRequest,
    Conflict,
    EnscheduleError,
    FieldError,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
)

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_CLASSES: dict[int, type[EnscheduleError]] = {
    400: BadRequest,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedMediaType,
    422: InvalidInput,
    503: Unavailable,
}
_DETAILS = {404: "There is nothing at this address.", 405: None, 413: None, 415: None}


def install(app: Flask) -> None:
    """Answer every error of ``app`` as problem+json."""
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(EnscheduleError, _from_ours)
    app.register_error_handler(IntegrityError, _from_race)
    app.register_error_handler(Exception, _from_bug)


def respond(problem: EnscheduleError, headers: dict[str, str] | None = None) -> Response:
    """Return the answer for one of our errors."""
    response = Response(json.dumps(problem.problem(), ensure_ascii=False), status=problem.status, mimetype=MEDIA_TYPE)
    response.headers.update(headers or {})
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_seconds" in problem.extra:
        response.headers["Retry-After"] = str(problem.extra["retry_after_seconds"])
    if problem.status == 503:
        response.headers.setdefault("Retry-After", "2")
    return response


def _from_ours(problem: EnscheduleError) -> Response:
    if problem.status >= 500 and problem.status != 503:
        return _from_bug(problem)
    return respond(problem)


def _from_http(problem: HTTPException) -> Response:
    status = problem.code or 500
    if status < 400:
        return Response(problem.get_response().get_data(), status=status, headers=dict(problem.get_headers()))
    kind = _CLASSES.get(status, BadRequest if status < 500 else EnscheduleError)
    detail = _DETAILS.get(status, problem.description)
    if status == 413 and request.content_length:
        detail = f"The body is larger than 1 MiB: it has {request.content_length:,} bytes."
    ours = kind(detail)
    response = respond(ours)
    response.status_code = status
    if kind.status != status:
        body = {**ours.problem(), "status": status, "title": problem.name}
        response.set_data(json.dumps(body, ensure_ascii=False))
    allowed = getattr(problem, "valid_methods", None)
    if allowed:
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _from_race(problem: IntegrityError) -> Response:
    """Two requests made the same thing at once, on a database with several writers."""
    logger.info("refused by the database: %s", problem.orig)
    message = "Somebody else did the same at this moment; nothing was changed."
    return respond(Conflict(message, hint="Send it again."))


def _from_bug(problem: Exception) -> Response:
    """Log what was not foreseen under an id, and give out that id only."""
    reference = secrets.token_hex(6)
    logger.error("request failed, reference %s", reference, exc_info=problem)
    hint = f"The worker's log says more under the reference {reference}."
    return respond(
        EnscheduleError("Something went wrong inside Enschedule.", hint=hint, extra={"reference": reference})
    )


def at(field: str, message: str, **more: Any) -> InvalidInput:
    """Return the refusal of one field or query parameter."""
    return InvalidInput(f"{field}: {message}" if field else message, errors=[FieldError(field, message, **more)])
