"""Pages and static files travel compressed: the budget of a page is what is sent.

Compressing a page that holds a form token and words of a stranger tells that stranger something about the token
(BREACH), to one who can both make the browser ask thousands of times and see the lengths. Here another site's
requests carry no session: its cookie is SameSite=Lax.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

_LEVEL = 5  # of 1 to 9: a page of 100 kB takes about a millisecond
_SMALLEST = 1_000
_TEXTS = frozenset({
    "application/javascript",
    "application/json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
})  # fmt: skip


def install(app: Flask) -> None:
    """Compress the texts that ``app`` answers, for browsers that take gzip."""
    kept: dict[str, bytes] = {}

    @app.after_request
    def compress(response: Response) -> Response:
        if response.mimetype not in _TEXTS:
            return response
        response.vary.add("Accept-Encoding")
        if response.status_code != 200 and response.status_code < 400:
            return response  # a redirect, or 304: there is no text
        if not request.accept_encodings["gzip"] or "Content-Encoding" in response.headers:
            return response
        is_static = request.endpoint == "static" and request.method == "GET" and response.status_code == 200
        packed = kept.get(request.path) if is_static else None
        if packed is None:
            response.direct_passthrough = False
            text = response.get_data()
            if len(text) < _SMALLEST:
                return response
            packed = gzip.compress(text, _LEVEL, mtime=0)
            if is_static:
                kept[request.path] = packed  # as many as there are files: other paths answer 404
        else:
            response.response.close()  # type: ignore[union-attr]  # the file that is not read
        response.set_data(packed)
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag:
            response.set_etag(etag, weak=True)
        return response
