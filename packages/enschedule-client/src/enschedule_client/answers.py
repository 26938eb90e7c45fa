"""What came back: JSON, text, or a refusal, which becomes the class of error the worker raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from enschedule_core import json_text
from enschedule_core.errors import EnscheduleError, WorkerUnreachable, from_problem

_EXCERPT_LENGTH = 120
# A gateway says these when the worker behind it does not answer.
_GATEWAY_STATUSES = frozenset({502, 504})


def refuse_errors(response: httpx.Response, url: str) -> None:
    """Raise what a status of 400 and above stands for.

    A problem+json body becomes the class that was raised on the worker, with its ``errors`` and extras;
    ``extra["retry_after"]`` is the Retry-After header where there is one. Anything else (a proxy's HTML
    page) is described with the address, the status and the beginning of the text.
    """
    if response.is_success:
        return
    body = _json_object(response)
    if response.is_error and body is not None and ("detail" in body or "title" in body):
        error = from_problem(response.status_code, _readable(body))
    elif response.status_code in _GATEWAY_STATUSES:
        error = WorkerUnreachable(_strange(response, url), extra={"url": url})
    elif response.is_error:
        error = from_problem(response.status_code, {"detail": _strange(response, url)})
    else:
        target = response.headers.get("Location")
        hint = f"It points to {target}; give the worker's own address." if target else None
        error = WorkerUnreachable(_strange(response, url), hint=hint, extra={"url": url})
    if "Retry-After" in response.headers:
        error.extra.setdefault("retry_after", response.headers["Retry-After"])
    raise error


def read_json(response: httpx.Response, url: str) -> Any:
    """Return the JSON of an answer; anything that is not JSON is a :class:`WorkerUnreachable` that says what it is."""
    try:
        if _media_type(response).endswith("json"):
            return json_text.decode(response.content)
    except (ValueError, RecursionError):
        pass
    raise _not_a_worker(response, url)


def read_text(response: httpx.Response, url: str) -> str:
    """Return a plain text answer, always read as UTF-8."""
    if _media_type(response) != "text/plain":
        raise _not_a_worker(response, url)
    return response.content.decode("utf-8", errors="replace")


def _not_a_worker(response: httpx.Response, url: str) -> EnscheduleError:
    hint = "Is this the address of an Enschedule worker or dashboard, for example http://127.0.0.1:3000?"
    return WorkerUnreachable(_strange(response, url), hint=hint, extra={"url": url})


def _strange(response: httpx.Response, url: str) -> str:
    kind = _media_type(response) or "no content type"
    said = f"{url} answered {response.status_code} {response.reason_phrase}".rstrip()
    excerpt = " ".join(response.content[: _EXCERPT_LENGTH * 4].decode("utf-8", errors="replace").split())
    if len(excerpt) > _EXCERPT_LENGTH:
        excerpt = excerpt[:_EXCERPT_LENGTH] + "…"
    return f"{said} with {kind} instead of a worker's answer" + (f": {excerpt}" if excerpt else ".")


def _media_type(response: httpx.Response) -> str:
    header: str = response.headers.get("Content-Type", "")
    return header.partition(";")[0].strip().lower()


def _json_object(response: httpx.Response) -> Mapping[str, Any] | None:
    if not _media_type(response).endswith("json"):
        return None
    try:
        body = json_text.decode(response.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _readable(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``body`` with ``errors`` and ``hint`` of the shape we print: the sender may be a proxy with its own."""
    errors = body.get("errors")
    hint = body.get("hint")
    return {
        **body,
        "errors": [each for each in errors if isinstance(each, dict)] if isinstance(errors, list) else [],
        "hint": None if hint is None else str(hint),
    }
