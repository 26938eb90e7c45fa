"""What is to be done so that the server has what the files say."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enschedule_cli.files.documents import Reader, Wanted, duplicates
from enschedule_cli.files.problems import Problem, Problems
from enschedule_cli.files.sources import Source
from enschedule_core.errors import FieldError

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import PreviewedSchedule, PreviewedSchedules

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
    with ThreadPoolExecutor(1, thread_name_prefix="preview") as pool:
        previews = _Previews(client, pool)
        for source in sources:
            try:
                found = reader.read(source)
            except Problems as mistakes:
                problems += mistakes.found
            else:
                wanted += found
                previews.begin(found)
        problems += duplicates(wanted)
        problems += _circles(_without(wanted, problems))
        changes = []
        for change in previews.of(_without(wanted, problems)):
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


class _Previews:
    """Asks what saving would do, a page at once, and while further files are read: the server has little else to do."""

    def __init__(self, client: Client, pool: Executor) -> None:
        self._client, self._pool = client, pool
        self._page: list[Wanted] = []
        self._bytes = 0
        self._asked: list[tuple[list[Wanted], Future[PreviewedSchedules]]] = []

    def begin(self, wanted: Iterable[Wanted]) -> None:
        """Ask about each full page of schedules after which no other one runs; about the others later."""
        for one in wanted:
            if not one.follow_ups:  # what these may name is known once all files are read
                self._add(one, ())

    def of(self, wanted: Sequence[Wanted]) -> Iterator[Change]:
        """Yield the changes of ``wanted`` in their order, once everything is asked."""
        there = {one.id for one in wanted}
        begun = {id(one) for page, _ in self._asked for one in page} | {id(one) for one in self._page}
        for one in wanted:
            if id(one) not in begun:
                self._add(one, there)
        self._ask(there)
        try:
            answers = {
                id(one): answer
                for page, asked in self._asked
                for one, answer in zip(page, asked.result()["items"], strict=True)
            }
        finally:
            for _, asked in self._asked:  # after a refusal, nobody needs the others
                asked.cancel()
        return (Change(one, answers[id(one)]) for one in wanted)

    def _add(self, one: Wanted, there: Collection[str]) -> None:
        own = len(json.dumps(one.body))
        if self._page and (len(self._page) == _PAGE or self._bytes + own > _PAGE_BYTES):
            self._ask(there)
        self._page.append(one)
        self._bytes += own

    def _ask(self, there: Collection[str]) -> None:
        page, self._page, self._bytes = self._page, [], 0
        if page:
            known = {target for one in page for _, target in one.follow_ups} & set(there)
            bodies = [one.body for one in page]
            self._asked.append((page, self._pool.submit(self._client.schedules.preview, bodies, sorted(known))))


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
