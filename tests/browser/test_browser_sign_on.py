"""Single sign-on in Chromium, from the button to the provider and back; and a request that is too long."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1]))  # the provider is the other tests' too

import provider_kit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def provider() -> Iterator[provider_kit.FakeProvider]:
    with provider_kit.provider() as made:
        made.people = {"ada": {"groups": ["bosses"]}, "eve": {"groups": []}}
        yield made


@pytest.fixture(scope="module")
def door(start_server, provider, tmp_path_factory):
    """A server of its own, whose log-in page leads to the provider."""
    environ = provider.settings(ENSCHEDULE_OIDC_TITLE="Log in with Example", ENSCHEDULE_GRACE_SECONDS="1")
    with start_server(tmp_path_factory.mktemp("door"), ADMIN_ACCOUNT="root:several-words", **environ) as running:
        yield running


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_one_press_leads_there_and_back_and_out_again(door, provider, new_context, theme):
    context = new_context(base_url=door.url, color_scheme=theme, java_script_enabled=theme == "light")
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.goto("/workers")
    assert urlsplit(page.url).path == "/login"
    if theme == "light":
        assert Axe().run(page).response["violations"] == []
    page.get_by_role("link", name="Log in with Example").click()
    page.get_by_role("link", name="I am ada").click()
    assert page.url == f"{door.url}/workers"
    page.locator(".who summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out here.")).to_be_visible()
    page.goto("/workers")
    assert urlsplit(page.url).path == "/login"
    assert faults == []


def test_cancelling_there_and_having_no_role_here_say_so(door, new_context):
    page = new_context(base_url=door.url).new_page()
    for choice, said in (("Cancel", "you have cancelled there"), ("I am eve", "has no role here")):
        page.goto("/login")
        page.get_by_role("link", name="Log in with Example").click()
        page.get_by_role("link", name=choice).click()
        assert page.get_by_role("alert").get_by_text(said).is_visible()
        assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /" + "x" * 20_000 + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + "x" * 20_000 + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n" + "X-Many: x\r\n" * 500 + "\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\tX-Folded: c\r\nX B: d\r\n\r\n",
    ],
    ids=["line", "header", "headers", "two lengths", "odd names"],
)
def test_a_request_that_is_too_long_is_refused_before_it_is_read(door, request_text):
    parts = urlsplit(door.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request_text.encode())
        status = connection.recv(4096).split(b" ", 2)[1]
    assert status.startswith(b"4")
    assert door.is_up()
