from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ClassVar, Self

import pytest

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import KINDS, Cron, Every, Manual, Once, Trigger, from_wire, register_kind

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def test_once_has_one_slot():
    trigger = Once(at=NOW)
    assert trigger.next_after(NOW - timedelta(days=1000)) == NOW
    assert trigger.next_after(NOW) is None
    assert trigger.latest_and_count(NOW - timedelta(days=1000), NOW) == (NOW, 1)


def test_once_is_told_by_the_clocks_of_its_zone():
    trigger = Once(at=datetime(2026, 11, 24, 8, 0, tzinfo=UTC), timezone="Europe/Stockholm")
    assert trigger.describe() == "Once, on Tue 24 Nov 2026 at 09:00"
    assert trigger.expression == "2026-11-24T08:00:00Z"


def test_manual_has_no_slots():
    assert Manual().next_after(NOW) is None
    assert Manual().latest_and_count(NOW, NOW + timedelta(days=9)) == (None, 0)
    assert (Manual().describe(), Manual().expression) == ("By hand", "manual")


def test_a_trigger_is_an_immutable_value():
    trigger = Every(seconds=60)
    with pytest.raises(FrozenInstanceError):
        trigger.seconds = 5
    assert trigger == Every(seconds=60)
    assert len({trigger, Every(seconds=60), Every(seconds=61)}) == 2


def test_instants_are_turned_into_utc():
    there = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=8)))
    assert Once(at=there).at.tzinfo is UTC
    assert Every(seconds=60).next_after(there) == NOW + timedelta(minutes=1)
    assert Every(seconds=60, starts_at=there).starts_at == NOW


def test_an_instant_without_offset_is_refused():
    naive = datetime(2026, 11, 24)  # noqa: DTZ001 - on purpose
    with pytest.raises(ValueError, match="needs an offset"):
        Every(seconds=60).next_after(naive)
    with pytest.raises(InvalidTrigger, match="no offset"):
        Once(at=naive)
    with pytest.raises(InvalidTrigger, match="no offset"):
        Every(seconds=60, ends_at=naive)


def test_an_end_before_the_start_is_refused():
    with pytest.raises(InvalidTrigger, match="lies before starts_at") as refused:
        Every(seconds=60, starts_at=NOW, ends_at=NOW - timedelta(seconds=1))
    assert refused.value.errors[0].field == "ends_at"


@pytest.mark.parametrize("runs", [0, -1, True, 1.5, "3", 2**60])
def test_max_runs_is_a_positive_whole_number(runs):
    with pytest.raises(InvalidTrigger, match="max_runs must be"):
        Manual(max_runs=runs)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("Europe/Stockhom", "Europe/Stockholm"),
        ("stockholm", "Europe/Stockholm"),
        ("europe/stockholm", "Europe/Stockholm"),
        ("New York", "America/New_York"),
        ("Tokio", "Asia/Tokyo"),
        ("qqqqqqqq", None),
        ("", None),
        ("localtime", None),
        ("../../etc/passwd", None),
        ("x" * 5000, None),
        ("UTC\x00", "UTC"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_name(name, near):
    with pytest.raises(InvalidTrigger, match="is not a time zone") as refused:
        Every(seconds=60, timezone=name)
    problem = refused.value.errors[0]
    assert (problem.field, problem.suggestion) == ("timezone", near)
    assert len(problem.message) < 200


def test_the_sentence_about_a_misspelt_zone():
    with pytest.raises(InvalidTrigger) as refused:
        Cron(expression="0 9 * * *", timezone="Europe/Stockhom")
    assert refused.value.detail == "“Europe/Stockhom” is not a time zone. Did you mean Europe/Stockholm?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tide(Trigger):
    """A plugin's kind: every 745 minutes from a high tide."""

    kind: ClassVar[str] = "tide"
    members: ClassVar[tuple[str, ...]] = ("harbour",)
    harbour: str

    @property
    def expression(self) -> str:
        return f"tide {self.harbour}"

    def describe(self) -> str:
        return f"At high tide in {self.harbour}"

    def own_wire(self) -> dict[str, Any]:
        return {"harbour": self.harbour}

    @classmethod
    def read(cls, own: Mapping[str, Any], common: Mapping[str, Any]) -> Self:
        return cls(harbour=own["harbour"], **common)

    def _next(self, instant: datetime) -> datetime | None:
        return Every(seconds=745 * 60).next_after(instant)


@pytest.fixture
def tide():
    register_kind(Tide)
    yield Tide
    del KINDS["tide"]


def test_a_registered_kind_is_read_walked_and_counted(tide):
    trigger = from_wire({"kind": "tide", "harbour": "Visby", "max_runs": 3, "phrase": "when the boats float"}, now=NOW)
    assert from_wire(trigger.to_wire()) == trigger
    end = NOW + timedelta(days=30)
    latest, count = trigger.latest_and_count(NOW, end)
    assert (latest, count) == Every(seconds=745 * 60).latest_and_count(NOW, end)
    assert trigger.latest_and_count(NOW, end, limit=5) == (latest, 5)


def test_registering_the_same_class_again_changes_nothing(tide):
    assert register_kind(tide) is tide


def test_two_classes_of_one_kind_are_refused_by_both_names():
    class Other(Manual):
        pass

    with pytest.raises(ValueError, match=r"once\.Manual and .*Other"):
        register_kind(Other)


def test_a_kind_that_is_not_whole_is_refused():
    class Half(Trigger):
        kind = "half"
        members = ()

    with pytest.raises(ValueError, match="it lacks _next, describe, expression, own_wire, read"):
        register_kind(Half)
    assert "half" not in KINDS


def test_a_kind_may_not_shadow_the_common_members():
    class Shadow(Manual):
        kind = "shadow"
        members = ("timezone",)

    with pytest.raises(ValueError, match="members called timezone"):
        register_kind(Shadow)
