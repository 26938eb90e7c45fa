"""Admin, Secrets, and forms with what is sealed in them, over a real worker, as a browser without JavaScript."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields

from enschedule_client import Client, InlineTransport
from enschedule_core import handler
from enschedule_core.registry import Registry
from enschedule_dashboard.main import pages_over, read_plan
from enschedule_worker.build import build_worker

sys.path.insert(0, str(Path(__file__).parent))

from browsing import Pages

VALUE = "hunter2-and-more"


class Deliver(Schema):
    """Data with a secret field."""

    url = fields.String(required=True)
    token = fields.String(metadata={"secret": True})


class Site:
    """A worker with a handler that has a secret field, its client, and a browser on its pages."""

    def __init__(self, folder: Path) -> None:
        plan = read_plan({"SQLITE": ":memory:", "ENSCHEDULE_EXECUTOR": "thread"})
        registry = Registry()
        registry.register(handler(id="deliver", data_schema=Deliver)(lambda data: data))
        self.worker = build_worker(plan.worker, registry)
        self.worker.enter_handlers()
        self.client = Client(
            "http://127.0.0.1", api_key=self.worker.api_key, transport=InlineTransport(self.worker.app)
        )
        self.pages = Pages(pages_over(lambda: self.worker, plan).test_client())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.worker.database.dispose()


def posted(site: Site, path: str, status: int = 303, *, page: str = "/admin/secrets", **form: str) -> str:
    """Send a form and return what the page that follows says."""
    answer = site.pages.post(path, form, page=page)
    assert answer.status_code == status, answer.text[:2000]
    return site.pages.text(answer.headers["Location"]) if status == 303 else answer.text


def test_a_secret_is_set_replaced_and_deleted_after_a_question_that_names_who_uses_it(site: Site) -> None:
    assert "There is no secret yet" in site.pages.text("/admin/secrets")
    page = posted(site, "/admin/secrets", name="SLACK_TOKEN", value=VALUE)
    assert "1 secret, encrypted" in page
    assert "SLACK_TOKEN is kept" in page
    wrong = posted(site, "/admin/secrets", 422, name="slack", value=VALUE)
    assert "name: A name has A-Z" in wrong
    data = {"url": "x", "token": {"$secret": "SLACK_TOKEN"}}
    site.client.schedules.put("report", {"handler": "deliver", "data": data, "title": "Weekly report"})
    page = posted(site, "/admin/secrets/SLACK_TOKEN", value="another value")
    assert "has another value" in page
    assert "1 schedule uses it" in page
    assert 'href="/schedules/report"' in page
    question = site.pages.text("/admin/secrets/SLACK_TOKEN/delete")
    assert "Weekly report uses it: their runs fail from then on" in question
    page = posted(site, "/admin/secrets/SLACK_TOKEN/delete", page="/admin/secrets/SLACK_TOKEN/delete")
    assert "The secret SLACK_TOKEN is deleted." in page
    assert site.pages.get("/admin/secrets/SLACK_TOKEN").status_code == 404
    assert "set the secret" in site.pages.text("/admin/audit")


def test_what_is_sealed_is_never_on_a_page_and_stays_when_a_form_is_sent(site: Site) -> None:
    site.client.schedules.put("s", {"handler": "deliver", "data": {"url": "x", "token": VALUE}})
    for path in ("/schedules/s", "/schedules/s/edit", "/schedules/s/clone", "/schedules/s/run"):
        page = site.pages.text(path)
        assert VALUE not in page, path
        assert "gAAAA" not in page, path
    edit = site.pages.text("/schedules/s/edit")
    assert "is set; leave empty to keep it" in edit
    assert "is set; leave empty to keep it" not in site.pages.text("/schedules/s/clone")
    before = site.client.schedules.get("s")
    sent = _form(edit) | {"title": "Another title", "action": "save"}
    assert site.pages.post("/schedules/s/edit", sent, page="/schedules/s/edit").status_code == 303
    after = site.client.schedules.get("s")
    assert (after["title"], after["data"]) == ("Another title", before["data"])
    sent = _form(site.pages.text("/schedules/s/edit")) | {"data/token": "typed anew", "action": "save"}
    assert site.pages.post("/schedules/s/edit", sent, page="/schedules/s/edit").status_code == 303
    (changed, *_) = site.client.schedules.history("s")["items"]
    assert changed["changes"] == ["data.token"]


def _form(page: str) -> dict[str, str]:
    """Return what the browser would send of the form of an editor as it is."""
    form = page[page.index('<form class="editor') : page.index("</form>", page.index('<form class="editor'))]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        named: dict[str, Any] = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if "name" in named and (named.get("type") not in ("checkbox", "radio") or " checked" in tag):
            found[named["name"]] = named.get("value", "on")
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)"[^>]*\bselected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    texts = re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    return found | dict(texts)
