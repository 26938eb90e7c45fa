"""Bidi controls, which turn around what is written beside a text: no page shows them.

A title with U+202E (right-to-left override) would reverse the words behind it, an id would read backwards. So the
embeddings, overrides and isolates of Unicode's bidirectional algorithm (UAX 9) are taken out of the texts of a page,
as they are of output. What can be edited keeps them: attributes (the values of fields) and the content of textareas.
"""

from __future__ import annotations

import re

from flask import Flask, Response

_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BIDI_CONTROLS_UTF8 = re.compile(b"\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])")
# Every text is escaped, so that < and > in a page stand around tags and nowhere else.
_TEXTS = re.compile(rb"<textarea\b[^>]*>[^<]*|>[^<]+")


def without_bidi_controls(page: bytes) -> bytes:
    """Return HTML in UTF-8 without the bidi controls in its texts."""
    if _BIDI_CONTROLS_UTF8.search(page) is None:  # as nearly always
        return page
    return _TEXTS.sub(lambda found: found[0] if found[0][:1] == b"<" else _BIDI_CONTROLS_UTF8.sub(b"", found[0]), page)


def spelled(json_text: str) -> str:
    r"""Return JSON with the bidi controls in it written as ``\u202e``: who looks at data wants to see what is there."""
    return _BIDI_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", json_text)


def install(app: Flask) -> None:
    """Take the bidi controls out of the pages that ``app`` answers."""

    @app.after_request
    def take_bidi_controls_out(response: Response) -> Response:
        if response.mimetype == "text/html" and not response.is_streamed:
            page = response.get_data()
            shown = without_bidi_controls(page)
            if shown is not page:
                response.set_data(shown)
        return response
