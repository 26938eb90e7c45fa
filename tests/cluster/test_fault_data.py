"""Bodies and texts that some database cannot keep: one rule on each of them, and never a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster_kit import Program, Start, on_each, serving

pytestmark = pytest.mark.cluster
EMOJI, HEBREW, LONG = "🕰️ 👩‍🚀", "שלום", "å" * 10_000


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def body(data: bytes) -> bytes:
    return b'{"id":"x","handler":"tick","schedule":"manual","data":' + data + b"}"


BODIES = {
    "31 levels": (body(nested(31)), 422),
    "1,000 levels": (body(nested(1_000)), 422),
    "100,000 levels": (body(nested(100_000)), 422),
    "NaN": (body(b'{"a":NaN}'), 422),
    "1e400": (body(b'{"a":1e400}'), 422),
    "5,000 digits": (body(b'{"a":' + b"9" * 5_000 + b"}"), 422),
    "2^63": (body(b'{"a":9223372036854775808}'), 422),
    "a member twice": (body(b'{"a":1,"a":2}'), 422),
    "10 MB": (body(b'{"a":"' + b"x" * 10_000_000 + b'"}'), 413),
    "30 levels": (body(nested(30)), 201),
}


def titled(program: Program, id: str, title: str) -> tuple[int, Any]:
    status, text = program.ask(
        "PUT", f"/api/v1/schedules/{id}", {"handler": "tick", "schedule": "manual", "title": title}
    )
    return status, json.loads(text)


@on_each
def test_one_rule_for_what_is_sent_on_every_database(start: Start) -> None:
    program = serving(start)
    answers = {name: program.ask("POST", "/api/v1/schedules", given)[0] for name, (given, _) in BODIES.items()}
    assert answers == {name: wanted for name, (_, wanted) in BODIES.items()}
    deep = json.loads(program.ask("GET", "/api/v1/schedules/x")[1])["data"]
    assert json.dumps(deep).count("{") == 30

    assert titled(program, "emoji", EMOJI)[1]["title"] == EMOJI
    assert titled(program, "hebrew", HEBREW)[1]["title"] == HEBREW
    assert titled(program, "long", LONG)[0] == 422
    assert [titled(program, id, title)[0] for id, title in (("upper", "Job"), ("lower", "job"))] == [201, 201]
    titles = {row[0] for row in program.rows("SELECT title FROM schedules")}
    assert {EMOJI, HEBREW, "Job", "job"} <= titles
    assert program.rows("SELECT id FROM schedules WHERE title = 'Job'") == [("upper",)]
    found = program.call("GET", "schedules?q=%F0%9F%95%B0")["items"]
    assert [schedule["id"] for schedule in found] == ["emoji"]
    assert "Traceback" not in program.log
    assert program.stop() == 0
