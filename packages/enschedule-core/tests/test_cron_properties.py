"""Cron against an oracle that knows nothing of cronsim: it looks at every single minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from enschedule_core.triggers import Cron

MINUTE = timedelta(minutes=1)
SPAN = timedelta(days=2)
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@st.composite
def fields(draw, low, high):
    kind = draw(st.sampled_from(["star", "star", "step", "one", "list", "range", "range step"]))
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, 30))
    return {
        "star": "*",
        "step": f"*/{step}",
        "one": str(first),
        "list": f"{last},{first}",
        "range": f"{first}-{last}",
        "range step": f"{first}-{last}/{step}",
    }[kind]


@st.composite
def expressions(draw, last_hour=23):
    minute, hour, day, month, weekday = (draw(fields(low, high)) for low, high in BOUNDS)
    if hour != "*" and not hour.startswith("*/"):
        hour = draw(fields(0, last_hour))
    if draw(st.booleans()):
        day, month = "*", "*"
    return " ".join((minute, hour, day, month if draw(st.booleans()) else "*", weekday if draw(st.booleans()) else "*"))


def values(field, low, high):
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        start, end = (low, high) if span == "*" else (int(first), int(last or first))
        found.update(range(start, end + 1, int(step or 1)))
    return found


class Oracle:
    """Debian's rules by brute force: every wall-clock minute is tried."""

    def __init__(self, expression, zone):
        texts = expression.split()
        self.minutes, self.hours, self.days, self.months, weekdays = (
            values(text, *bounds) for text, bounds in zip(texts, BOUNDS, strict=True)
        )
        self.weekdays = {day % 7 for day in weekdays}
        self.both = texts[2].startswith("*") or texts[4].startswith("*")
        self.fixed = not texts[0].startswith("*") and not texts[1].startswith("*")
        self.zone = ZoneInfo(zone)

    def matches(self, wall):
        if wall.minute not in self.minutes or wall.hour not in self.hours or wall.month not in self.months:
            return False
        day, weekday = wall.day in self.days, wall.isoweekday() % 7 in self.weekdays
        return (day and weekday) if self.both else (day or weekday)

    def slots(self, start, end):
        found = self.fixed_slots(start, end) if self.fixed else self.real_slots(start, end)
        return sorted(slot for slot in found if start < slot <= end)

    def real_slots(self, start, end):
        moment = start.replace(second=0, microsecond=0)
        while moment <= end:
            if self.matches(moment.astimezone(self.zone)):
                yield moment
            moment += MINUTE

    def fixed_slots(self, start, end):
        wall = start.astimezone(self.zone).replace(tzinfo=None, fold=0, second=0, microsecond=0) - timedelta(hours=3)
        stop = end.astimezone(self.zone).replace(tzinfo=None, fold=0) + timedelta(hours=3)
        found = set()
        while wall <= stop:
            if self.matches(wall):
                found.add(self.first_instant(wall))
            wall += MINUTE
        return found

    def first_instant(self, wall):
        """Return the first instant that shows ``wall``, or the first one after the gap that leaves it out."""
        while True:
            instant = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if instant.astimezone(self.zone).replace(tzinfo=None, fold=0) == wall:
                return instant
            wall += MINUTE


anywhere = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - what hypothesis asks for
    datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
zones = st.sampled_from(["Europe/Stockholm", "America/Havana", "Australia/Lord_Howe"])
changes = [
    ("Europe/Stockholm", datetime(2027, 3, 28, 1, tzinfo=UTC)),
    ("Europe/Stockholm", datetime(2027, 10, 31, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2027, 3, 14, 5, tzinfo=UTC)),
    ("America/Havana", datetime(2027, 11, 7, 5, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 4, 3, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2027, 10, 2, 15, 30, tzinfo=UTC)),
]
around_changes = st.builds(
    lambda change, minutes, seconds: (change[0], change[1] + timedelta(minutes=minutes, seconds=seconds)),
    st.sampled_from(changes),
    st.integers(-180, 120),
    st.sampled_from([0, 1, 30]),
)


def agree(expression, zone, start):
    trigger = Cron(expression=expression, timezone=zone)
    expected = Oracle(expression, zone).slots(start, start + SPAN)
    assert list(trigger.slots_between(start, start + SPAN, 10_000)) == expected
    assert list(one_by_one(trigger, start, start + SPAN)) == expected
    latest = expected[-1] if expected else None
    assert trigger.latest_and_count(start, start + SPAN) == (latest, len(expected))


def one_by_one(trigger, start, end):
    """As the engine goes from slot to slot; whoever asks for many of them at once has another way."""
    while (start := trigger.next_after(start)) is not None and start <= end:
        yield start


def ever_fires(expression):
    _, _, day, month, _ = expression.split()
    return "*" in (day, month)


possible = expressions().filter(ever_fires)
nightly = expressions(last_hour=3).filter(ever_fires)


@settings(max_examples=60, deadline=None)
@given(possible, anywhere)
def test_slots_in_utc_are_those_of_the_oracle(expression, start):
    agree(expression, "UTC", start)


@settings(max_examples=150, deadline=None)
@given(nightly, around_changes)
def test_slots_around_changes_of_clocks_are_those_of_the_oracle(expression, zone_and_start):
    agree(expression, *zone_and_start)


def test_the_changes_above_are_where_the_clocks_change():
    for zone, at in changes:
        before, after = ((at + step).astimezone(ZoneInfo(zone)).utcoffset() for step in (-MINUTE, timedelta(0)))
        assert before != after, (zone, at)


@settings(max_examples=100, deadline=None)
@given(possible, st.tuples(zones, anywhere) | around_changes)
def test_slots_strictly_increase_in_utc(expression, zone_and_start):
    zone, start = zone_and_start
    trigger = Cron(expression=expression, timezone=zone)
    found = list(trigger.slots_between(start, start + timedelta(days=3650), 60))
    assert all(earlier < later for earlier, later in pairwise([start, *found]))
    assert all(slot.tzinfo is UTC for slot in found)


@settings(max_examples=50, deadline=None)
@given(possible, st.sampled_from(["UTC", "Europe/Stockholm"]), anywhere, st.integers(0, 400 * 86_400))
def test_counting_agrees_with_walking_over_months(expression, zone, start, seconds):
    _, rest = expression.split(" ", 1)
    trigger = Cron(expression=f"7 {rest}", timezone=zone)  # once an hour at most: quick to walk
    end = start + timedelta(seconds=seconds)
    walked = list(trigger.slots_between(start, end, 10_000))
    assert trigger.latest_and_count(start, end) == ((walked[-1] if walked else None), len(walked))


@given(possible)
def test_every_expression_describes_itself(expression):
    text = Cron(expression=expression).describe()
    assert text[0].isupper()
    assert not text.endswith(".")
