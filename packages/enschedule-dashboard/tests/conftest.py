"""The dashboard over a worker made of dictionaries: ``world`` is its state, ``pages`` a browser without JavaScript."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings

sys.path.insert(0, str(Path(__file__).parent))  # the fakes are modules beside the tests

from browsing import Pages
from fake_client import FakeClient, World


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
