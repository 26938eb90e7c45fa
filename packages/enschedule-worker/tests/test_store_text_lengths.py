"""What is sent fits the columns that it is stored in: MariaDB and SQL Server refuse what is longer, with an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from marshmallow import Schema

from enschedule_core.errors import InvalidInput
from enschedule_core.schema import encode_json
from enschedule_core.wire.definition import POLICIES_MAX, TAGS_JSON_MAX, TRIGGER_MAX, Definition
from enschedule_core.wire.others import ConcurrencyGroupInput, PauseAllInput
from enschedule_core.wire.people import ApiKeyInput, GroupInput, GroupPatch, MemberInput, MePatch, UserInput
from enschedule_core.wire.schedules import BindingInput, PauseInput, ScheduleInput
from enschedule_core.wire.views import ViewInput
from enschedule_worker.store.models.base import Base, short

EMOJI = "\U0001f600"  # one character, and two of the units that SQL Server counts in


def _word(length: int) -> str:
    return "a" * length


def _url(length: int) -> str:
    return "https://h/".ljust(length, "a")


class Sent(NamedTuple):
    """The field of a request whose text a column stores, and how to make one of a length."""

    schema: type[Schema]
    field: str
    text: Callable[[int], Any] = _word


SENT: Mapping[str, tuple[Sent, ...]] = {
    "schedules.id": (Sent(ScheduleInput, "id"),),
    "schedules.title": (Sent(ScheduleInput, "title"), Sent(ScheduleInput, "name")),
    "schedules.handler_id": (Sent(ScheduleInput, "handler"),),
    "schedules.runbook": (Sent(ScheduleInput, "runbook", _url),),
    "schedules.managed_by": (Sent(ScheduleInput, "managed_by"),),
    "schedules.pause_reason": (Sent(PauseInput, "reason"), Sent(PauseAllInput, "reason")),
    "schedules.overlap": (Sent(ScheduleInput, "overlap"),),
    "schedules.concurrency_group": (Sent(ScheduleInput, "concurrency_group"),),
    "schedules.worker_id": (Sent(BindingInput, "id"),),
    "schedules.on_success": (Sent(ScheduleInput, "on_success"),),
    "schedules.on_failure": (Sent(ScheduleInput, "on_failure"),),
    "schedule_tags.tag": (Sent(ScheduleInput, "tags", lambda length: [_word(length)]),),
    "runs.handler_id": (Sent(ScheduleInput, "handler"),),
    "runs.on_lost": (Sent(ScheduleInput, "on_lost"),),
    "runs.concurrency_group": (Sent(ScheduleInput, "concurrency_group"),),
    "bindings.worker_id": (Sent(BindingInput, "id"),),
    "concurrency_groups.name": (Sent(ConcurrencyGroupInput, "name"),),
    "groups.id": (Sent(GroupInput, "id"),),
    "groups.title": (Sent(GroupInput, "title"), Sent(GroupPatch, "title")),
    "group_members.role": (Sent(MemberInput, "role"),),
    "users.name": (Sent(UserInput, "name"),),
    "users.role": (Sent(UserInput, "role"),),
    "users.theme": (Sent(MePatch, "theme"),),
    "users.timezone": (Sent(MePatch, "timezone"),),
    "api_keys.name": (Sent(ApiKeyInput, "name"),),
    "api_keys.role": (Sent(ApiKeyInput, "role"),),
    "views.name": (Sent(ViewInput, "name"),),
    "views.list_name": (Sent(ViewInput, "list"),),
}
TOGETHER = {"schedules.trigger", "schedules.policies", "schedules.tags", "schedules.worker_tags", "bindings.tags"} | {
    "runs.retry"
}
"""The JSON of several fields, each with a limit of its own; tested below."""
OURS = {
    "made by the program": "api_keys.digest api_keys.prefix bindings.digest identities.digest login_attempts.account"
    " runs.occurrence_key sessions.token_hash state.name used_tickets.digest users.password_hash schedules.zone_version"
    " notices.kind notices.error output.stream skips.reason counters.status runs.status runs.outcome_kind"
    " runs.origin_kind schedules.last_status schedules.trigger_kind audit.actor_kind audit.action audit.object_kind",
    "cut where it is stored": "audit.actor_name audit.address audit.object_id identities.issuer identities.subject"
    " login_attempts.address sessions.address sessions.agent plugins.error runs.message runs.progress_text"
    " run_details.note schedules.broken_reason handlers.title",
    "the name of who asks, an account or a key": "api_keys.created_by concurrency_groups.updated_by groups.created_by"
    " runs.cancel_requested_by runs.origin_actor schedule_revisions.saved_by schedules.created_by schedules.paused_by"
    " secrets.created_by secrets.updated_by sessions.name users.created_by views.updated_by audit.via",
    "the name in an address, checked with the service": "secrets.name secret_uses.name",
    "of a handler or a worker, checked where that is made": "handlers.id handlers.minimum_role handlers.source"
    " handler_access.handler_id handler_access.minimum_role handler_groups.handler_id worker_handlers.handler_id"
    " worker_handlers.instance_id workers.id workers.title workers.host workers.version workers.executor workers.tags"
    " workers.instance_id plugins.instance_id plugins.name plugins.source counters.worker_id runs.worker_id"
    " runs.worker_instance",
}


def _sized() -> dict[str, int]:
    """Return every column of text with a limit, and the limit."""
    found = {}
    for table in Base.metadata.tables.values():
        for column in table.columns:
            length = getattr(column.type, "length", None) or getattr(getattr(column.type, "impl", None), "length", None)
            if isinstance(length, int):
                found[f"{table.name}.{column.name}"] = length
    return found


SIZED = _sized()


def test_of_every_limited_column_it_is_known_where_its_text_comes_from() -> None:
    ours = {name for names in OURS.values() for name in names.split()}
    assert not ours & {*SENT, *TOGETHER}
    assert {*SENT, *TOGETHER, *ours} == set(SIZED)


@pytest.mark.parametrize("column", sorted(SENT))
def test_a_field_takes_no_more_than_its_column(column: str) -> None:
    for sent in SENT[column]:
        schema = sent.schema()
        too_long = sent.text(SIZED[column] + 1)
        assert sent.field in schema.validate({sent.field: too_long}, partial=True), sent
        wide = EMOJI * (SIZED[column] // 2 + 1)
        shaped = [wide] if isinstance(too_long, list) else wide
        assert sent.field in schema.validate({sent.field: shaped}, partial=True), sent


def test_what_is_stored_as_one_text_has_the_limits_of_its_columns() -> None:
    assert {SIZED[f"schedules.{name}"] for name in ("trigger", "policies", "tags")} == {
        TRIGGER_MAX,
        POLICIES_MAX,
        TAGS_JSON_MAX,
    }
    tags = [f"{number}" + "t" * 49 for number in range(10)]
    whole = Definition.from_wire({**FULL, "worker": {"tags": tags}})
    stored = encode_json(list(whole.policies.worker.tags))
    assert len(stored) <= min(SIZED["schedules.worker_tags"], SIZED["bindings.tags"])
    longest = {"max_attempts": 1000, "delay_seconds": 31536000.123456789, "backoff": "exponential"}
    retry = {**longest, "max_delay_seconds": 31536000.123456789, "jitter": 0.12345678901234567}
    policies = Definition.from_wire({**FULL, "retry": retry}).policies
    assert len(encode_json(policies.retry.to_wire())) <= SIZED["runs.retry"]
    assert short(7).length == 7  # type: ignore[attr-defined]


FULL: dict[str, Any] = {"id": "full", "handler": "echo"}


def _policies(notify: int) -> dict[str, Any]:
    """Return policies, each as long as it may be, and an address of a length whose JSON is twice as long."""
    return {
        "on_success": "a" * 100,
        "on_failure": "b" * 100,
        "concurrency_group": "c" * 100,
        "worker": {"id": "w" * 100, "tags": [f"{number}" + "t" * 49 for number in range(10)]},
        "notify": "https://h/" + '"' * (notify - 10),
    }


def test_policies_that_are_too_long_together_name_the_longest_and_the_limit(api: Any) -> None:
    for id in ("a" * 100, "b" * 100):
        api.ok("PUT", f"schedules/{id}", {"handler": "echo"})
    fits = next(size for size in range(500, 10, -1) if _length(_policies(size)) <= POLICIES_MAX)
    problem = api.field("PUT", "schedules/full", {"handler": "echo", **_policies(fits + 1)})
    assert problem["field"] == "notify"
    assert "at most 2,000 characters" in problem["message"]
    assert "concurrency_group" in problem["message"]
    assert api.ok("PUT", "schedules/full", {"handler": "echo", **_policies(fits)})["change"] == "created"


def _length(policies: Mapping[str, Any]) -> int:
    try:
        return len(encode_json(Definition.from_wire({**FULL, **policies}).policies.to_wire()))
    except InvalidInput:
        return POLICIES_MAX + 1


def test_tags_that_are_too_long_together_are_refused(api: Any) -> None:
    tags = [EMOJI * 48 + f"{number:02}" for number in range(20)]
    problem = api.field("PUT", "schedules/full", {"handler": "echo", "tags": tags})
    assert problem["field"] == "tags"
    assert "At most 2,000 characters" in problem["message"]
    assert api.ok("PUT", "schedules/full", {"handler": "echo", "tags": tags[:19]})["tags"] == tags[:19]


def test_a_tag_is_text_that_can_be_stored(api: Any) -> None:
    assert api.field("PUT", "schedules/full", {"handler": "echo", "tags": ["\ud800x"]})["field"] == "tags.0"
