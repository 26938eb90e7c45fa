"""``enschedule secrets``: the value comes from a prompt or standard input, and goes nowhere else."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import Schema, fields

from enschedule_core import handler

VALUE = "hunter2-and-more"


@pytest.fixture
def secret(terminal: Any) -> Iterator[str]:
    """A secret, gone after the test."""
    terminal.ok("secrets", "set", "SLACK_TOKEN", input=f"{VALUE}\n")
    yield "SLACK_TOKEN"
    terminal("secrets", "delete", "SLACK_TOKEN", "--yes")


def test_a_secret_is_set_from_standard_input_listed_and_deleted(terminal: Any, secret: str) -> None:
    (found,) = json.loads(terminal.ok("secrets", "list", "-o", "json"))
    assert (found["name"], found["readable"], found["used_by"]) == (secret, True, [])
    assert terminal.ok("secrets", "list", "-o", "name") == "SLACK_TOKEN\n"
    table = terminal.ok("secrets", "list")
    assert table.splitlines()[0].split() == ["NAME", "GROUP", "READABLE", "SET", "BY", "USED", "BY"]
    assert VALUE not in table + json.dumps(found)
    assert terminal.ok("secrets", "set", secret, input="another\r\n") == "SLACK_TOKEN: kept\n"
    assert terminal.ok("secrets", "delete", secret) == "SLACK_TOKEN: deleted\n"
    assert "There are no secrets yet" in terminal("secrets", "list").stderr


def test_lines_are_kept_and_an_empty_value_is_refused(terminal: Any, secret: str, name: str) -> None:
    terminal.ok("secrets", "set", secret, input="first line\nsecond line\n\n")
    data = {"lines": [{"$secret": secret}]}
    with terminal.client() as client:
        client.schedules.put(name, {"handler": "say", "data": data, "schedule": "manual"})
    assert terminal.ok("run", name, "--follow").startswith("***")
    assert terminal.ok("secrets", "set", secret, input="x") == f"SLACK_TOKEN: kept, used by {name}\n"
    refused = terminal("secrets", "set", secret, input="\n")
    assert (refused.exit_code, "empty" in refused.stderr) == (2, True)
    assert terminal("secrets", "set", "lower", input="x").exit_code == 1
    kept = terminal("secrets", "delete", secret)
    assert (kept.exit_code, f"SLACK_TOKEN is used by {name}, whose runs would fail" in kept.stderr) == (1, True)
    assert terminal.ok("secrets", "delete", secret, "--yes") == "SLACK_TOKEN: deleted\n"
    with terminal.client() as client:
        client.schedules.delete(name)


class Deliver(Schema):
    url = fields.String()
    token = fields.String(metadata={"secret": True})


def test_what_is_sealed_is_exported_as_that_and_applied_again_as_it_is(terminal: Any, name: str) -> None:
    terminal.worker.registry.register(handler(id="deliver", data_schema=Deliver)(lambda data: data))
    terminal.worker.enter_handlers()
    with terminal.client() as client:
        made = client.schedules.put(name, {"handler": "deliver", "data": {"url": "x", "token": VALUE}})
        done = terminal("export", name)
        assert "    token:\n      $sealed: true\n" in done.stdout
        assert f"{name}: of its data, token is not shown; write it out" in done.stderr
        assert VALUE not in done.output
        assert "unchanged" not in terminal.ok("apply", "-f", "-", input=done.stdout)  # it has an owner now
        assert f"{name}: unchanged" in terminal.ok("apply", "-f", "-", input=done.stdout)
        assert client.schedules.get(name)["data"] == made["data"]
        other = done.stdout.replace("token:\n      $sealed: true", "token: another")
        assert f"{name}: data.token differs in what is not shown" in terminal("diff", "-f", "-", input=other).stdout
        wrong = done.stdout.replace("$sealed: true", "$secret: NOBODYS")
        assert "spec.data.token: There is no secret NOBODYS." in terminal("apply", "-f", "-", input=wrong).stderr
        client.schedules.delete(name)


def test_the_value_is_no_argument(terminal: Any) -> None:
    assert terminal("secrets", "set", "SLACK_TOKEN", VALUE).exit_code == 2
    assert terminal("secrets", "set", "A", "--group", "x", "--all-groups", input="x").exit_code == 2


def test_everything_is_encrypted_anew(terminal: Any, secret: str) -> None:
    assert secret == "SLACK_TOKEN"
    assert terminal.ok("secrets", "rotate") == "0 encrypted with the first key\n"


def test_a_key_is_printed_without_a_server(terminal: Any) -> None:
    keys = {terminal.ok("secrets", "key").strip() for _ in range(2)}
    assert [len(base64.urlsafe_b64decode(key)) for key in keys] == [32, 32]
    assert terminal.targets == []


def test_on_a_terminal_it_is_asked_for_twice_and_not_shown() -> None:
    """Far enough to ask: there is no server, and none is needed for that."""
    ours, theirs = pty.openpty()
    arguments = ["--url", "http://127.0.0.1:9", "secrets", "set", "SLACK_TOKEN"]
    program = subprocess.Popen(
        # Whoever begins a session and opens a terminal gets it as its own, and so as what passwords are asked on.
        ["sh", "-c", 'exec "$0" "$@" <"$TTY" >"$TTY" 2>&1', sys.executable, "-m", "enschedule_cli.main", *arguments],
        env={"PATH": os.environ["PATH"], "TTY": os.ttyname(theirs)},
        start_new_session=True,
    )
    said = b""
    for question in (b"Value of SLACK_TOKEN: ", b"confirmation: "):
        while question not in said:
            said += os.read(ours, 1024)
        os.write(ours, VALUE.encode() + b"\n")
    os.close(theirs)  # not before, or there would be no terminal to open
    while True:
        try:
            piece = os.read(ours, 1024)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert program.wait(30) == 3  # the server cannot be reached
    assert VALUE.encode() not in said
