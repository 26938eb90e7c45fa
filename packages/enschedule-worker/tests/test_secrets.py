"""Secrets by name and values that are sealed: through the API, in the database, and in runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import secrets_kit
from engine_kit import ACTOR, World, outcome
from secrets_kit import NEW, OLD, SEALED, TOKEN, VALUE, Deliver, deliver
from sqlalchemy import text

from enschedule_core.errors import ConfigurationError, EnscheduleError, InvalidInput
from enschedule_core.handler import handler
from enschedule_core.masking import recent
from enschedule_core.registry import Registry
from enschedule_worker.engine.streams import is_server_record
from enschedule_worker.service import secrets
from enschedule_worker.store import receivers
from enschedule_worker.store.database import Database
from enschedule_worker.store.key_file import beside, ensure, keyring_of
from enschedule_worker.store.location import sqlite_file
from enschedule_worker.store.seal import Keyring, Unreadable, read_keys

registry, database, stored, safe = secrets_kit.registry, secrets_kit.database, secrets_kit.stored, secrets_kit.safe


# ---------------------------------------------------------------- secrets by name


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("slack", {"value": "x"}, "name"),
        ("A" * 65, {"value": "x"}, "name"),
        ("_A", {"value": "x"}, "name"),
        ("A", {"value": ""}, "value"),
        ("A", {"value": "x" * 65_537}, "value"),
        ("A", {"value": 5}, "value"),
        ("A", {"value": "x", "group": "none-such"}, "group"),
        ("A", {"value": "x", "other": 1}, "other"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_at_its_field(api: Any, name: str, body: Any, field: str) -> None:
    assert api.field("PUT", f"secrets/{name}", body)["field"] == field
    assert api.ok("GET", "secrets")["items"] == []


def test_without_a_key_nothing_secret_is_stored_and_the_answer_says_what_to_do(api: Any, database: Database) -> None:
    database.keyring = Keyring()
    for method, path, body, field in (
        ("PUT", "secrets/A", {"value": VALUE}, "value"),
        ("PUT", "schedules/s", deliver(token=VALUE), "data.token"),
        ("POST", "runs", {"handler": "deliver", "data": {"url": "x", "token": VALUE}}, "data.token"),
    ):
        problem = api.refused(422, method, path, body)
        assert problem["errors"][0]["field"] == field
        assert "ENSCHEDULE_ENCRYPTION_KEYS is not set" in problem["detail"]
        assert "enschedule secrets key" in problem["hint"]
    assert "ENSCHEDULE_ENCRYPTION_KEYS" in api.refused(422, "POST", "encryption/rotate", {})["detail"]
    api.ok("PUT", "schedules/s", deliver())


def test_an_unknown_name_is_refused_where_it_stands_with_the_nearest_one(api: Any) -> None:
    api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE})
    wrong = {"$secret": "SLACK_TOKN"}
    said = "There is no secret SLACK_TOKN. Did you mean SLACK_TOKEN?"
    for body, field in (
        ({"handler": "echo", "data": {"a": [{"b": wrong}]}}, "data.a.0.b"),
        ({"handler": "echo", "env": {"TOKEN": wrong}}, "env.TOKEN"),
    ):
        assert api.field("POST", "schedules", body) == {"field": field, "message": said}
    api.ok("POST", "schedules", {"id": "e", "handler": "echo", "env": {"TOKEN": TOKEN}})
    assert api.ok("GET", "secrets/SLACK_TOKEN")["used_by"] == [{"id": "e", "title": "e"}]
    assert "NAME" in api.field("POST", "schedules", {"handler": "echo", "env": {"A": {"$secret": "low"}}})["message"]


def test_a_reference_passes_where_a_text_is_wanted_and_only_there(api: Any) -> None:
    api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE})
    api.ok("PUT", "schedules/s", deliver(token=TOKEN, url=TOKEN))
    assert api.field("PUT", "schedules/s", deliver(retries=TOKEN))["field"] == "data.retries"
    problem = api.refused(422, "PUT", "schedules/s", {**deliver(token=TOKEN), "data": {"token": TOKEN}})
    assert [one["field"] for one in problem["errors"]] == ["data.url"]


def test_a_secret_of_a_group_is_for_its_schedules_alone(api: Any) -> None:
    for group in ("ops", "shop"):
        api.ok("POST", "groups", {"id": group})
    api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE, "group": "ops"})
    api.ok("PUT", "schedules/s", {**deliver(token=TOKEN), "group": "ops"})
    for group in ("shop", None):
        moved = api.refused(422, "PUT", "schedules/s", {**deliver(token=TOKEN), "group": group})
        assert moved["errors"][0]["field"] == "data.token"
    api.ok("POST", "groups", {"id": "empty"})
    api.ok("PUT", "secrets/OTHER", {"value": VALUE, "group": "empty"})
    assert "secrets for the group" in api.refused(409, "DELETE", "groups/empty")["detail"]
    assert api.ok("PUT", "secrets/SLACK_TOKEN", {"value": "x"})["group"] == "ops"
    assert api.ok("PUT", "secrets/SLACK_TOKEN", {"value": "x", "group": None})["group"] is None


# ---------------------------------------------------------------- sealed values


def test_a_secret_field_is_sealed_in_schedule_history_and_runs_and_shown_as_that(api: Any, stored: Any) -> None:
    made = api.ok("POST", "schedules", deliver(token=VALUE))
    run = api.ok("POST", "schedules/s/runs", {"data": {"url": "x", "token": VALUE + "2"}})
    direct = api.ok("POST", "runs", {"handler": "deliver", "data": {"url": "x", "token": VALUE + "3"}})
    answers = [made, *(api.ok("GET", f"runs/{one['id']}") for one in (run, direct))]
    assert [one["data"]["token"] for one in answers] == [SEALED] * 3
    assert VALUE not in json.dumps(answers) + stored()
    assert '"$sealed"' in stored()


def test_what_is_read_and_sent_back_changes_nothing(api: Any, stored: Any) -> None:
    made = api.ok("POST", "schedules", deliver(token=VALUE))
    before = stored().count("$sealed")
    for _ in range(2):
        assert api.ok("PUT", "schedules/s", deliver(token=SEALED))["change"] == "unchanged"
        assert api.ok("PUT", "schedules/s", deliver(token=VALUE))["change"] == "unchanged"
        assert api.ok("PATCH", "schedules/s", {"data": made["data"]})["change"] == "unchanged"
    assert stored().count("$sealed") == before
    changed = api.ok("PATCH", "schedules/s", {"data": {**made["data"], "url": "https://b.example"}})
    assert (changed["change"], changed["data"]["token"]) == ("updated", SEALED)
    assert api.ok("GET", "schedules/s/history")["items"][0]["changes"] == ["data.url"]
    other = api.ok("PUT", "schedules/s", deliver(token="another value"))
    assert other["change"] == "updated"
    assert set(api.ok("GET", "schedules/s/history")["items"][0]["changes"]) == {"data.token", "data.url"}
    assert api.ok("GET", "audit?limit=1")["items"][0]["detail"]["changed"] == ["data.token", "data.url"]


def test_a_preview_says_that_a_secret_would_change_and_not_to_what(api: Any) -> None:
    api.ok("POST", "schedules", deliver(token=VALUE))
    wanted = [deliver(token=VALUE), deliver(token=SEALED), deliver(token="another value")]
    found = api.ok("POST", "schedules/preview", {"items": wanted})["items"]
    assert [one["change"] for one in found] == ["unchanged", "unchanged", "updated"]
    assert found[2]["changes"] == ["data.token"]
    assert found[2]["before"]["data"] == found[2]["after"]["data"] == {"url": "https://a.example", "token": SEALED}


def test_a_sealed_value_is_kept_at_its_place_for_its_handler_and_nowhere_else(api: Any, database: Database) -> None:
    api.ok("POST", "schedules", deliver(token=VALUE))
    with database.read() as tx:
        token = json.loads(tx.execute(text("SELECT data FROM schedule_revisions")).scalar_one())["token"]
    for body, field in (
        ({**deliver(token=SEALED), "id": "other"}, "data.token"),
        ({**deliver(token=token), "id": "other"}, "data.token"),
        ({**deliver(url=SEALED, token=SEALED)}, "data.url"),
        ({**deliver(url=token, token=SEALED)}, "data.url"),
        ({"handler": "echo", "data": {"token": SEALED}}, "data.token"),
        ({**deliver(), "data": {"url": "x", "token": {"$sealed": "made up"}}}, "data.token"),
    ):
        method = "POST" if body.get("id") == "other" else "PUT"
        path = "schedules" if method == "POST" else "schedules/s"
        assert api.field(method, path, body if method == "POST" else {**body, "id": "s"})["field"] == field
    assert (
        api.field("POST", "runs", {"handler": "deliver", "data": {"url": "x", "token": SEALED}})["field"]
        == "data.token"
    )
    run = api.ok("POST", "schedules/s/runs", {"data": {"url": "y", "token": SEALED}})
    assert api.ok("GET", f"runs/{run['id']}")["data"] == {"url": "y", "token": SEALED}


def test_a_refusal_does_not_repeat_what_is_secret(api: Any, make_api: Any, stage: Any) -> None:
    long = "hunter2" * 7
    elsewhere = make_api(registry=Registry())  # has the JSON Schema only, whose messages repeat the value
    for one in (api, elsewhere):
        problem = one.refused(422, "POST", "schedules", deliver(token=long))
        assert problem["errors"][0]["field"] == "data.token"
        assert "hunter2" not in json.dumps(problem)


def test_the_owner_of_a_schedule_gets_its_sealed_value_back(api: Any, database: Database) -> None:
    api.ok("PUT", "schedules/s", {**deliver(token=VALUE), "managed_by": "jobs.yml"})
    api.ok("PUT", "schedules/s", deliver(token="another value"))
    assert api.ok("POST", "schedules/s/revert")["change"] == "updated"
    with database.read() as tx:
        rows = tx.execute(text("SELECT data FROM schedule_revisions ORDER BY revision")).scalars().all()
    values = [database.keyring.open(json.loads(row)["token"]["$sealed"]) for row in rows]
    assert values == [VALUE, "another value", VALUE]


def test_the_address_of_notices_is_sealed_where_there_is_a_key_and_stays_when_it_is_sent_back(
    api: Any, database: Database, stored: Any
) -> None:
    address, shown = "https://hooks.example.org/T0/hunter2", "https://hooks.example.org/***"
    body = {**deliver(), "notify": address, "managed_by": "jobs.yml"}
    assert api.ok("PUT", "schedules/s", body)["notify"] == shown
    for again in (address, shown):
        assert api.ok("PUT", "schedules/s", {**body, "notify": again})["change"] == "unchanged"
    changed = api.ok("PATCH", "schedules/s", {"title": "Another"})
    assert (changed["change"], changed["notify"], changed["overridden"]) == ("updated", shown, True)
    (found,) = api.ok("POST", "schedules/preview", {"items": [{**body, "notify": address + "2", "title": "Another"}]})[
        "items"
    ]
    assert (found["changes"], found["before"]["notify"], found["after"]["notify"]) == (["notify"], shown, shown)
    assert "hunter2" not in stored()
    api.ok("PATCH", "schedules/s", {"notify": address + "2"})
    assert api.ok("GET", "schedules/s/history?limit=1")["items"][0]["changes"] == ["notify"]
    assert api.ok("POST", "schedules/s/revert")["overridden"] is False
    with database.read() as tx:
        row = tx.execute(text("SELECT notify_address FROM schedules")).scalar_one()
    assert receivers.opened(database.keyring, row) == address
    assert api.ok("PATCH", "schedules/s", {"notify": None})["notify"] is None
    assert api.field("PATCH", "schedules/s", {"notify": shown})["field"] == "notify"
    assert api.field("PATCH", "schedules/s", {"notify": row})["field"] == "notify"


# ---------------------------------------------------------------- keys


def test_a_start_names_the_secrets_that_its_keys_do_not_open(
    api: Any, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    api.ok("PUT", "secrets/SLACK_TOKEN", {"value": VALUE})
    secrets.warn_of_unreadable(database)
    assert caplog.text == ""
    database.keyring = Keyring((NEW,))
    secrets.warn_of_unreadable(database)
    assert "ENSCHEDULE_ENCRYPTION_KEYS opens the secrets SLACK_TOKEN" in caplog.text
    assert api.ok("GET", "secrets/SLACK_TOKEN")["readable"] is False


def test_keys_are_read_apart_by_commas_and_lines_and_none_is_repeated_in_an_error() -> None:
    assert read_keys([f"{OLD},{NEW}"]) == read_keys([f" {OLD}\n{NEW}\n"]) == (OLD, NEW)
    for wrong in ("too-short", OLD[:-2], f"{OLD}{NEW}", "ä" * 44):
        with pytest.raises(ConfigurationError, match="ENSCHEDULE_ENCRYPTION_KEYS: key 2 of 2 is not a key") as refused:
            read_keys([OLD, wrong])
        assert wrong not in str(refused.value)


def test_a_key_file_is_made_once_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    location = sqlite_file("jobs.db", folder=tmp_path)
    assert not keyring_of(location, ())
    first = keyring_of(location, (), make=True)
    path = beside(location)
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure(location) is None
    assert keyring_of(location, ()).open(first.seal(VALUE)) == VALUE
    with pytest.raises(Unreadable):
        keyring_of(location, (NEW,), make=True).open(first.seal(VALUE))
    path.write_text("none")
    with pytest.raises(ConfigurationError, match=r"jobs\.db\.key: the value is not a key"):
        keyring_of(location, ())


# ---------------------------------------------------------------- runs


def use(world: World, function: Callable[[Any, Any], Any], **data: Any) -> Any:
    """Run a function with the secret in its data, and return the run's row."""
    world.handlers.custom["own"] = function
    world.add(schedule="manual", handler="custom", data={"name": "own", "token": TOKEN, **data})
    run_id = world.run()
    world.settle()
    return world.row(run_id)


def test_a_handler_gets_the_value_and_all_that_comes_back_has_it_masked(safe: World) -> None:
    def spill(data: Any, context: Any) -> Any:
        assert data["token"] == VALUE
        for letter in f"one by one {data['token']}!":
            print(letter, end="")
        logging.getLogger("handler").warning("logged %s", data["token"])
        return {"token": data["token"], data["token"]: [data["token"]]}

    row = use(safe, spill)
    assert row.status == "succeeded"
    printed = safe.printed(row.id)
    assert "one by one ***!" in printed
    assert "logged ***" in printed
    assert json.loads(safe.detail(row.id).result) == {"token": "***", "***": ["***"]}


def test_progress_has_it_masked(safe: World) -> None:
    def report(data: Any, context: Any) -> None:
        context.progress(0.5, f"at {data['token']}")
        safe.handlers.gates["gate"].hold(context)

    safe.handlers.custom["own"] = report
    safe.add(schedule="manual", handler="custom", data={"name": "own", "token": TOKEN})
    run_id = safe.run()
    safe.turn()
    safe.handlers.gates["gate"].wait_entered()
    safe.turn()
    assert safe.row(run_id).progress_text == "at ***"


def test_what_a_handler_raises_has_it_masked_also_where_it_is_shortened(safe: World) -> None:
    def fall(data: Any, _context: Any) -> None:
        raise ValueError("x" * 1_990 + data["token"] + "y" * 70_000 + data["token"] + "z" * 33_000)

    row = use(safe, fall)
    kept = row.message + safe.detail(row.id).traceback
    assert row.status == "failed"
    assert not any(VALUE[:size] in kept or VALUE[-size:] in kept for size in (5, 8, len(VALUE)))
    assert "***" in kept


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda world: secrets.remove(world.database, ACTOR, "SLACK_TOKEN"), "There is no secret SLACK_TOKEN"),
        (lambda world: setattr(world.database, "keyring", Keyring((NEW,))), "sealed with a key that is not in"),
        (lambda world: setattr(world.database, "keyring", Keyring()), "ENSCHEDULE_ENCRYPTION_KEYS is not set"),
    ],
)
def test_a_secret_that_cannot_be_had_ends_its_run_with_a_sentence_and_others_go_on(
    safe: World, break_it: Callable[[World], Any], says: str
) -> None:
    safe.add(schedule="* * * * *", data={"token": TOKEN}, retry={"max_attempts": 2, "delay_seconds": 30})
    safe.add("fine", schedule="* * * * *")
    break_it(safe)
    safe.advance(60)
    safe.settle()
    row = safe.rows("s")[0]
    assert (row.status, row.outcome_kind) == ("failed", "invalid_data")
    assert row.message.startswith("data.token: ")
    assert says in row.message
    assert safe.statuses("fine") == ["succeeded"]
    assert [call[0] for call in safe.handlers.calls] == ["ok"]
    safe.database.keyring = Keyring((OLD,))
    secrets.put(safe.database, ACTOR, "SLACK_TOKEN", VALUE)
    safe.advance(30)
    safe.settle()
    assert safe.rows("s")[1].status == "succeeded"  # the retry finds it


def test_a_secret_of_another_group_is_not_given_to_a_run(safe: World) -> None:
    safe.add(schedule="manual", data={"token": TOKEN})
    with safe.database.write() as tx:
        tx.execute(text("UPDATE secrets SET group_id = 7"))
    run_id = safe.run()
    safe.settle()
    assert "for another group" in safe.row(run_id).message


def test_the_value_is_checked_by_the_schema_when_it_is_known(safe: World) -> None:
    safe.registry.register(handler(id="deliver", data_schema=Deliver)(lambda data: data))
    safe.housekeeping.register()
    secrets.put(safe.database, ACTOR, "SLACK_TOKEN", "x" * 41)
    row = outcome(safe, {"url": "https://a.example", "token": TOKEN}, handler="deliver")
    assert (row.outcome_kind, "data.token: Longer than" in row.message) == ("invalid_data", True)


def test_a_sealed_value_is_opened_for_its_run(safe: World) -> None:
    seen: list[Any] = []
    safe.registry.register(handler(id="deliver", data_schema=Deliver)(lambda data: seen.append(data) or print(data)))
    safe.housekeeping.register()
    row = outcome(safe, {"url": "https://a.example", "token": "sealed-value"}, handler="deliver")
    assert seen == [{"url": "https://a.example", "token": "sealed-value"}]
    assert safe.printed(row.id) == "{'url': 'https://a.example', 'token': '***'}\n"


def test_the_servers_own_log_has_them_masked_too(safe: World) -> None:
    recent.add([VALUE])
    record = logging.LogRecord("a", logging.ERROR, "f.py", 1, "token %s", (VALUE,), None)
    try:
        raise EnscheduleError(VALUE)
    except EnscheduleError as problem:
        record.exc_info = (type(problem), problem, problem.__traceback__)
    assert is_server_record(record)
    assert VALUE not in logging.Formatter().format(record)
    assert "token ***" in logging.Formatter().format(record)


def test_there_is_an_end_to_how_many_there_may_be(safe: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "SECRETS_MAX", 1)
    secrets.put(safe.database, ACTOR, "SLACK_TOKEN", "another")
    with pytest.raises(InvalidInput, match="There are 1 secrets already"):
        secrets.put(safe.database, ACTOR, "B", VALUE)
    assert [one["name"] for one in secrets.listing(safe.database, ACTOR)] == ["SLACK_TOKEN"]
