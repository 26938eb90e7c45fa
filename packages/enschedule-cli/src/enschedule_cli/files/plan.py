"""What is to be done so that the server has what the files say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enschedule_cli.files.documents import Reader, Wanted, duplicates
from enschedule_cli.files.problems import Problem, Problems
from enschedule_cli.files.sources import Source
from enschedule_core.errors import FieldError

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import PreviewedSchedule

_PAGE = 200
_PAGE_BYTES = 700_000


@dataclass(frozen=True, slots=True)
class Change:
    """One schedule, and what saving it would do."""

    wanted: Wanted
    answer: PreviewedSchedule


@dataclass(slots=True)
class Plan:
    """The changes of all files without a mistake, in an order in which they can be made, and the mistakes of others."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def make(client: Client, sources: Iterable[Source], reader: Reader) -> Plan:
    """Read the files and ask the server about them; of a file with a mistake in it nothing is in the plan."""
    problems: list[Problem] = []
    wanted: list[Wanted] = []
    for source in sources:
        try:
            wanted += reader.read(source)
        except Problems as mistakes:
            problems += mistakes.found
    problems += duplicates(wanted)
    problems += _circles(_without(wanted, problems))
    changes = []
    for change in _previewed(client, _without(wanted, problems)):
        if change.answer["problem"] is None:
            changes.append(change)
        else:
            problems += _refusals(change)
    kept = {id(one) for one in _without([change.wanted for change in changes], problems)}
    return Plan([change for change in changes if id(change.wanted) in kept], sorted(set(problems)))


def _without(wanted: Sequence[Wanted], problems: Iterable[Problem]) -> list[Wanted]:
    """Return those of files that have no mistake."""
    bad = {problem.path for problem in problems}
    return [one for one in wanted if one.source.label not in bad]


def _refusals(change: Change) -> list[Problem]:
    problem = change.answer["problem"]
    assert problem is not None
    errors = [FieldError.from_dict(one) for one in problem["errors"]] or [FieldError("", problem["detail"])]
    return [change.wanted.refused(error) for error in errors]


def _previewed(client: Client, wanted: Sequence[Wanted]) -> Iterator[Change]:
    there = {one.id for one in wanted}
    for page in _pages(wanted):
        known = {target for one in page for _, target in one.follow_ups} & there
        answers = client.schedules.preview([one.body for one in page], sorted(known))["items"]
        yield from (Change(one, answer) for one, answer in zip(page, answers, strict=True))


def _pages(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    page: list[Wanted] = []
    size = 0
    for one in wanted:
        own = len(json.dumps(one.body))
        if page and (len(page) == _PAGE or size + own > _PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(one)
        size += own
    if page:
        yield page


def layers(wanted: Sequence[Wanted]) -> list[list[int]]:
    """Return places in ``wanted`` in layers: what runs after a schedule stands in an earlier one, so that it is there.

    What is in a circle is left out.
    """
    place = {one.id: number for number, one in enumerate(wanted)}
    waits = {
        number: {place[target] for _, target in one.follow_ups if target in place and target != one.id}
        for number, one in enumerate(wanted)
    }
    found: list[list[int]] = []
    done: set[int] = set()
    while ready := [number for number, others in waits.items() if others <= done]:
        found.append(ready)
        done.update(ready)
        for number in ready:
            del waits[number]
    return found


def _circles(wanted: Sequence[Wanted]) -> list[Problem]:
    fine = {number for layer in layers(wanted) for number in layer}
    caught = [one for number, one in enumerate(wanted) if number not in fine]
    ids = {one.id for one in caught}
    return [
        one.problem(name, f"This is a circle: {target} leads back to {one.id}.")
        for one in caught
        for name, target in one.follow_ups
        if target in ids
    ]
