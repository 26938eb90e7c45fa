"""A browser without JavaScript."""

from __future__ import annotations

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Pages:
    """Asks for pages as a browser does: with the form token of a page it has seen, and its own origin."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, **options) -> TestResponse:
        return self.client.get(path, **options)

    def text(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def token(self, path: str = "/") -> str:
        return _TOKEN.search(self.client.get(path).text)[1]

    def post(self, path: str, data: dict | None = None, *, page: str = "/", **options) -> TestResponse:
        form = {"csrf_token": self.token(page), **(data or {})}
        headers = {"Origin": "http://localhost", **options.pop("headers", {})}
        return self.client.post(path, data=form, headers=headers, **options)
