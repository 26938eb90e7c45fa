"""The dashboard over a worker made of dictionaries: ``world`` is its state, ``pages`` a browser without JavaScript."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings

sys.path.insert(0, str(Path(__file__).parent))  # the fakes are modules beside the tests

from fake_client import FakeClient, World

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


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World):
    made = create_app(lambda token, _address: FakeClient(world, token), DashboardSettings(secret_key="k" * 32))
    made.testing = False  # errors become pages, as they do in service
    return made


@pytest.fixture
def pages(app) -> Pages:
    return Pages(app.test_client())
