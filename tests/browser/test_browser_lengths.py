"""Names, tags, reasons and data as long as they may be, among three weeks of others: no page grows wider than its
window, and what stands beside a long name stays readable."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from enschedule_hub.demo.filling import PLUGINS, fill
from enschedule_worker.databases import open_database
from enschedule_worker.settings import read_settings

pytestmark = pytest.mark.browser

# W is the widest letter, and there is no place to break the line.
LONG = "W" * 200
ID = "long-" * 19 + "named"
WIDTHS = (320, 390, 720, 721, 800, 1024, 1240, 1440)


@pytest.fixture(scope="module")
def shop(start_server, tmp_path_factory):
    """The demonstration's shop, with one worker that is down, and a schedule all of which is long."""
    folder = tmp_path_factory.mktemp("shop")
    settings = read_settings({"SQLITE": str(folder / "enschedule.db"), "IMPORT_HANDLERS": PLUGINS})
    database = open_database(settings)
    fill(database)
    database.dispose()
    environ = {"IMPORT_HANDLERS": PLUGINS, "ENSCHEDULE_GRACE_SECONDS": "1"}
    with start_server(folder, SQLITE=str(folder / "enschedule.db"), **environ) as running:
        about = {"description": LONG * 3, "tags": ["t" * 50, "u" * 50], "data": {"message": LONG * 50}}
        running.make(ID, "every day at 02:30", title=LONG, runbook=f"https://x.example/{LONG}", **about)
        running.call("POST", f"schedules/{ID}/pause", {"reason": LONG[:100]})
        running.wait_run(running.run(ID)["id"])
        broken = {"data": {"command": f"echo {LONG * 10} >&2; exit 1"}, "title": f"{LONG[:-6]} fails"}
        running.make("fails", handler="shell", **broken)
        running.wait_run(running.run("fails")["id"])
        yield running


def pages(shop):
    own = f"/schedules/{ID}"
    runs = [f"/runs/{shop.runs(id)[0]['id']}" for id in (ID, "fails")]
    return [
        *("/", "/schedules", "/schedules?by=tag", "/schedules?by=handler", f"/schedules?q={LONG}"),
        *(own, *(f"{own}/{page}" for page in ("edit", "clone", "run", "delete", "resume"))),
        *("/schedules/fails", "/schedules/invoice-export", "/schedules/resize-uploads", "/schedules/us-prices"),
        *("/runs", f"/runs?schedule={ID}", "/runs?status=failed", *runs),
        *("/calendar", "/handlers", "/handlers/log-job", "/handlers/shell", "/workers", "/admin/audit"),
        *("/go?q=WWW", f"/nothing/{LONG}", f"/schedules/{ID}x"),
    ]


@pytest.mark.timeout(300)
def test_no_page_is_wider_than_the_window_whatever_it_shows(shop, visit_other, wider):
    page = visit_other(shop.url)
    found = []
    for path in pages(shop):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        found += [f"{path} at {width}: {what}" for width, what in wider(page, *WIDTHS).items()]
    assert not found, "\n".join(found)


def test_a_long_name_takes_no_room_from_those_beside_it(shop, visit_other):
    page = visit_other(shop.url)
    page.goto("/schedules")
    name = page.get_by_role("link", name="Check web shop", exact=True)
    shown, whole = name.evaluate("(link) => [link.getBoundingClientRect().width, link.scrollWidth]")
    assert shown >= whole - 1
    assert name.evaluate("(link) => link.closest('td').clientWidth") >= 180
