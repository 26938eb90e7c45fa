"""Secrets on every kind of database: kept, found by who uses them, encrypted anew, and given to runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import secrets_kit
from engine_kit import ACTOR, World
from secrets_kit import NEW, OLD, TOKEN, VALUE, deliver
from sqlalchemy import text

from enschedule_worker.service import secrets
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import new_key
from enschedule_worker.store.seal import Keyring

registry, database, stored, safe = secrets_kit.registry, secrets_kit.database, secrets_kit.stored, secrets_kit.safe


def test_a_secret_is_kept_replaced_listed_and_deleted_and_its_value_is_never_seen(api: Any, stored: Any) -> None:
    made = api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE}, status=201)
    assert (made["name"], made["group"], made["readable"], made["used_by"]) == ("SLACK_TOKEN", None, True, [])
    api.ok("PUT", "schedules/s", deliver(token=TOKEN))
    again = api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE + "2"}, status=200)
    assert again["used_by"] == [{"id": "s", "title": "s"}]
    assert api.ok("GET", "secrets")["items"] == [again] == [api.ok("GET", "secrets/SLACK_TOKEN")]
    api.ok("PUT", "schedules/s", deliver(token="in the clear until now"))
    assert api.ok("GET", "secrets/SLACK_TOKEN")["used_by"] == []
    audit = api.ok("GET", "audit?action=secret.")["items"]
    assert [(one["action"], one["detail"]) for one in audit] == [
        ("secret.put", {"changed": ["value"]}),
        ("secret.put", None),
    ]
    assert VALUE not in stored() + json.dumps(audit)
    assert api.ask("DELETE", "secrets/SLACK_TOKEN").status_code == 204
    api.refused(404, "DELETE", "secrets/SLACK_TOKEN")
    api.refused(404, "GET", "secrets/SLACK_TOKEN")


def test_a_rotation_encrypts_everything_anew_and_again_does_nothing(
    api: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "BATCH", 2)
    for name in ("A", "B", "C"):
        api.ok("PUT", f"secrets/{name}", {"value": VALUE + name})
    for number in range(3):
        api.ok("POST", "schedules", {**deliver(token=f"{VALUE}{number}"), "id": f"s{number}"})
        api.ok("POST", f"schedules/s{number}/runs", {"data": {"url": "x", "token": f"own {VALUE}{number}"}})
    database.keyring = Keyring((NEW, OLD))

    def rotate() -> int:
        done, cursor = 0, None
        while True:
            found = api.ok("POST", "encryption/rotate", {"cursor": cursor})
            assert found["unreadable"] == 0
            done, cursor = done + found["done"], found["next_cursor"]
            if cursor is None:
                return done

    assert rotate() == 9
    assert rotate() == 0
    database.keyring = Keyring((NEW,))
    assert all(one["readable"] for one in api.ok("GET", "secrets")["items"])
    with database.read() as tx:
        kept = tx.execute(text("SELECT data FROM schedule_revisions UNION ALL SELECT data FROM run_details")).scalars()
        opened = sorted(database.keyring.open(json.loads(data)["token"]["$sealed"]) for data in kept)
    assert opened == sorted(f"{own}{VALUE}{n}" for n in range(3) for own in ("", "own "))
    database.keyring = Keyring((new_key(),))
    lost = api.ok("POST", "encryption/rotate")
    assert (lost["done"], lost["unreadable"]) == (0, 2)
    assert api.field("POST", "encryption/rotate", {"cursor": "made-up"})["field"] == "cursor"


def test_a_new_value_is_that_of_the_next_run_also_of_a_schedule_that_is_due(safe: World) -> None:
    seen: list[str] = []
    safe.handlers.custom["own"] = lambda data, _: seen.append(data["token"])
    safe.add(schedule="* * * * *", handler="custom", data={"name": "own", "token": TOKEN})
    for value in ("first value", "second value"):
        secrets.put(safe.database, ACTOR, "SLACK_TOKEN", value)
        safe.advance(60)
        safe.settle()
    assert seen == ["first value", "second value"]
