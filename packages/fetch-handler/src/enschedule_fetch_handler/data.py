"""What ``fetch`` takes; the dashboard makes its form from this."""

from __future__ import annotations

import re
from typing import Any

import httpx
from marshmallow import Schema, ValidationError, fields, pre_load, validate

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_url(text: str) -> None:
    """Raise ``ValidationError`` unless ``text`` is an http or https URL with a host."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValidationError(f"Not a URL: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValidationError("Must be an http or https URL, for example https://www.example.com/health.")


def _check_header_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ValidationError("Not the name of an HTTP header, for example Accept.")


def _check_header_value(value: str) -> None:
    if _CONTROL.search(value):
        raise ValidationError("A header's value is one line without control characters.")
    if not value.isascii():
        raise ValidationError("A header's value is ASCII text.")


class FetchData(Schema):
    """What ``fetch`` takes."""

    url = fields.String(
        required=True,
        validate=[validate.Length(max=8_000), check_url],
        metadata={
            "title": "URL",
            "description": "http or https",
            "format": "uri",
            "x-placeholder": "https://www.example.com/health",
        },
    )
    method = fields.String(
        load_default="GET",
        validate=validate.OneOf(METHODS),
        metadata={"title": "Method", "description": "In upper or lower case", "x-ignore-case": True},
    )
    headers = fields.Dict(
        keys=fields.String(validate=_check_header_name),
        values=fields.String(validate=_check_header_value),
        load_default=dict,
        metadata={
            "title": "Headers",
            "description": "Sent with the request; those that let somebody in are stored encrypted",
            "default": {},
            "secret_names": r"^(proxy-)?authorization$|cookie|token|secret|password|api-?key",
            "x-placeholder": '{"Accept": "application/json"}',
        },
    )
    body = fields.String(
        load_default="",
        metadata={
            "title": "Body",
            "description": "Sent as UTF-8; name its type in a Content-Type header",
            "x-multiline": True,
        },
    )
    timeout_seconds = fields.Float(
        load_default=30.0,
        validate=validate.Range(min=0.001, max=3_600),
        metadata={
            "title": "Timeout",
            "description": "For the whole fetch: name, connection, redirects and body",
            "x-unit": "seconds",
            "x-placeholder": "30",
        },
    )
    expect_status = fields.List(
        fields.Integer(strict=True, validate=validate.Range(min=100, max=599)),
        load_default=list,
        metadata={
            "title": "Expected status",
            "description": "Any other status fails the run; empty: 200 to 299, after redirects",
            "default": [],
            "x-placeholder": "[200, 204]",
        },
    )
    verify = fields.Boolean(
        load_default=True,
        metadata={"title": "Verify TLS", "description": "Check the server's certificate and name"},
    )

    @pre_load
    def _upper_case(self, data: Any, **_: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("method"), str):
            return {**data, "method": data["method"].strip().upper()}
        return data
