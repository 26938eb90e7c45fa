"""What somebody hostile sends to the API: each list is a fault with its payloads, named in docs/security.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from people_kit import PASSWORD, ROOT, People

from enschedule_core.registry import Registry
from enschedule_worker.build import build_worker
from enschedule_worker.settings import read_settings

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def test_every_answer_has_every_header(api: Any, hourly: Any) -> None:
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "me", {}),
        ("GET", "schedules", {}),
        ("GET", "schedules/hourly", {}),
        ("GET", "openapi.json", {}),
        ("GET", "nowhere", {}),
        ("PATCH", "healthz", {}),
        ("POST", "schedules", {"data": "{", "content_type": "application/json"}),
        ("POST", "schedules", {"data": "x", "content_type": "text/plain"}),
        ("POST", "schedules", {"json": {"nonsense": 1}}),
        ("POST", "schedules", {"data": "x" * 2_000_000, "content_type": "application/json"}),
        ("GET", "me", {"headers": {"X-API-Key": "wrong"}}),
        ("GET", "me", {"headers": {"Host": "evil.example"}}),
    ]
    statuses = set()
    for method, path, options in asked:
        answer = api.client.open(f"/api/v1/{path}", method=method, **options)
        statuses.add(answer.status_code)
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, (path, answer.status_code)
        assert "Set-Cookie" not in answer.headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert statuses == {200, 400, 401, 403, 404, 405, 413, 415, 422}


def test_the_page_of_the_api_allows_its_own_style_and_nothing_else(api: Any) -> None:
    policy = api.client.get("/api/v1/docs").headers["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'self'; frame-ancestors 'none'"


@pytest.mark.parametrize("id", ["x\r\nSet-Cookie: a=b", 'x"; filename="evil.exe', "../../etc/passwd", "x\x00", "é"])
def test_a_name_is_no_way_into_a_header_or_out_of_a_folder(api: Any, id: str) -> None:
    api.refused(422, "POST", "schedules", {"id": id, "handler": "echo"})
    answer = api.client.put(
        "/api/v1/schedules/" + id.replace("\r", "%0d").replace("\n", "%0a"), json={"handler": "echo"}
    )
    assert answer.status_code in {400, 404, 405, 422}
    assert "Set-Cookie" not in answer.headers


def test_a_download_is_named_by_us_and_is_no_page(api: Any, stage: Any) -> None:
    title = 'x"; filename="evil.html'
    api.ok("POST", "schedules", {"id": "x", "title": title, "handler": "echo"})
    run = api.ok("POST", "schedules/x/runs")["id"]
    (claimed,) = stage.claim()
    stage.print(run, "<script>alert(1)</script>")
    stage.finish(claimed)
    answer = api.ask("GET", f"runs/{run}/output", headers={"Accept": "text/plain"})
    assert answer.headers["Content-Disposition"] == f'attachment; filename="run-{run}.output.txt"'
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer  ",
        "Bearer \x7f",
        "bearer ensk_",
        "Bearer ensk_admin_",
        "Basic YWRtaW46YWRtaW4=",
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_key_is_never_a_fault_of_ours(people: People, authorization: str) -> None:
    people.api.refused(401, "GET", "me", headers={"Authorization": authorization})


@pytest.fixture
def people(api: Any, quick_hashes: None) -> People:
    return People(api)


def test_the_address_that_somebody_claims_is_not_believed(people: People) -> None:
    """Neither the limits nor the audit go by a header that anybody can write."""
    for number in range(20):
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "X-Real-IP": f"203.0.113.{number}"}
        people.api.refused(401, "POST", "sessions", {"name": f"n{number}", "password": "wrong"}, headers=headers)
    people.api.refused(429, "POST", "sessions", {"name": "viewer", "password": PASSWORD})
    entries = people.api.ok("GET", "audit", query_string={"refused": "true"}, headers=ROOT)["items"]
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}


def test_behind_a_proxy_that_is_trusted_each_client_is_counted_by_itself(tmp_path: Path) -> None:
    environ = {
        "SQLITE": str(tmp_path / "a.db"),
        "ENSCHEDULE_TRUSTED_PROXIES": "1",
        "HOST": "0.0.0.0",
        "API_KEY": "key-key-key",
    }
    worker = build_worker(read_settings(environ), Registry())
    client = worker.app.test_client()
    try:
        for number in range(25):
            # The proxy writes the last one; what the client wrote before it is only a claim.
            headers = {"X-Forwarded-For": f"198.51.100.1, 203.0.113.{number}"}
            body = {"name": f"n{number}", "password": "wrong"}
            assert client.post("/api/v1/sessions", json=body, headers=headers).status_code == 401
        found = client.get("/api/v1/audit?refused=true&limit=1", headers={"X-API-Key": "key-key-key"}).get_json()
        assert found["items"][0]["address"] == "203.0.113.24"
    finally:
        worker.close()
