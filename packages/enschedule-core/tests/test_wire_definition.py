"""A schedule as it is sent, and the definition it becomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.errors import InvalidData, InvalidInput, InvalidTrigger
from enschedule_core.schedule import Backoff, CatchUp, CatchUpMode, OnLost, Overlap, Policies, Retry
from enschedule_core.triggers import Every, Manual
from enschedule_core.wire.definition import Definition, canonical, merged

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fields_of(problem: InvalidInput) -> set[str]:
    return {error.field for error in problem.errors}


def test_the_file_of_the_readme_is_read_with_its_short_forms() -> None:
    found = Definition.from_wire(
        {
            "name": "ping",
            "handler": "fetch",
            "data": {"url": "https://www.google.com", "method": "get"},
            "description": "ping our website",
            "schedule": "every day at 2 am",
            "id": "ping",
        },
        default_timezone="Europe/Stockholm",
    )
    assert (found.id, found.title, found.handler_id, found.handler_version) == ("ping", "ping", "fetch", None)
    assert (found.trigger.expression, found.trigger.timezone) == ("0 2 * * *", "Europe/Stockholm")
    assert (found.policies, found.paused, found.tags) == (Policies(), None, ())


@pytest.mark.parametrize("handler", ["fetch@2", {"id": "fetch", "version": 2}])
def test_a_handler_is_named_with_its_version_either_way(handler: Any) -> None:
    found = Definition.from_wire({"handler": handler})
    assert (found.handler_id, found.handler_version) == ("fetch", 2)


def test_the_title_is_the_id_unless_told_and_the_handler_where_there_is_no_id() -> None:
    assert Definition.from_wire({"handler": "fetch", "id": "x"}).title == "x"
    assert Definition.from_wire({"handler": "fetch"}, id="y").title == "y"
    assert Definition.from_wire({"handler": "fetch"}).title == "fetch"


def test_without_a_trigger_it_runs_by_hand() -> None:
    assert Definition.from_wire({"handler": "fetch"}).trigger == Manual()


policies = st.builds(
    Policies,
    retry=st.builds(
        Retry,
        max_attempts=st.integers(1, 1000),
        delay_seconds=st.floats(0, 1e6),
        backoff=st.sampled_from(Backoff),
        max_delay_seconds=st.floats(0, 1e6),
        jitter=st.floats(0, 1),
    ),
    catch_up=st.builds(
        CatchUp,
        mode=st.sampled_from(CatchUpMode),
        window_seconds=st.none() | st.floats(0, 1e6),
        max=st.integers(1, 1000),
    ),
    overlap=st.sampled_from(Overlap),
    timeout_seconds=st.none() | st.floats(0.001, 1e6),
    on_lost=st.none() | st.sampled_from(OnLost),
    priority=st.integers(-1000, 1000),
)


@given(
    policies,
    st.lists(st.sampled_from(["shop", "ünïcode", "a:b", "🙂"]), unique=True),
    st.dictionaries(st.text(max_size=5), st.integers() | st.none() | st.booleans() | st.text(max_size=5), max_size=3),
)
def test_what_it_says_of_itself_is_read_back_to_the_same(
    policy: Policies, tags: list[str], data: dict[str, Any]
) -> None:
    try:
        body = Definition.from_wire(
            {
                "id": "x",
                "handler": "h@1",
                "data": data,
                "tags": tags,
                "schedule": "every 90 seconds",
                **policy.to_wire(),
            }
        )
    except InvalidData:
        return  # an integer beyond 2^63
    assert body.policies == policy == Policies.from_wire(policy.to_wire())
    assert Definition.from_wire(body.as_dict()) == body
    assert canonical(Definition.from_wire(body.as_dict()).as_dict()) == canonical(body.as_dict())


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        Definition.from_wire({"hanlder": "x", "schedule": "asdf", "data": 3, "retry": {"max_attempts": 0}})
    assert fields_of(refused.value) == {"hanlder", "schedule", "data", "retry.max_attempts"}
    assert type(refused.value) is InvalidInput
    assert refused.value.detail.endswith("And 3 more.")


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"schedule": "asdf"}, InvalidTrigger, "schedule"),
        ({"trigger": {"kind": "cron", "expression": "x"}}, InvalidTrigger, "trigger.expression"),
        ({"schedule": "daily", "timezone": "Mars"}, InvalidTrigger, "timezone"),
        (
            {"trigger": {"kind": "manual", "timezone": "UTC"}, "timezone": "Asia/Tokyo"},
            InvalidTrigger,
            "timezone",
        ),
        ({"data": [1]}, InvalidData, "data"),
        ({"id": "Not Valid"}, InvalidInput, "id"),
    ],
)
def test_a_single_mistake_keeps_its_own_kind(body: dict[str, Any], kind: type[InvalidInput], field: str) -> None:
    with pytest.raises(kind) as refused:
        Definition.from_wire({"handler": "h", **body})
    assert type(refused.value) is kind
    assert fields_of(refused.value) == {field}


@pytest.mark.parametrize("raw", [None, [], "text", 3])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    with pytest.raises(InvalidInput, match="JSON object"):
        Definition.from_wire(raw)
    with pytest.raises(InvalidInput, match="JSON object"):
        merged({}, raw)


def test_whether_it_ever_fires_is_asked_when_it_is_set_not_when_it_is_read() -> None:
    past = Definition.from_wire({"handler": "h", "schedule": "2020-01-01T00:00:00Z"})
    with pytest.raises(InvalidTrigger) as refused:
        past.check_fires(NOW)
    assert fields_of(refused.value) == {"schedule"}
    Definition.from_wire({"handler": "h"}).check_fires(NOW)


def current(**more: Any) -> dict[str, Any]:
    body = {"handler": "h@1", "schedule": "every day at 2 am", "timezone": "Asia/Tokyo", **more}
    return Definition.from_wire(body, id="x").as_dict()


def test_a_patch_replaces_the_fields_it_names() -> None:
    whole = merged(current(tags=["a"], priority=5), {"tags": ["b"], "name": "New", "retry": {"max_attempts": 2}})
    found = Definition.from_wire(whole, id="x")
    assert (found.tags, found.title, found.policies.priority) == (("b",), "New", 5)
    assert found.policies.retry == Retry(max_attempts=2)
    assert found.trigger.timezone == "Asia/Tokyo"


def test_a_patched_schedule_stays_in_its_zone_and_a_zone_moves_it() -> None:
    later = Definition.from_wire(merged(current(), {"schedule": "every day at 3 am"}), id="x")
    assert (later.trigger.expression, later.trigger.timezone) == ("0 3 * * *", "Asia/Tokyo")
    moved = Definition.from_wire(merged(current(), {"timezone": "UTC"}), id="x")
    assert (moved.trigger.phrase, moved.trigger.timezone) == ("every day at 2 am", "UTC")
    every = Definition.from_wire(merged(current(), {"trigger": {"kind": "every", "seconds": 60}}), id="x")
    assert every.trigger == Every(seconds=60)


def test_a_patch_with_an_unknown_field_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refused:
        merged(current(), {"shedule": "daily"})
    assert refused.value.errors[0].field == "shedule"
    assert "schedule" in refused.value.errors[0].message
