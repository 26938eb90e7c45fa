"""The routes of runs and their output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack, cast

from enschedule_client.call import Call, Repeat, segment
from enschedule_client.resources import Resource, to_the_end, wire_filter
from enschedule_client.stream import follow
from enschedule_core.wire.types import (
    OutputChunk,
    OutputLines,
    OutputMatches,
    OutputPage,
    Page,
    Run,
    RunActions,
    RunCount,
    RunDetail,
    Stream,
)

_BEHIND_ALL: Final = 2**31 - 1


class RunWhere(TypedDict, total=False):
    """Which runs are counted, or a bulk action is for; the filters of the list."""

    status: str | Sequence[str] | None
    schedule: str | None
    handler: str | None
    worker: str | None
    tag: str | Sequence[str] | None
    group: str | None
    from_: datetime | str | None
    to: datetime | str | None
    q: str | None


class RunFilters(RunWhere, total=False):
    """What narrows a list of runs; what is ``None`` is left out.

    ``limit`` is 1 to 200 (default 50). ``status`` may be several; ``tag``, of the run's schedule, too, apart by
    commas, and all of them are meant. ``from_`` and ``to`` bound ``queued_at``. Newest first, always.
    """

    limit: int | None
    cursor: str | None


class ActOptions(TypedDict, total=False):
    """What :meth:`Runs.act` takes besides the action; see :meth:`Runs.actions`."""

    ids: Sequence[int] | None
    where: RunWhere | None
    data: Literal["then", "today"] | None
    idempotency_key: str | None


class Runs(Resource):
    """``/runs``. Every method raises :class:`~enschedule_core.errors.NotFound` for an id that does not exist."""

    def list(self, **filters: Unpack[RunFilters]) -> Page[Run]:
        """Return one page of runs, newest first, without their data, result and traceback."""
        return cast("Page[Run]", self._get("runs", filters))

    def each(self, **filters: Unpack[RunFilters]) -> Iterator[Run]:
        """Yield every run that matches, fetching pages (of ``limit``) as they are needed."""
        return self._each("runs", filters)

    def count(self, **where: Unpack[RunWhere]) -> RunCount:
        """Return how many runs match, counted up to 10,000."""
        return cast("RunCount", self._get("runs/count", where))

    def get(self, id: int) -> RunDetail:
        """Return one run in full, with the chain of attempts it belongs to."""
        return cast("RunDetail", self._get(_path(id)))

    def create(self, handler: str, data: Mapping[str, Any] | None = None, *, idempotency_key: str | None = None) -> Run:
        """Run a handler (``"fetch"``, or ``"fetch@2"`` for that version) once, without a schedule."""
        body = {"handler": handler, "data": data or {}}
        return cast("Run", self._post("runs", body, idempotency_key=idempotency_key))

    def cancel(self, id: int) -> Run:
        """Cancel: a queued run ends at once, a running one when its worker has stopped it.

        Raises :class:`~enschedule_core.errors.Conflict` for a run that has ended.
        """
        return cast("Run", self._post(_path(id, "cancel")))

    def retry(self, id: int, *, data: Literal["then", "today"] = "then", idempotency_key: str | None = None) -> Run:
        """Run again, as a new run with ``retry_of``; :class:`~enschedule_core.errors.Conflict` while it is open.

        With the data it had ``then``, or with what its schedule has ``today``.
        """
        body = {} if data == "then" else {"data": data}
        return cast("Run", self._post(_path(id, "retry"), body, idempotency_key=idempotency_key))

    def actions(
        self,
        action: Literal["cancel", "retry", "delete"],
        *,
        ids: Sequence[int] | None = None,
        where: RunWhere | None = None,
        cursor: str | None = None,
        data: Literal["then", "today"] | None = None,
        idempotency_key: str | None = None,
    ) -> RunActions:
        """Do one thing to many runs: to ``ids``, or to those that ``where`` chooses (``{}``: all of them).

        One request does at most 1,000, and stops after some seconds: ask again with ``cursor=next_cursor``, or use
        :meth:`act`. What is refused for one run stands in ``failed``. ``data`` belongs to a retry; with an
        ``idempotency_key`` it makes one new run of each, however often it is sent.
        """
        given = {
            "action": action,
            "ids": None if ids is None else [*ids],
            "filter": None if where is None else wire_filter(where),
            "cursor": cursor,
            "data": data,
        }
        return cast("RunActions", self._act("runs/actions", given, harmless=False, idempotency_key=idempotency_key))

    def act(self, action: Literal["cancel", "retry", "delete"], **more: Unpack[ActOptions]) -> RunActions:
        """Do as :meth:`actions` does, request after request, to the last of them; ids may be more than 1,000."""
        return cast("RunActions", to_the_end(self.actions, action, dict(more)))

    def delete(self, id: int) -> None:
        """Delete a run and its output; :class:`~enschedule_core.errors.Conflict` while it is open."""
        self._delete(_path(id))

    def output(self, id: int, after: int = 0, wait_seconds: float = 0, stream: Stream | None = None) -> OutputPage:
        """Return what was printed after the cursor ``after``.

        If nothing is there yet, the worker holds its answer for up to ``wait_seconds`` (at most 20).
        """
        query = {"after": after, "wait": f"{wait_seconds:g}", "stream": stream}
        call = Call("GET", _path(id, "output"), query=query, repeat=Repeat.ALWAYS, extra_wait_seconds=wait_seconds)
        return cast("OutputPage", self._caller.json(call))

    def lines(
        self,
        id: int,
        first: int | None = None,
        *,
        after: int | None = None,
        wait_seconds: float = 0,
        limit: int | None = None,
        stream: Stream | None = None,
    ) -> OutputLines:
        """Return what was printed by lines: from the line ``first`` on (default 1; below 0: from the end).

        With ``after`` instead: the lines that changed after that cursor, each whole; if there is none yet, the worker
        holds its answer for up to ``wait_seconds`` (at most 20). ``limit`` is 1 to 1,000 (default 200).
        """
        wait = f"{wait_seconds:g}" if wait_seconds else None
        query = {"from": first, "limit": limit, "after": after, "wait": wait, "stream": stream}
        path = _path(id, "output/lines")
        call = Call("GET", path, query=query, repeat=Repeat.ALWAYS, extra_wait_seconds=wait_seconds)
        return cast("OutputLines", self._caller.json(call))

    def matches(
        self, id: int, q: str, *, first: int = 1, limit: int | None = None, stream: Stream | None = None
    ) -> OutputMatches:
        """Return which lines hold ``q``, in whichever case; ``limit`` is how many positions, 1 to 10,000 (1,000).

        A search of some seconds stops: go on with ``first=next_from``.
        """
        query = {"q": q, "from": first, "limit": limit, "stream": stream}
        return cast("OutputMatches", self._get(_path(id, "output/matches"), query))

    def follow(
        self,
        id: int,
        *,
        after: int = 0,
        stream: Stream | None = None,
        give_up_after_seconds: float = 60.0,
        timeout_seconds: float | None = None,
    ) -> Iterator[OutputChunk]:
        """Yield what the run prints, as it prints it, until it ends or ``timeout_seconds`` are over.

        See :func:`enschedule_client.stream.follow`.
        """

        def ask(cursor: int, wait_seconds: float) -> OutputPage:
            return self.output(id, cursor, wait_seconds, stream)

        return follow(
            ask,
            after=after,
            give_up_after_seconds=give_up_after_seconds,
            timeout_seconds=timeout_seconds,
            sleep=self._caller.sleep,
        )

    def wait(self, id: int, *, timeout_seconds: float | None = None, give_up_after_seconds: float = 60.0) -> RunDetail:
        """Return the run once it has ended, or as it is when ``timeout_seconds`` are over.

        A worker that goes away meanwhile is waited for, up to ``give_up_after_seconds``.
        """

        def ask(_: int, wait_seconds: float) -> OutputPage:
            # Behind every chunk there can be, so that it answers for the end and for nothing else.
            return self.output(id, _BEHIND_ALL, wait_seconds)

        for _ in follow(
            ask,
            give_up_after_seconds=give_up_after_seconds,
            timeout_seconds=timeout_seconds,
            sleep=self._caller.sleep,
        ):
            pass
        return self.get(id)

    def text(self, id: int, stream: Stream | None = None) -> str:
        """Return everything the run has printed so far, as one text: both streams in order, or one of them."""
        return self._caller.text(Call("GET", _path(id, "output"), query={"stream": stream}, repeat=Repeat.ALWAYS))


def _path(id: int, tail: str | None = None) -> str:
    return f"runs/{segment(id)}" + (f"/{tail}" if tail else "")
