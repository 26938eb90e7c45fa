"""Calls that do not need each other: at once before a worker elsewhere, one by one over one in the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
from browsing import Pages
from fake_client import FakeClient, World
from flask import Flask, g

from enschedule_core.errors import NotFound
from enschedule_dashboard.ahead import ahead
from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings

PATHS = (
    "/", "/schedules", "/schedules?q=nothing-is-called-so", "/schedules?status=failing", "/schedules?q=status:none",
    "/schedules?by=tag", "/schedules/invoice-export", "/schedules/none-such", "/runs", "/runs?status=failed",
    "/workers", "/calendar", "/handlers",
)  # fmt: skip
PATIENCE_SECONDS = 10


@pytest.fixture
def elsewhere(world: World, compiled) -> Pages:
    settings = DashboardSettings(secret_key="k" * 32, worker_url="http://worker:8080")
    made = create_app(lambda token, _address: FakeClient(world, token), settings)
    made.jinja_env.bytecode_cache = compiled
    made.testing = False
    return Pages(made.test_client())


def asked(told: bool, *asks: Callable[[], object]) -> list[object]:
    with Flask("test").app_context():
        g.elsewhere = told
        return [answer() for answer in [ahead(ask) for ask in asks]]


def test_elsewhere_they_are_asked_at_once() -> None:
    both = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    def meets() -> str:
        both.wait()
        return threading.current_thread().name

    found = asked(True, meets, meets)
    assert len(set(found)) == 2
    assert threading.current_thread().name not in found


def test_in_the_same_process_they_are_asked_in_this_thread_when_their_answer_is_wanted() -> None:
    called: list[str] = []
    with Flask("test").app_context():
        g.elsewhere = False
        first, second = ahead(lambda: called.append("first")), ahead(lambda: called.append("second"))
        assert not called
        second()
        first()
    assert called == ["second", "first"]
    here = threading.current_thread().name
    assert asked(False, lambda: threading.current_thread().name) == [here]


def test_what_was_wrong_is_raised_where_the_answer_is_wanted_and_else_by_nobody() -> None:
    def refused() -> None:
        raise NotFound("There is no such thing.")

    with Flask("test").app_context():
        g.elsewhere = True
        ahead(refused)
        answer = ahead(refused)
        with pytest.raises(NotFound, match="no such thing"):
            answer()


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_the_same_either_way(pages: Pages, elsewhere: Pages, path: str) -> None:
    near, far = pages.get(path), elsewhere.get(path)
    assert near.status_code == far.status_code
    assert same(near.text) == same(far.text)


def same(text: str) -> str:
    """Return a page without what differs each time: the tokens of its forms."""
    return re.sub(r'(name="(?:csrf_token|once)" value=")[^"]+', r"\1", text)
