"""docs/day.md: its commands, in its order, against real servers, print what stands there and end as it says."""

from __future__ import annotations

import pytest

import day

pytestmark = pytest.mark.cluster


@pytest.mark.timeout(300)
def test_the_day_is_as_the_page_tells_it() -> None:
    lived = day.live("sqlite", day.ON_PAGE)
    assert len(lived.took) > 30


def test_the_page_cannot_say_just_anything() -> None:
    """Somebody who reads a difference as none would make the test above worthless."""
    command = day.Command("x", 0, ["run …: queued", "…", "two lines"])
    assert not command.differs("run 7: queued\ntwo lines\n")
    assert not command.differs("run 7: queued\nmore\nand more\ntwo lines\n")
    assert command.differs("run 7: queued\ntwo lines\nand a third\n")
    assert command.differs("run 7: running\ntwo lines\n")
    assert day.Command("x", 0, []).differs("anything\n")
    steps = list(day.read(day.PAGE.read_text(encoding="utf-8")))
    assert sum(isinstance(step, day.Deed) for step in steps) == 2
    assert {step.code for step in steps if isinstance(step, day.Command)} == {0, 1, 2, 4}
