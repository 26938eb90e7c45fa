"""One story on a real server with canaries for secrets; then everything that it wrote, answered and stored is searched.

A canary is a value that nobody should ever see again. What is searched: the server's log at its most talkative, every
page that can be reached by links, every answer of the API, what the command line exports, what is told to others, the
database as it lies on the disk or on a server.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text

from enschedule_worker.store.key_file import new_key

HANDLERS = """
import os, subprocess, sys, time, logging
from marshmallow import Schema, fields
from enschedule_core import handler

class Leaky(Schema):
    field = fields.String(required=True, metadata={"secret": True})
    named = fields.String(required=True)
    seen = fields.String()

@handler(id="leaky", data_schema=Leaky)
def leaky(data, context):
    field, named, env = data["field"], data["named"], os.environ["CANARY"]
    half = len(field) // 2
    os.write(1, field[:half].encode())
    time.sleep(0.3)
    os.write(1, field[half:].encode() + b"\\n")
    print("argv", field in repr(sys.orig_argv) or named in open("/proc/self/cmdline").read())
    print("environ", any(one in open("/proc/self/environ").read() for one in (field, named, env)))
    subprocess.run(["echo", f"{named} {env}"], check=True)
    logging.getLogger("leaky").warning("logged %r", data)
    context.progress(0.5, f"with {named}")
    print(dict(os.environ))
    sys.stderr.write(repr(data) + data.get("seen", ""))
    raise ValueError(f"cannot use {field} with {named} and {env}")
"""
SHOWN_ONCE = ("POST api-keys", "POST sessions", "POST setup")
PAGES_MOST = 150
SEEN = "to-be-seen-everywhere"


def wait_for(what: str, look: Callable[[], Any], seconds: float = 30) -> None:
    """Wait until ``look`` returns something true."""
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, what
        time.sleep(0.1)


class Canaries(dict[str, str]):
    """A value for each name, made when it is first asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = f"canary-{name.replace(' ', '-')}-{uuid.uuid4().hex}"
        return self[name]

    def found_in(self, what: str, *, but: tuple[str, ...] = ()) -> list[str]:
        return sorted(name for name, value in self.items() if value in what and name not in but)


class Story:
    """Asks the API and the pages, and keeps every answer under what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.host = urllib.parse.urlsplit(url).netloc
        self.token: str | None = None
        self.answers: dict[str, str] = {}

    def _exchange(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, str, dict[str, str]]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), dict(answer.getheaders())
        finally:
            connection.close()

    def api(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, key: str | None = None
    ) -> Any:
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["X-API-Key"] = key
        elif self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        got, said, more = self._exchange(method, path if path[0] == "/" else f"/api/v1/{path}", body, headers)
        self.answers[f"{method} {path} ({len(self.answers)})"] = said + repr(more)
        assert got == status if status else got < 300, (method, path, got, said)
        return json.loads(said) if said and "json" in more.get("Content-Type", "") else said

    def page(self, path: str) -> str:
        headers = {"Cookie": f"enschedule={self.token}"}
        got, said, more = self._exchange("GET", path, None, headers)
        self.answers[f"page {path}"] = said + repr({name: one for name, one in more.items() if name != "Set-Cookie"})
        assert got < 500, (path, got)
        return said if got == 200 else ""

    def walk(self) -> int:
        """Ask for every page that links lead to, and return how many there were."""
        waiting, seen = ["/"], {"/"}
        while waiting and len(seen) < PAGES_MOST:
            for link in re.findall(r'href="(/[^"#]*)', self.page(waiting.pop(0))):
                path = link.replace("&amp;", "&")
                if path not in seen and not path.startswith(("/static", "/api", "/logout")):
                    seen.add(path)
                    waiting.append(path)
        return len(seen)


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[str]]]:
    """Somebody who is told of schedules: an address, and what was said there."""
    told: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.database)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, str], Any]]:
    """The variables that name a database, its password a canary, and a function that gives all that is stored."""
    if request.param == "sqlite":
        files = tmp_path / "server"
        yield {}, lambda: "".join(path.read_bytes().decode("latin-1") for path in files.glob("enschedule.db*"))
        return
    admin = create_engine("postgresql+psycopg://postgres@127.0.0.1:5432/postgres", isolation_level="AUTOCOMMIT")
    name = f"enschedule_leaks_{uuid.uuid4().hex[:8]}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        engine = create_engine(f"postgresql+psycopg://postgres@127.0.0.1:5432/{name}")

        def stored() -> str:
            with engine.connect() as connection:
                tables = inspect(connection).get_table_names()
                return "".join(
                    repr(row) for one in tables for row in connection.execute(text(f'SELECT * FROM "{one}"'))
                )

        yield {"POSTGRES": f"postgres://postgres:{{}}@127.0.0.1:5432/{name}"}, stored
        engine.dispose()
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def test_no_secret_is_in_anything_that_a_server_writes_answers_or_stores(
    start_server: Any, tmp_path: Path, receiver: tuple[str, list[str]], database: tuple[dict[str, str], Any]
) -> None:
    canaries = Canaries()
    hook, told = receiver
    variables, stored = database
    handlers = tmp_path / "handlers"
    handlers.mkdir()
    (handlers / "leaky.py").write_text(HANDLERS)
    canaries["encryption key"] = new_key()
    environ = {
        **{name: uri.format(canaries["database password"]) for name, uri in variables.items()},
        "HANDLERS_DIR": str(handlers),
        "API_KEY": canaries["shared key"],
        "ENSCHEDULE_SECRET_KEY": canaries["form key"],
        "ENSCHEDULE_ENCRYPTION_KEYS": canaries["encryption key"],
        "ENSCHEDULE_NOTIFY_URL": f"{hook}/{canaries['setting of notices']}",
        "ENSCHEDULE_LOG_LEVEL": "debug",
        "ENSCHEDULE_LOG_JOBS": "true",
        "ORM_LOGGING": "true",
    }
    with start_server(tmp_path / "server", **environ) as server:
        story = Story(server.url)
        key = _people(story, server, canaries)
        runs = _schedules(story, server, canaries, hook)
        _mistakes(story, canaries)
        _look_everywhere(story, runs, key)
        exported = _export(server, key, tmp_path)
        wait_for("both were told", lambda: len(told) >= 2)
        answers = {
            name: said for name, said in story.answers.items() if not name.startswith(SHOWN_ONCE)
        }  # of these, the token is the answer
        lying = stored()
    places = {
        **answers,
        "the log": server.log,
        "the database": lying,
        "the database after the end": stored(),
        "the export": exported,
        "notices": "".join(told),
    }
    but = {"the log": ("set-up token",)}  # its link is printed for who started the server
    leaks = {
        place: names for place, said in places.items() if (names := canaries.found_in(said, but=but.get(place, ())))
    }
    assert leaks == {}
    for place in ("the database", "the export", "notices", "page /schedules/leaky", f"page /runs/{runs[0]}"):
        assert SEEN in places[place], f"{place} was not searched where it matters"
    assert "cannot use *** with *** and ***" in places["notices"]
    assert "gAAAA" in lying
    assert "INSERT INTO" in places["the log"]
    assert re.search(r"\[leaky \d+\] \*\*\*", places["the log"])


def _people(story: Story, server: Any, canaries: Canaries) -> str:
    """Make the first account with the printed link, log in with right and wrong passwords; return an API key."""
    canaries["set-up token"] = re.search(r"setup\?token=(\S+)", server.log)[1]
    password = canaries["password"]
    token = story.api("POST", "setup", {"token": canaries["set-up token"], "name": "ada", "password": password})[
        "token"
    ]
    canaries["first session"] = token
    story.api("POST", "sessions", {"name": "ada", "password": canaries["wrong password"]}, status=401)
    story.api("POST", "sessions", {"key": canaries["wrong key"]}, status=401)
    story.token = story.api("POST", "sessions", {"name": "ada", "password": password})["token"]
    canaries["session"] = story.token
    given = {"current_password": password, "password": canaries["new password"]}
    story.api("PATCH", "me", given)
    story.api("GET", "me", key=canaries["another wrong key"], status=401)
    key: str = story.api("POST", "api-keys", {"name": "export", "role": "admin"})["token"]
    canaries["api key"] = key
    return key


def _schedules(story: Story, server: Any, canaries: Canaries, hook: str) -> list[int]:
    """Keep secrets, make a schedule that uses all kinds of them, let it fail and tell; return its runs."""
    story.api("PUT", "secrets/NAMED", {"value": canaries["replaced secret"]})
    story.api("PUT", "secrets/NAMED", {"value": canaries["named secret"]})
    story.api("PUT", "secrets/VARIABLE", {"value": canaries["variable"]})
    data = {"field": canaries["first field"], "named": {"$secret": "NAMED"}, "seen": SEEN}
    body = {
        "handler": "leaky",
        "data": data,
        "env": {"CANARY": {"$secret": "VARIABLE"}},
        "notify": f"{hook}/{canaries['notice of a schedule']}",
    }
    story.api("PUT", "schedules/leaky", body)
    changed = {**body, "data": {**data, "field": canaries["field"]}}
    story.api("PUT", "schedules/leaky", changed)
    story.api("PUT", "schedules/told", {**changed, "notify": None})
    headers = {"Authorization": f"Bearer {canaries['header']}"}
    story.api("PUT", "schedules/web", {"handler": "fetch", "data": {"url": f"{server.url}/x", "headers": headers}})
    own = {"data": {**data, "field": canaries["field of a run"]}}
    runs = [
        story.api("POST", f"schedules/{id}/runs", given)["id"]
        for id, given in (("leaky", {}), ("told", {}), ("web", {}))
    ]
    runs.append(story.api("POST", "schedules/leaky/runs", own)["id"])
    server_key = {"X_API_Key": canaries["shared key"]}
    for run in runs:
        wait_for(f"run {run} ended", lambda run=run: server.call("GET", f"runs/{run}", **server_key)["finished_at"])
        found = story.api("GET", f"runs/{run}")
        if found["handler"]["id"] == "leaky":
            assert found["outcome"]["message"] == "ValueError: cannot use *** with *** and ***"
            assert "ValueError: cannot use *** with *** and ***" in found["outcome"]["traceback"]
            printed = "".join(chunk["text"] for chunk in story.api("GET", f"runs/{run}/output")["items"])
            assert "argv False" in printed
            assert "environ False" in printed
            assert "*** ***" in printed
    story.api("PUT", "secrets/GONE", {"value": canaries["deleted secret"]})
    story.api("DELETE", "secrets/GONE")
    story.api("POST", "encryption/rotate", {})
    return runs


def _mistakes(story: Story, canaries: Canaries) -> None:
    """Send what is refused, with secrets in it."""
    wrong = canaries["mistake"]
    for method, path, body in (
        ("PUT", "schedules/bad", {"handler": "leaky", "data": {"field": wrong}}),
        ("PUT", "schedules/bad", {"handler": "leaky", "data": {"field": {"$secret": "NOBODY"}, "named": "x"}}),
        ("PUT", "schedules/bad", {"handler": "fetch", "data": {"url": "x", "headers": {"X-Token": f"{wrong}\n"}}}),
        ("PUT", "secrets/wrong-name", {"value": wrong}),
        ("PUT", "secrets/OTHER", {"value": [wrong]}),
        ("PUT", "secrets/OTHER", {"value": wrong, "group": "nobody"}),
        ("POST", "users", {"name": "eve", "password": wrong, "role": "king"}),
        ("PATCH", "me", {"current_password": wrong, "password": wrong}),
        ("PUT", "schedules/bad", {"handler": "leaky", "data": {}, "notify": f"ftp://{wrong}"}),
    ):
        got = story.api(method, path, body, status=422)
        assert got["code"]


def _look_everywhere(story: Story, runs: list[int], key: str) -> None:
    paths = story.api("GET", "openapi.json")["paths"]
    for path, methods in paths.items():
        if "get" in methods and "{" not in path and "sessions/current" not in path and path.startswith("/api/v1/"):
            story.api("GET", path.removeprefix("/api/v1/"))
    for path in (
        "schedules/leaky",
        "schedules/leaky/history",
        "schedules/leaky/diagnosis",
        "handlers/leaky",
        "audit?limit=200",
    ):
        story.api("GET", path)
    story.api("GET", "/metrics", key=key)
    assert story.walk() > 40
    for run in runs:
        story.page(f"/runs/{run}")
    for path in ("/schedules/leaky/edit", "/schedules/leaky/clone", "/schedules/leaky/run", "/admin/secrets/NAMED"):
        assert story.page(path), path


def _export(server: Any, key: str, folder: Path) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "ENSCHEDULE_URL": server.url, "ENSCHEDULE_API_KEY": key}
    said = ""
    for arguments in (("export",), ("describe", "schedule", "leaky"), ("secrets", "list")):
        done = subprocess.run(
            [sys.executable, "-m", "enschedule_cli.main", *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    return said
