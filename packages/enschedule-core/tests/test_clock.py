"""Instants as integers and as texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.clock import EPOCH, format_instant, from_micros, parse_instant, to_micros

MICROS = st.integers(to_micros(datetime(2, 1, 1, tzinfo=UTC)), to_micros(datetime(9998, 12, 31, tzinfo=UTC)))


@given(MICROS)
def test_a_text_of_micros_is_that_of_the_instant_and_is_read_back(micros: int) -> None:
    instant = from_micros(micros)
    text = format_instant(micros)
    assert text == instant.replace(tzinfo=None).isoformat() + "Z" == format_instant(instant)
    assert to_micros(parse_instant(text)) == micros


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (86_399_000_000, "1970-01-01T23:59:59Z"),
        (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
    ],
)
def test_the_edges_of_a_day(micros: int, text: str) -> None:
    assert format_instant(micros) == text


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    assert format_instant(EPOCH.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "1970-01-01T00:00:00Z"
    assert format_instant(None) is None
