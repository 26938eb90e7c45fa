"""The dashboard over a worker made of dictionaries: ``world`` is its state, ``pages`` a browser without JavaScript."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings

sys.path.insert(0, str(Path(__file__).parent))  # the fakes are modules beside the tests

from browsing import Pages
from fake_client import FakeClient, World


class Compiled(BytecodeCache):
    """The templates as they are compiled, for all apps of this process: each compiles its own otherwise."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session")
def compiled() -> Compiled:
    return Compiled()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def app(world: World, compiled: Compiled):
    made = create_app(lambda token, _address: FakeClient(world, token), DashboardSettings(secret_key="k" * 32))
    made.jinja_env.bytecode_cache = compiled
    made.testing = False  # errors become pages, as they do in service
    return made


@pytest.fixture
def pages(app) -> Pages:
    return Pages(app.test_client())
