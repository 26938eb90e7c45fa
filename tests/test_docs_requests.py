"""The documentation's requests and handlers, tried on a real server; its routes and errors, compared with the API."""

import argparse
import json
import re
import shlex
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", "docs/quick-start.md", "docs/schedules.md", "docs/api.md"]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
NOT_IN_OPENAPI = {"GET /openapi.json", "GET /docs", "GET /docs.css"}  # they serve that document
WAIT = """
import time
from enschedule_core import handler

@handler(id="wait")
def wait(data, context):
    while not context.cancelled:
        time.sleep(0.01)
"""


def content(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def handler_files() -> dict[str, str]:
    """The handlers that the pages tell to write, by the path they give them."""
    found = [re.findall(r"A file `(jobs/\w+\.py)`:\n\n```python\n(.*?)```", content(page), re.DOTALL) for page in PAGES]
    return {path: program for each in found for path, program in each}


# --- What the pages tell people to type ---


def curls(page: str) -> list[str]:
    """The curl commands of a page, in their order, each on one line."""
    blocks = re.findall(r"```sh\n(.*?)```", content(page), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line.startswith("curl ")]


def read_curl(line: str) -> argparse.Namespace:
    """What a command asks for; with an option that this does not know, the test fails."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("--json", dest="body")
    parser.add_argument("url")
    return parser.parse_args(shlex.split(line)[1:])


def send(line: str, base: str) -> tuple[int, bytes]:
    """Do what curl would do, against ``base``; raises for a refusal."""
    asked = read_curl(line)
    assert asked.url.startswith("http://127.0.0.1:3000/"), asked.url
    headers = dict(header.split(": ", 1) for header in asked.headers)
    if asked.body is not None:
        json.loads(asked.body)
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}  # as --json does
    method = asked.method or ("GET" if asked.body is None else "POST")
    body = None if asked.body is None else asked.body.encode()
    url = asked.url.replace("http://127.0.0.1:3000", base)
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=30) as answer:
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def server(start_server, tmp_path_factory):
    """A server with the handlers that the pages tell to write, on which run 1 has ended."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "jobs").mkdir()
    (folder / "jobs" / "wait.py").write_text(WAIT, encoding="utf-8")
    for path, program in handler_files().items():
        (folder / path).write_text(program, encoding="utf-8")
    with start_server(folder, HANDLERS_DIR="jobs") as started:
        first = started.call("POST", "runs", {"handler": "log-job", "data": {"message": "Hello"}})
        started.wait_run(first["id"])
        yield started


@pytest.mark.parametrize("file", PAGES)
def test_the_requests_of_a_page_are_answered(server, file):
    lines = curls(file)

    assert lines
    for line in lines:
        status, _ = send(line, server.url)
        assert status < HTTPStatus.MULTIPLE_CHOICES, line


def test_the_output_of_run_1_is_what_it_printed(server):
    (line,) = [line for line in curls("docs/quick-start.md") if "/output" in line]

    assert send(line, server.url)[1] == b"Hello\n"


@pytest.mark.parametrize(
    ("handler_id", "printed"),
    [("say-hello", "Hello, Ada!\n"), ("greet", "Hello, Ada! This is attempt 1.\n")],
)
def test_the_handlers_of_the_pages_run(server, handler_id, printed):
    run = server.call("POST", "runs", {"handler": handler_id, "data": {"name": "Ada"}})

    assert server.wait_run(run["id"])["status"] == "succeeded"
    assert server.output(run["id"]) == printed


def test_the_handler_of_the_readme_has_at_most_12_lines():
    assert len(handler_files()["jobs/hello.py"].splitlines()) <= 12


# --- The tables of the API ---


def routes() -> dict[str, tuple[str, set[str], set[str]]]:
    """The documented routes: permission, query parameters, particular errors."""
    found = {}
    for line in API.splitlines():
        cells = [cell.strip() for cell in line[1:-1].split("|")] if line.startswith("| `") else []
        if len(cells) == 5:
            name, permission, query, particular, what = cells
            assert what.endswith("."), name
            found[name.strip("`")] = (permission, *(set(re.findall("`([^`]+)`", part)) for part in (query, particular)))
    return found


def test_the_routes_are_those_of_the_api(server):
    paths = server.get("openapi.json")["paths"]
    actual = {
        f"{method.upper()} {path.removeprefix('/api/v1')}": (
            found["x-permission"],
            {one["name"] for one in found.get("parameters", []) if one["in"] == "query"},
        )
        for path, methods in paths.items()
        for method, found in methods.items()
        if method != "parameters"
    }
    documented = {name: (permission, query) for name, (permission, query, _) in routes().items()}

    assert len(actual) > 30
    assert documented == actual | dict.fromkeys(NOT_IN_OPENAPI, ("public", set()))


@pytest.mark.parametrize("route", sorted(NOT_IN_OPENAPI))
def test_a_route_beside_the_document_is_there(server, route):
    with urllib.request.urlopen(f"{server.url}/api/v1{route.removeprefix('GET ')}", timeout=30) as answer:
        assert answer.status == HTTPStatus.OK


LOG = {"handler": "log-job", "data": {"message": "x"}}
STALE = {"If_Match": '"99"'}
NEVER = {**LOG, "schedule": "0 0 31 2 *"}
UNFIT = {**LOG, "data": {"text": "x"}}
NOBODYS = {**LOG, "handler": "nobodys"}
# What provokes each error that a route is documented to give: route, code, path, body, headers.
PROVOKED: list[tuple[str, str, str, Any, dict[str, str]]] = [
    ("POST /schedules", "conflict", "schedules", {**LOG, "id": "there"}, {}),
    ("POST /schedules", "invalid_trigger", "schedules", NEVER, {}),
    ("POST /schedules", "invalid_data", "schedules", UNFIT, {}),
    ("POST /schedules", "unknown_handler", "schedules", NOBODYS, {}),
    ("GET /schedules/{schedule_id}", "not_found", "schedules/none", None, {}),
    ("POST /schedules/{schedule_id}/pause", "stale_revision", "schedules/there/pause", {}, STALE),
    ("POST /schedules/{schedule_id}/resume", "stale_revision", "schedules/there/resume", {}, STALE),
    ("POST /schedules/{schedule_id}/restore", "stale_revision", "schedules/gone/restore", None, STALE),
    ("PUT /pause", "stale_revision", "pause", {"paused": True}, STALE),
    ("PUT /views", "conflict", "views", {"items": [{"list": "runs", "name": "one more", "filters": {}}]}, {}),
    ("PUT /schedules/{schedule_id}", "stale_revision", "schedules/there", LOG, STALE),
    ("PUT /schedules/{schedule_id}", "invalid_trigger", "schedules/there", NEVER, {}),
    ("PUT /schedules/{schedule_id}", "invalid_data", "schedules/there", UNFIT, {}),
    ("PUT /schedules/{schedule_id}", "unknown_handler", "schedules/there", NOBODYS, {}),
    ("PATCH /schedules/{schedule_id}", "not_found", "schedules/none", {"title": "x"}, {}),
    ("PATCH /schedules/{schedule_id}", "stale_revision", "schedules/there", {"title": "x"}, STALE),
    ("PATCH /schedules/{schedule_id}", "invalid_trigger", "schedules/there", {"schedule": "0 0 31 2 *"}, {}),
    ("PATCH /schedules/{schedule_id}", "invalid_data", "schedules/there", {"data": {}}, {}),
    ("PATCH /schedules/{schedule_id}", "unknown_handler", "schedules/there", {"handler": "nobodys"}, {}),
    ("DELETE /schedules/{schedule_id}", "not_found", "schedules/none", None, {}),
    ("DELETE /schedules/{schedule_id}", "stale_revision", "schedules/there", None, STALE),
    ("POST /schedules/{schedule_id}/restore", "not_found", "schedules/none/restore", None, {}),
    ("POST /schedules/{schedule_id}/restore", "conflict", "schedules/there/restore", None, {}),
    ("POST /schedules/{schedule_id}/revert", "not_found", "schedules/none/revert", None, {}),
    ("POST /schedules/{schedule_id}/revert", "conflict", "schedules/there/revert", None, {}),
    ("POST /schedules/{schedule_id}/runs", "not_found", "schedules/none/runs", {}, {}),
    ("POST /schedules/{schedule_id}/runs", "invalid_data", "schedules/there/runs", {"data": {}}, {}),
    ("POST /schedules/{schedule_id}/pause", "not_found", "schedules/none/pause", {}, {}),
    ("POST /schedules/{schedule_id}/resume", "not_found", "schedules/none/resume", {}, {}),
    ("GET /schedules/{schedule_id}/next", "not_found", "schedules/none/next", None, {}),
    ("GET /schedules/{schedule_id}/diagnosis", "not_found", "schedules/none/diagnosis", None, {}),
    ("GET /schedules/{schedule_id}/skips", "not_found", "schedules/none/skips", None, {}),
    ("GET /schedules/{schedule_id}/history", "not_found", "schedules/none/history", None, {}),
    ("POST /runs", "unknown_handler", "runs", NOBODYS, {}),
    ("POST /runs", "invalid_data", "runs", UNFIT, {}),
    ("GET /runs/{run_id}", "not_found", "runs/0", None, {}),
    ("DELETE /runs/{run_id}", "not_found", "runs/0", None, {}),
    ("DELETE /runs/{run_id}", "conflict", "runs/{open}", None, {}),
    ("POST /runs/{run_id}/cancel", "not_found", "runs/0/cancel", None, {}),
    ("POST /runs/{run_id}/cancel", "conflict", "runs/1/cancel", None, {}),
    ("POST /runs/{run_id}/retry", "not_found", "runs/0/retry", {}, {}),
    ("POST /runs/{run_id}/retry", "conflict", "runs/{open}/retry", {}, {}),
    ("GET /runs/{run_id}/output", "not_found", "runs/0/output", None, {}),
    ("GET /runs/{run_id}/output/lines", "not_found", "runs/0/output/lines", None, {}),
    ("GET /runs/{run_id}/output/matches", "not_found", "runs/0/output/matches?q=x", None, {}),
    ("GET /handlers/{handler_id}", "not_found", "handlers/nobodys", None, {}),
    ("PUT /handlers/{handler_id}/access", "not_found", "handlers/nobodys/access", {}, {}),
    ("DELETE /workers/{instance_id}", "not_found", "workers/none", None, {}),
    ("DELETE /workers/{instance_id}", "conflict", "workers/{live}", None, {}),
    ("POST /retention/preview", "not_found", "retention/preview", {"schedule": "none"}, {}),
    ("POST /triggers/preview", "invalid_trigger", "triggers/preview", {"schedule": "soon"}, {}),
    ("POST /sessions", "unauthenticated", "sessions", {"key": "wrong"}, {}),
    ("POST /sessions", "not_found", "sessions", {"ticket": "x", "state": "x", "code": "x"}, {}),
    ("POST /sign-on", "not_found", "sign-on", {"redirect_uri": "https://jobs.example.org/login/callback"}, {}),
    ("POST /sessions", "rate_limited", "sessions", {"name": "nobody", "password": "x"}, {}),
    ("POST /setup", "unauthenticated", "setup", {"token": "x", "name": "ada", "password": "several words"}, {}),
    ("PATCH /me", "not_found", "me", {"theme": "dark"}, {}),
    ("DELETE /sessions", "not_found", "sessions", None, {}),
    ("DELETE /sessions/{session_id}", "not_found", "sessions/none", None, {}),
    ("GET /users/{name}", "not_found", "users/nobody", None, {}),
    ("PATCH /users/{name}", "not_found", "users/nobody", {"role": "viewer"}, {}),
    ("DELETE /users/{name}", "not_found", "users/nobody", None, {}),
    ("POST /groups", "conflict", "groups", {"id": "there"}, {}),
    ("GET /groups/{group_id}", "not_found", "groups/none", None, {}),
    ("PATCH /groups/{group_id}", "not_found", "groups/none", {"title": "x"}, {}),
    ("DELETE /groups/{group_id}", "not_found", "groups/none", None, {}),
    ("PUT /groups/{group_id}/members/{name}", "not_found", "groups/none/members/ada", {"role": "viewer"}, {}),
    ("DELETE /groups/{group_id}/members/{name}", "not_found", "groups/there/members/ada", None, {}),
    ("DELETE /api-keys/{key_id}", "not_found", "api-keys/none", None, {}),
    ("GET /secrets/{name}", "not_found", "secrets/NOBODY", None, {}),
    ("DELETE /secrets/{name}", "not_found", "secrets/NOBODY", None, {}),
    ("DELETE /sessions/current", "not_found", "sessions/current", None, {}),
]


# What starts runs, and is refused with a conflict while everything is paused.
PAUSED: list[tuple[str, str, Any]] = [
    ("POST /runs", "runs", LOG),
    ("POST /schedules/{schedule_id}/runs", "schedules/there/runs", {}),
    ("POST /schedules/actions", "schedules/actions", {"action": "run", "filter": {}}),
    ("POST /runs/actions", "runs/actions", {"action": "retry", "filter": {}}),
]


ADA = {"name": "ada", "password": "several words are good", "role": "admin"}
# What only a server with accounts refuses: route, code, path, body.
WITH_ACCOUNTS: list[tuple[str, str, str, Any]] = [
    ("POST /users", "conflict", "users", ADA),
    ("PATCH /users/{name}", "conflict", "users/ada", {"role": "viewer"}),
    ("DELETE /users/{name}", "conflict", "users/ada", None),
    ("POST /setup", "conflict", "setup", {"token": "x", "name": "eve", "password": "several words"}),
    ("DELETE /groups/{group_id}", "conflict", "groups/ops", None),
    ("PATCH /me", "rate_limited", "me", {"current_password": "wrong", "password": "several other words"}),
]


def test_a_server_with_accounts_refuses_what_is_documented(start_server, tmp_path):
    with start_server(tmp_path, API_KEY="correct-horse-battery") as started:
        key = {"X_API_Key": "correct-horse-battery"}
        started.call("POST", "users", ADA, **key)
        started.call("POST", "groups", {"id": "ops"}, **key)
        started.call("PUT", "schedules/owned", {**LOG, "group": "ops"}, **key)
        token = started.call("POST", "sessions", {name: ADA[name] for name in ("name", "password")}, **key)["token"]
        own = {"Authorization": f"Bearer {token}"}
        for _ in range(10):
            refusal(started, "PATCH", "me", WITH_ACCOUNTS[-1][3], **own)
        for route, code, path, body in WITH_ACCOUNTS:
            headers = own if path == "me" else key
            assert refusal(started, route.partition(" ")[0], path, body, **headers)["code"] == code, route


# What a server refuses on which nobody logs in with a password.
WITHOUT_PASSWORDS: list[tuple[str, str, str, Any]] = [
    ("POST /sessions", "forbidden", "sessions", {"name": "ada", "password": "several words"}),
    ("POST /setup", "forbidden", "setup", {"token": "x", "name": "ada", "password": "several words"}),
]


def test_a_server_without_passwords_refuses_what_is_documented(start_server, tmp_path):
    provider = {"ISSUER": "http://127.0.0.1:9", "CLIENT_ID": "enschedule", "DEFAULT_ROLE": "viewer"}
    environ = {f"ENSCHEDULE_OIDC_{name}": value for name, value in provider.items()}
    with start_server(tmp_path, ENSCHEDULE_PASSWORD_LOGIN="false", **environ) as started:
        for route, code, path, body in WITHOUT_PASSWORDS:
            assert refusal(started, "POST", path, body)["code"] == code, route
        assert (
            "does not answer" in refusal(started, "POST", "sign-on", {"redirect_uri": "https://x.example/"})["detail"]
        )


def test_the_particular_errors_are_those_that_are_provoked_below():
    documented = {(route, code) for route, (_, _, particular) in routes().items() for code in particular}
    provoked = {(route, code) for route, code, *_ in PROVOKED} | {(route, "conflict") for route, *_ in PAUSED}
    provoked |= {(route, code) for route, code, *_ in [*WITH_ACCOUNTS, *WITHOUT_PASSWORDS]}

    assert documented == provoked


def test_the_particular_errors_are_those_of_the_openapi_document(server):
    particular = {
        f"{method.upper()} {path.removeprefix('/api/v1')}": set(found["x-errors"])
        for path, methods in server.get("openapi.json")["paths"].items()
        for method, found in methods.items()
        if method != "parameters"
    }
    documented = {route: codes for route, (_, _, codes) in routes().items() if route not in NOT_IN_OPENAPI}

    assert documented == particular


def test_nothing_starts_while_everything_is_paused(server, places):
    server.call("PUT", "pause", {"paused": True})
    try:
        codes = {route: refusal(server, "POST", path, body)["code"] for route, path, body in PAUSED}
    finally:
        server.call("PUT", "pause", {"paused": False})

    assert codes == dict.fromkeys(codes, "conflict")


def test_the_figures_are_those_of_the_server(server):
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(enschedule_\w+)` \| (\w+) \|", page, re.MULTILINE)
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        text = answer.read().decode()

    assert rows == re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def places(server):
    """A server with a schedule ``there`` (an earlier one of that id was deleted, and another one, ``gone``).

    Besides, an open run, a live worker, and as many saved views as may be.
    """
    for name in ("there", "gone"):
        server.make(name)
        server.call("DELETE", f"schedules/{name}")
    server.make("there")
    server.call("POST", "groups", {"id": "there"})
    for _ in range(10):
        refusal(server, "POST", "sessions", {"name": "nobody", "password": "x"})
    views = [{"list": "runs", "name": f"view {number}", "filters": {}} for number in range(200)]
    kept = len(server.get("views")["items"])
    server.call("PUT", "views", {"items": views[kept:]})
    run = server.call("POST", "runs", {"handler": "wait", "data": {}})
    server.wait_run(run["id"], "running")
    yield {"{open}": str(run["id"]), "{live}": server.get("workers")["items"][0]["instance_id"]}
    server.call("POST", f"runs/{run['id']}/cancel")
    server.wait_run(run["id"])


def refusal(server: Any, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    """The problem that a request gets."""
    with pytest.raises(Exception, match=r"^\d{3}: ") as refused:
        server.call(method, path, body, **headers)
    return refused.value.problem


@pytest.mark.parametrize("provoked", PROVOKED, ids=lambda provoked: f"{provoked[0]} {provoked[1]}")
def test_a_documented_error_is_given(server, places, provoked):
    route, code, path, body, headers = provoked
    for name, value in places.items():
        path = path.replace(name, value)

    assert refusal(server, route.partition(" ")[0], path, body, **headers)["code"] == code


def test_the_example_of_an_error_is_one(server):
    example = json.loads(re.search(r"```json\n(.*?)```", API, re.DOTALL)[1])

    actual = refusal(server, "POST", "triggers/preview", {"schedule": "every day at 25:00"})

    assert actual["hint"].startswith(example.pop("hint").removesuffix("…"))
    assert example == {name: value for name, value in actual.items() if name != "hint"}


@pytest.mark.parametrize("path", ["runs", "schedules/idempotent/runs", "runs/1/retry"])
def test_a_run_is_started_once_for_one_idempotency_key(server, path):
    server.call("PUT", "schedules/idempotent", LOG)
    body = LOG if path == "runs" else {}

    first, second = (server.call("POST", path, body, Idempotency_Key="once") for _ in range(2))

    assert first["id"] == second["id"]
