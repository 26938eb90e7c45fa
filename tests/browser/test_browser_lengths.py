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
GROUP, SECRET, HANDLER_ID = "g" * 60, "S" * 64, "long-" * 15 + "handler"
HANDLER = f"""
from enschedule_core import handler


@handler(id="{HANDLER_ID}", title="{LONG}", description="{LONG * 2}")
def run(message: str = "{LONG}") -> None:
    print(message)
    raise ValueError(message)
"""
WIDTHS = (320, 390, 720, 721, 800, 1024, 1240, 1440)


@pytest.fixture(scope="module")
def shop(start_server, tmp_path_factory):
    """The demonstration's shop, with one worker that is down, and a schedule all of which is long."""
    folder = tmp_path_factory.mktemp("shop")
    settings = read_settings({"SQLITE": str(folder / "enschedule.db"), "IMPORT_HANDLERS": PLUGINS})
    database = open_database(settings)
    fill(database)
    database.dispose()
    handlers = folder / "handlers"
    handlers.mkdir()
    (handlers / "long.py").write_text(HANDLER, encoding="utf-8")
    (handlers / "broken.py").write_text(f"raise RuntimeError('{LONG * 5}')", encoding="utf-8")
    environ = {
        "SQLITE": str(folder / "enschedule.db"),
        "IMPORT_HANDLERS": PLUGINS,
        "HANDLERS_DIR": str(handlers),
        "ENSCHEDULE_WORKER_ID": "w" * 100,
        "ENSCHEDULE_WORKER_TITLE": LONG,
        "ENSCHEDULE_WORKER_TAGS": f"{'t' * 50},{'u' * 50}",
        "ENSCHEDULE_GRACE_SECONDS": "1",
    }
    with start_server(folder, **environ) as running:
        running.call("POST", "groups", {"id": GROUP, "title": LONG})
        running.call("PUT", f"secrets/{SECRET}", {"value": "a made-up value"})
        running.call("POST", "api-keys", {"name": LONG[:100], "role": "viewer"})
        own = {"worker": {"id": "q" * 100}, "group": GROUP, "env": {"E" * 60: {"$secret": SECRET}}}
        running.make("owned", "every 10 minutes", handler=HANDLER_ID, title=f"owned {LONG[:-6]}", **own)
        about = {"description": LONG * 3, "tags": ["t" * 50, "u" * 50], "data": {"message": LONG * 50}}
        running.make(ID, "every day at 02:30", title=LONG, runbook=f"https://x.example/{LONG}", **about)
        running.call("POST", f"schedules/{ID}/pause", {"reason": LONG[:100]})
        running.wait_run(running.run(ID)["id"])
        broken = {"data": {"command": f"echo {LONG * 10} >&2; exit 1"}, "title": f"{LONG[:-6]} fails"}
        running.make("fails", handler="shell", **broken)
        running.make("going", handler="shell", title=f"going {LONG[:-6]}", data={"command": "sleep 300"})
        running.wait_run(running.run("going")["id"], "running")
        running.make("named", handler=HANDLER_ID, title=f"named {LONG[:-6]}")
        for id in ("fails", "named"):
            running.wait_run(running.run(id)["id"])
        yield running


def pages(shop):
    own = f"/schedules/{ID}"
    runs = [f"/runs/{shop.runs(id)[0]['id']}" for id in (ID, "fails", "named", "going")]
    return [
        *("/", "/schedules", "/schedules?by=tag", "/schedules?by=handler", f"/schedules?q={LONG}"),
        *(own, *(f"{own}/{page}" for page in ("edit", "clone", "run", "delete", "resume"))),
        *("/schedules/fails", "/schedules/invoice-export", "/schedules/resize-uploads", "/schedules/us-prices"),
        *("/runs", f"/runs?schedule={ID}", "/runs?status=failed", *runs),
        *("/schedules/owned", "/schedules/owned/edit", "/schedules/named/run", "/schedules/new"),
        *(f"/handlers/{HANDLER_ID}", f"/schedules/new?handler={HANDLER_ID}"),
        *(f"/schedules?worker={'w' * 100}", f"/schedules?group={GROUP}", f"/admin/groups/{GROUP}"),
        *("/calendar", "/handlers", "/handlers/log-job", "/handlers/shell", "/workers", f"/admin/secrets/{SECRET}"),
        *(f"/admin/{name}" for name in ("users", "groups", "keys", "secrets", "audit", "settings")),
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


def test_no_menu_is_wider_than_the_window(shop, visit_other, wider):
    page = visit_other(shop.url)
    run = shop.runs(ID)[0]["id"]
    for path in (f"/runs/{run}", f"/schedules/{ID}", "/schedules"):
        for width in (390, 1024):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path)
            menus = page.locator("details.menu > summary:visible")
            assert menus.count() > 0
            for menu in menus.all()[:6]:
                menu.click()
                assert wider(page, width) == {}, f"{path}: {menu.inner_text()}"
                page.keyboard.press("Escape")


def test_a_long_name_takes_no_room_from_those_beside_it(shop, visit_other):
    page = visit_other(shop.url)
    page.goto("/schedules")
    name = page.get_by_role("link", name="Check web shop", exact=True)
    shown, whole = name.evaluate("(link) => [link.getBoundingClientRect().width, link.scrollWidth]")
    assert shown >= whole - 1
    assert name.evaluate("(link) => link.closest('td').clientWidth") >= 180
