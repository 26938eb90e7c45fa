import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Cron, Every, Manual, Once, from_wire, parse

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
ZONE = "Europe/Stockholm"


def refusal(value, **options):
    with pytest.raises(InvalidTrigger) as refused:
        from_wire(value, **options)
    return refused.value.errors[0]


@pytest.mark.parametrize(
    ("text", "trigger"),
    [
        ("every day at 2 am", Cron(expression="0 2 * * *", timezone=ZONE, phrase="every day at 2 am")),
        ("  30 2  * * * ", Cron(expression="30 2 * * *", timezone=ZONE)),
        ("*/5 * * * * *", Cron(expression="*/5 * * * * *", timezone=ZONE)),
        ("0 9 * * mon-fri", Cron(expression="0 9 * * mon-fri", timezone=ZONE)),
        ("@Daily", Cron(expression="0 0 * * *", timezone=ZONE, phrase="@daily")),
        ("every 90s", Every(seconds=90, timezone=ZONE, phrase="every 90s")),
        ("2027-01-01T09:00:00+01:00", Once(at=datetime(2027, 1, 1, 8, tzinfo=UTC), timezone=ZONE)),
        ("manual", Manual(timezone=ZONE)),
        ("By hand", Manual(timezone=ZONE)),
    ],
)
def test_short_texts(text, trigger):
    assert from_wire(text, default_timezone=ZONE, now=NOW) == trigger
    assert parse(text, ZONE) == trigger


@pytest.mark.parametrize(
    ("value", "trigger"),
    [
        ({"kind": "cron", "expression": "30 2 * * *"}, Cron(expression="30 2 * * *", timezone=ZONE)),
        ({"kind": "cron", "expression": "@hourly"}, Cron(expression="0 * * * *", timezone=ZONE, phrase="@hourly")),
        ({"kind": "every", "seconds": 900, "timezone": "UTC"}, Every(seconds=900)),
        ({"kind": "every", "seconds": 900, "anchor": "1970-01-01T00:01:00Z"},
         Every(seconds=900, anchor=datetime(1970, 1, 1, 0, 1, tzinfo=UTC), timezone=ZONE)),
        ({"kind": "once", "at": "2027-01-01T00:00:00Z"}, Once(at=datetime(2027, 1, 1, tzinfo=UTC), timezone=ZONE)),
        ({"kind": "manual", "phrase": None}, Manual(timezone=ZONE)),
        ({"kind": "phrase", "phrase": "hourly"}, Cron(expression="0 * * * *", timezone=ZONE, phrase="hourly")),
        ({"phrase": "hourly", "max_runs": 3},
         Cron(expression="0 * * * *", timezone=ZONE, phrase="hourly", max_runs=3)),
        ({"phrase": "every 7 minutes", "starts_at": "2027-01-01T00:00:00Z", "timezone": "Asia/Tokyo"},
         Every(seconds=420, starts_at=datetime(2027, 1, 1, tzinfo=UTC), timezone="Asia/Tokyo",
               phrase="every 7 minutes")),
    ],
)  # fmt: skip
def test_objects(value, trigger):
    assert from_wire(value, default_timezone=ZONE, now=NOW) == trigger


def between(first_year, last_year):
    bounds = (datetime(year, 1, 1) for year in (first_year, last_year))  # noqa: DTZ001 - what hypothesis asks for
    return st.none() | st.datetimes(*bounds, timezones=st.just(UTC))


instants = between(1980, 2030)
common = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(["UTC", "Europe/Stockholm", "Asia/Kolkata"]),
        "starts_at": instants,
        "ends_at": between(2030, 2040),
        "max_runs": st.none() | st.integers(1, 1000),
    }
)
triggers = st.one_of(
    st.builds(
        lambda text, rest: Cron(expression=text, **rest), st.sampled_from(["*/7 * * * *", "0 9 * * 1-5"]), common
    ),
    st.builds(
        lambda seconds, anchor, rest: Every(seconds=seconds, anchor=anchor, **rest),
        st.integers(1, 10**6) | st.floats(1, 1000),
        instants,
        common,
    ),
    st.builds(lambda at, rest: Once(at=at, **rest), instants.filter(bool), common),
    st.builds(lambda rest: Manual(**rest), common),
)


@given(triggers)
def test_what_is_written_reads_back_to_an_equal_trigger(trigger):
    wire = json.loads(json.dumps(trigger.to_wire()))
    assert from_wire(wire, default_timezone="Pacific/Apia") == trigger
    assert {"kind", "timezone", "starts_at", "ends_at", "max_runs", "phrase"} <= set(wire)


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"kind": "cron", "expression": "61 * * * *"}, "trigger.expression", "Minutes go from 0 to 59."),
        ({"kind": "cron"}, "trigger.expression", "for example 30 2 * * *; it is missing"),
        ({"kind": "cron", "expression": 5}, "trigger.expression", "this is a number"),
        ({"kind": "cron", "expression": "0 9 * * *", "timezone": "Mars"}, "trigger.timezone", "is not a time zone"),
        ({"kind": "cron", "expression": "0 9 * * *", "timezone": ""}, "trigger.timezone", "is not a time zone"),
        ({"kind": "cron", "expression": "0 9 * * *", "timezone": 3}, "trigger.timezone", "must be text"),
        ({"kind": "every"}, "trigger.seconds", "seconds is missing"),
        ({"kind": "every", "seconds": 0}, "trigger.seconds", "at least 1"),
        ({"kind": "every", "seconds": 5, "anchor": "today"}, "trigger.anchor", "not an instant"),
        ({"kind": "once"}, "trigger.at", "at is missing"),
        ({"kind": "once", "at": "2027-01-01T00:00:00"}, "trigger.at", "has no offset"),
        ({"kind": "once", "at": 1.5}, "trigger.at", "this is a number"),
        ({"kind": "manual", "starts_at": "soon"}, "trigger.starts_at", "not an instant"),
        ({"kind": "manual", "max_runs": 0}, "trigger.max_runs", "from 1 to"),
        ({"kind": "manual", "phrase": 5}, "trigger.phrase", "must be text"),
        ({"kind": "manual", "phrase": "x" * 257}, "trigger.phrase", "at most 256"),
        ({"kind": "corn", "expression": "0 9 * * *"}, "trigger.kind", "there are cron, every, once, manual, phrase"),
        ({"kind": ["cron"]}, "trigger.kind", "this is a list"),
        ({"expression": "0 9 * * *"}, "trigger.kind", "kind is missing"),
        ({}, "trigger.kind", "kind is missing"),
        ({"kind": "cron", "expresion": "0 9 * * *"}, "trigger.expresion", "Did you mean expression?"),
        ({"kind": "cron", "expression": "0 9 * * *", "seconds": 5}, "trigger.seconds", "is not a member"),
        ({"phrase": "every dya"}, "trigger.phrase", "Did you mean: every day?"),
        (5, "trigger", "this is a number"),
        (None, "trigger", "this is null"),
        (["cron"], "trigger", "this is a list"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_member(value, field, message):
    problem = refusal(value, now=NOW)
    assert problem.field == field
    assert message in problem.message


def test_a_missing_kind_is_guessed_from_the_other_members():
    assert refusal({"expression": "0 9 * * *"}).suggestion == "cron"
    assert refusal({"seconds": 9}).suggestion == "every"
    assert refusal({"kind": "corn"}).suggestion == "cron"


def test_errors_of_a_short_text_are_about_the_field_it_came_in():
    problem = refusal("every day at 25:00", field="schedule")
    assert (problem.field, problem.start, problem.end) == ("schedule", 13, 18)
    assert refusal("0 25 * * *", field="schedule").field == "schedule"
    assert refusal("2027-13-01T00:00:00Z", field="schedule").field == "schedule"
    assert refusal("", field="schedule").message == "There is nothing here."
    assert refusal("x" * 257, field="schedule").field == "schedule"
    assert refusal("hourly", field="schedule", default_timezone="Mars").field == "timezone"


def test_a_refused_text_comes_with_examples():
    with pytest.raises(InvalidTrigger) as refused:
        parse("asdf")
    assert "every 15 minutes" in refused.value.hint
    assert refused.value.errors[0].suggestion is None


# ---- creation


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"kind": "once", "at": "2020-01-01T00:00:00Z"}, "trigger.at", "is in the past; it is 2026-11-24T02:00:00Z"),
        ({"kind": "cron", "expression": "0 0 */30 * 1#2"}, "trigger.expression", "Never fires"),
        ({"kind": "every", "seconds": 60, "ends_at": "2026-11-24T01:00:00Z"}, "trigger.ends_at", "after ends_at"),
        ({"phrase": "every day at 9", "ends_at": "2026-11-24T08:00:00Z"}, "trigger.ends_at", "2026-11-24T09:00:00Z"),
        ({"kind": "once", "at": "2027-01-01T00:00:00Z", "starts_at": "2028-01-01T00:00:00Z"},
         "trigger.at", "starts_at"),
        ({"kind": "cron", "expression": "0 3 * * *", "phrase": "every day at 2"}, "trigger.phrase", "means 0 2 * * *"),
        ({"kind": "cron", "expression": "0 3 * * *", "phrase": "asdf"}, "trigger.phrase", "not understood"),
        ("2020-01-01T00:00:00Z", "trigger", "is in the past"),
    ],
)  # fmt: skip
def test_what_would_never_run_cannot_be_created(value, field, message):
    problem = refusal(value, now=NOW)
    assert problem.field == field
    assert message in problem.message
    from_wire({"kind": "manual"}, now=NOW)


def test_what_was_stored_is_read_even_if_it_could_not_be_created_any_more():
    assert from_wire({"kind": "once", "at": "2020-01-01T00:00:00Z"}).next_after(NOW) is None
    assert from_wire({"kind": "cron", "expression": "0 3 * * *", "phrase": "in an older grammar"}).phrase


def test_a_once_at_this_very_instant_is_past():
    refusal({"kind": "once", "at": NOW.isoformat()}, now=NOW)
    from_wire({"kind": "once", "at": (NOW + timedelta(seconds=1)).isoformat()}, now=NOW)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_place_inside_it(text):
    try:
        trigger = parse(text)
    except InvalidTrigger as refused:
        for problem in refused.errors:
            assert problem.message
            if problem.start is not None:
                assert 0 <= problem.start <= problem.end <= len(text)
            if problem.suggestion is not None:
                parse(problem.suggestion)
    else:
        assert trigger.describe()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["kind", "expression", "seconds", "anchor", "at", "timezone", "starts_at", "max_runs", "phrase"]
)
kinds = st.sampled_from(["cron", "every", "once", "manual", "phrase"])


@given(st.dictionaries(names, json_values), kinds)
def test_any_object_is_read_or_refused_and_nothing_else(value, kind):
    try:
        from_wire({**value, "kind": kind}, now=NOW)
    except InvalidTrigger as refused:
        fields = [problem.field for problem in refused.errors]
    else:
        fields = ["trigger."]
    assert fields
    assert all(field.startswith("trigger.") for field in fields)
