"""The routes that say whether the dashboard works: for anybody, by any name, and without a word too many."""

from fake_client import FakeClient, World

from enschedule_core.errors import WorkerUnreachable
from enschedule_dashboard.app import create_app
from enschedule_dashboard.settings import DashboardSettings


def test_it_answers_whoever_asks_and_without_a_worker(pages, world):
    world.needs_key = True
    world.down = WorkerUnreachable("http://worker:8080 does not answer.")
    answer = pages.get("/healthz")
    assert (answer.status_code, answer.json["status"]) == (200, "ok")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers


def test_it_is_ready_when_its_worker_is(pages, world):
    answer = pages.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (200, "ready")
    assert [check["name"] for check in answer.json["checks"]] == ["worker", "database", "engine", "handlers"]
    world.readiness["checks"][1]["ok"] = False
    answer = pages.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "not_ready")
    world.down = WorkerUnreachable("http://worker:8080 does not answer.")
    answer = pages.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["checks"] == [{"name": "worker", "ok": False, "detail": "It does not answer."}]


def test_whatever_name_is_asked_for(world: World):
    settings = DashboardSettings(secret_key="k" * 32, loopback=False, trusted_hosts=("jobs.example.org",))
    browser = create_app(lambda token, _: FakeClient(world, token), settings).test_client()
    for path in ("/healthz", "/readyz"):
        assert browser.get(path, headers={"Host": "10.1.2.3:3000"}).status_code == 200
    assert browser.get("/login", headers={"Host": "10.1.2.3:3000"}).status_code == 400
