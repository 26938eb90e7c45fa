"""The steps "when" and "if something goes wrong": what a form says becomes a trigger and policies, and back."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from enschedule_core.errors import FieldError, InvalidTrigger
from enschedule_core.triggers import from_wire
from enschedule_dashboard import policy_form, when_form
from enschedule_dashboard.durations import duration_text, parse_duration

ZONE = "Europe/Stockholm"


def when(mode: str, **more: str) -> when_form.WhenForm:
    posted = {"when_mode": mode, "when_timezone": ZONE} | {f"when_{name}": value for name, value in more.items()}
    return when_form.from_post(MultiDict(posted))


@pytest.mark.parametrize(
    ("form", "trigger"),
    [
        (
            when("words", phrase="every day at 2 am"),
            {"kind": "phrase", "phrase": "every day at 2 am", "timezone": ZONE},
        ),
        (when("cron", cron="30 2 * * *"), {"kind": "cron", "expression": "30 2 * * *", "timezone": ZONE}),
        (when("every", every="90", unit="minutes"), {"kind": "every", "seconds": 5400, "timezone": ZONE}),
        (when("every", every="1.5", unit="seconds"), {"kind": "every", "seconds": 1.5, "timezone": ZONE}),
        (
            when("once", at="2026-11-24T02:30"),
            {"kind": "once", "at": "2026-11-24T01:30:00Z", "timezone": ZONE},
        ),
        (when("manual", phrase="left over"), {"kind": "manual", "timezone": ZONE}),
        (
            when("cron", cron="@daily", starts_at="2027-06-01T00:00", ends_at="2027-07-01T00:00", max_runs="3"),
            {
                "kind": "cron",
                "expression": "@daily",
                "timezone": ZONE,
                "starts_at": "2027-05-31T22:00:00Z",
                "ends_at": "2027-06-30T22:00:00Z",
                "max_runs": 3,
            },
        ),
    ],
)
def test_each_way_to_say_when_becomes_a_trigger(form: when_form.WhenForm, trigger: dict[str, Any]) -> None:
    assert form.trigger() == trigger
    from_wire(trigger)  # and it is one


@pytest.mark.parametrize(
    "trigger",
    [
        "every day at 02:30",
        {"kind": "cron", "expression": "*/7 3 * * 1-5", "timezone": ZONE},
        {"kind": "every", "seconds": 5400, "anchor": "2026-01-01T00:00:00Z", "timezone": ZONE},
        {"kind": "every", "seconds": 604_800, "timezone": "UTC"},
        {"kind": "once", "at": "2030-07-24T01:30:15Z", "timezone": ZONE},
        {"kind": "manual"},
        {
            "kind": "cron",
            "expression": "0 4 * * *",
            "timezone": "Asia/Tokyo",
            "starts_at": "2027-01-01T00:00:00Z",
            "max_runs": 9,
        },
    ],
)
def test_opening_and_saving_a_trigger_changes_nothing(trigger: str | dict[str, Any]) -> None:
    stored = from_wire(trigger)
    again = when_form.from_trigger(stored.to_wire()).trigger()
    assert again is not None
    assert from_wire(again) == stored


@pytest.mark.parametrize(
    ("form", "control", "start"),
    [
        (when("words"), "phrase", "Say when, for example"),
        (when("cron"), "cron", "Say when, for example"),
        (when("every", every="often"), "every", "“often” is not an interval"),
        (when("every", every="0"), "every", "“0” is not an interval"),
        (when("once"), "at", "Say when: a date and a time"),
        (when("once", at="tomorrow"), "at", "“tomorrow” is not a date and time"),
        (when("manual", max_runs="-1"), "max_runs", "“-1” is not a number of runs"),
        (when("manual", timezone="Europe/Stockhom"), "timezone", "“Europe/Stockhom” is not a time zone"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_control(form: when_form.WhenForm, control: str, start: str) -> None:
    assert form.trigger() is None
    assert form.errors[control][0].message.startswith(start)
    assert form.error_count == 1


def test_errors_of_the_api_find_their_control() -> None:
    form = when("words", phrase="every day at 25:00")
    with pytest.raises(InvalidTrigger) as refused:
        from_wire(form.trigger() or {})
    assert form.place([*refused.value.errors, FieldError("title", "Too long.")])[0].field == "title"
    error = form.errors["phrase"][0]
    assert form.phrase[error.start : error.end] == "25:00"


def test_a_suggestion_replaces_what_was_typed() -> None:
    posted = MultiDict({"when_mode": "words", "when_phrase": "evry day", "use": "phrase:every day at 02:00"})
    assert when_form.from_post(posted).phrase == "every day at 02:00"
    assert when_form.from_post(MultiDict({"use": "errors:x", "when_phrase": "kept"})).phrase == "kept"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90 s", 90),
        ("5 min", 300),
        ("1 h 30 min", 5400),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("250 ms", 0.25),
    ],
)
def test_lengths_of_time_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize("text", ["soon", "5 parsecs", "1 h and a bit", "-5", "1:30", "5 min min"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="Write for example 90 s, 5 min or 1 h 30 min"):
        parse_duration(text)


STORED = {
    "retry": {"max_attempts": 4, "delay_seconds": 90.0, "backoff": "linear", "max_delay_seconds": 600.0, "jitter": 0.2},
    "timeout_seconds": 5400.0,
    "overlap": "queue",
    "catch_up": {"mode": "all", "window_seconds": 7200.0, "max": 3},
    "on_lost": "retry",
    "max_running": 2,
    "concurrency_group": "erp",
    "worker": {"id": "web-1", "tags": ["big", "gpu"]},
    "on_success": "load",
    "on_failure": "tell",
    "retention": {"days": 30, "runs": 20, "failures_days": 0},
    "notify": "https://hooks.example.org/ops",
    "runbook": "https://wiki.example.org/erp",
    "env": {"STAGE": "live", "EMPTY": ""},
}


def test_opening_and_saving_policies_changes_nothing() -> None:
    assert policy_form.from_schedule(STORED).body() == STORED


@pytest.mark.parametrize(
    ("text", "env"),
    [("A=1\n\n B = x=y ", {"A": "1", "B": "x=y"}), ('{"A": "1\\n2"}', {"A": "1\n2"}), ("", {}), ("{}", {})],
)
def test_variables_are_lines_or_json(text: str, env: dict[str, str]) -> None:
    body = policy_form.from_post(MultiDict({"env": text})).body()
    assert body is not None
    assert body["env"] == env
    assert policy_form.from_schedule({"env": env}).body() == policy_form.PolicyForm().body() | {"env": env}  # type: ignore[operator]


@pytest.mark.parametrize("text", ["A", "A=1\nA=2", '{"A"'])
def test_what_are_no_variables(text: str) -> None:
    form = policy_form.from_post(MultiDict({"env": text}))
    assert form.body() is None
    assert form.errors["env"]
    assert form.is_wrong_where


def test_what_a_group_of_policies_says_folded() -> None:
    form = policy_form.from_schedule(STORED)
    assert form.words().endswith(
        "runs load after a success, runs tell after a failure, tells somebody, shows a runbook"
    )
    assert "stops after 1 h 30 min" in form.words()
    form.values["owner_group"] = "finance"
    assert form.where_words("fetch") == (
        "worker web-1, if tagged big, gpu, at most 2 at once, in the group erp, "
        "runs kept 30 d, failures kept for ever, the newest 20 kept always, "
        "2 variables, owned by finance"
    )
    assert policy_form.PolicyForm().where_words("fetch") == "any worker that has fetch, no limit"


def test_what_the_api_refuses_of_where_and_how_much_stands_there() -> None:
    form = policy_form.from_post(MultiDict({"max_running": "two"}))
    assert form.body() is None
    assert (form.is_wrong_where, form.is_wrong_otherwise) == (True, False)
    form = policy_form.PolicyForm()
    assert form.place([FieldError("worker.tags.0", "No tag."), FieldError("on_success", "No such schedule.")]) == []
    assert form.errors["worker_tags"][0].message == "No tag."
    assert (form.is_wrong_where, form.is_wrong_otherwise) == (True, True)


def test_policies_that_cannot_be_read_are_said_at_their_control() -> None:
    form = policy_form.from_post(MultiDict({"timeout": "a while", "retry_attempts": "many", "retry_jitter": "7"}))
    assert form.body() is None
    assert sorted(form.errors) == ["retry_attempts", "retry_jitter", "timeout"]
    assert (
        form.place([FieldError("retry.delay_seconds", "Too short."), FieldError("tags", "Too many.")])[0].field
        == "tags"
    )
    assert form.errors["retry_delay"][0].message == "Too short."
