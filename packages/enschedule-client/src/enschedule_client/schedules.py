"""The routes of schedules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack, cast

from enschedule_client.call import Call, Repeat, instant, segment
from enschedule_client.resources import Resource, if_match_header, to_the_end, wire_filter
from enschedule_core.wire.types import (
    ChangedSchedule,
    Diagnosis,
    HistoryEntry,
    NextSlots,
    Page,
    PreviewedSchedules,
    Run,
    Schedule,
    ScheduleActions,
    ScheduleCounts,
    SchedulePage,
    Skip,
    TagCount,
)

Action: TypeAlias = Literal["run", "pause", "resume", "delete", "restore"]
Missed: TypeAlias = Literal["skip", "latest", "all"]


class ScheduleWhere(TypedDict, total=False):
    """Which schedules are counted, or a bulk action is for; the filters of the list."""

    q: str | None
    status: str | Sequence[str] | None
    handler: str | None
    tag: str | Sequence[str] | None
    worker: str | None
    group: str | None
    paused: bool | None
    failing: bool | None


class ScheduleFilters(ScheduleWhere, total=False):
    """What narrows and orders a list of schedules; what is ``None`` is left out.

    ``limit`` is 1 to 200 (default 50). ``q`` searches id, title and handler id. ``sort`` is ``id``,
    ``title``, ``due_at`` or ``last_run``, descending with ``-`` in front. ``failing`` goes by
    ``failing_since``, whatever the status is right now. With ``by`` (``tag``, ``handler``) they come in groups.
    """

    limit: int | None
    cursor: str | None
    sort: str | None
    by: str | None


class ActOptions(TypedDict, total=False):
    """What :meth:`Schedules.act` takes besides the action; see :meth:`Schedules.actions`."""

    ids: Sequence[str] | None
    where: ScheduleWhere | None
    reason: str | None
    until: datetime | str | None
    missed: Missed | None
    pause_at: Sequence[datetime | str] | None
    idempotency_key: str | None


class AnyPause(Enum):
    """What stands for a pause of which nothing was seen."""

    ANY = "any"


ANY_PAUSE: Final = AnyPause.ANY


def _seen(pause_at: datetime | str | AnyPause | None) -> dict[str, str | None]:
    return {} if isinstance(pause_at, AnyPause) else {"pause_at": instant(pause_at, "pause_at")}


class Schedules(Resource):
    """``/schedules``.

    Every method raises :class:`~enschedule_core.errors.NotFound` for an id that does not exist, and
    :class:`~enschedule_core.errors.InvalidInput`, with one entry in ``errors`` a field, for what the
    worker refuses.
    """

    def list(self, **filters: Unpack[ScheduleFilters]) -> SchedulePage:
        """Return one page of schedules."""
        return cast("SchedulePage", self._get("schedules", filters))

    def each(self, **filters: Unpack[ScheduleFilters]) -> Iterator[Schedule]:
        """Yield every schedule that matches, fetching pages (of ``limit``) as they are needed."""
        return self._each("schedules", filters)

    def get(self, id: str) -> Schedule:
        """Return one schedule. Its ``revision`` is what ``if_match`` takes."""
        return cast("Schedule", self._get(_path(id)))

    def create(self, body: Mapping[str, Any]) -> ChangedSchedule:
        """Create a schedule; :class:`~enschedule_core.errors.Conflict` if its id is taken.

        ``body`` takes the short forms too: ``{"title": "Ping", "handler": "fetch", "data": {"url": "…"},
        "schedule": "every day at 2 am"}``.
        """
        return cast("ChangedSchedule", self._post("schedules", body))

    def put(self, id: str, body: Mapping[str, Any], if_match: int | str | None = None) -> ChangedSchedule:
        """Create or replace; ``change`` says which, or that nothing was different.

        ``if_match`` is the revision the edit is based on: if somebody changed the schedule since,
        :class:`~enschedule_core.errors.StaleRevision` carries it in ``extra["current"]``.
        """
        repeat = Repeat.ALWAYS if if_match is None else Repeat.NOT_ARRIVED
        call = Call("PUT", _path(id), body=body, headers=if_match_header(if_match), repeat=repeat)
        return cast("ChangedSchedule", self._caller.json(call))

    def patch(self, id: str, body: Mapping[str, Any], if_match: int | str | None = None) -> ChangedSchedule:
        """Replace each named top-level field as a whole; ``if_match`` as for :meth:`put`."""
        call = Call("PATCH", _path(id), body=body, headers=if_match_header(if_match))
        return cast("ChangedSchedule", self._caller.json(call))

    def delete(self, id: str, if_match: int | str | None = None) -> None:
        """Delete: queued runs are cancelled, running ones end; :meth:`restore` undoes it for 7 days."""
        self._delete(_path(id), if_match)

    def restore(self, id: str, if_match: int | str | None = None) -> Schedule:
        """Bring a deleted schedule back."""
        return cast("Schedule", self._post(_path(id, "restore"), if_match=if_match))

    def revert(self, id: str) -> ChangedSchedule:
        """Give it the definition again that its owner, such as a file, has said.

        Raises :class:`~enschedule_core.errors.Conflict` for a schedule that belongs to nobody.
        """
        return cast("ChangedSchedule", self._post(_path(id, "revert")))

    def preview(self, items: Sequence[Mapping[str, Any]], known: Collection[str] = ()) -> PreviewedSchedules:
        """Return in ``items`` what a :meth:`put` of each definition would do, or the problem with it; nothing is done.

        At most 200 definitions; ``known`` are ids that will be there by then, for ``on_success`` and ``on_failure``.
        """
        call = Call("POST", "schedules/preview", body={"items": [*items], "known": [*known]}, repeat=Repeat.ALWAYS)
        return cast("PreviewedSchedules", self._caller.json(call))

    def run(self, id: str, data: Mapping[str, Any] | None = None, idempotency_key: str | None = None) -> Run:
        """Run now, leaving ``due_at`` alone; ``data`` replaces the schedule's own for this run.

        Calls with the same ``idempotency_key`` make one run, so such a call is repeated when the
        connection breaks; without a key it is not.
        """
        body = {} if data is None else {"data": data}
        return cast("Run", self._post(_path(id, "runs"), body, idempotency_key=idempotency_key))

    def pause(
        self,
        id: str,
        reason: str | None = None,
        until: datetime | str | None = None,
        if_match: int | str | None = None,
        *,
        pause_at: datetime | str | AnyPause | None = ANY_PAUSE,
    ) -> Schedule:
        """Stop firing, until an instant or until :meth:`resume`; for a paused one, reason and end are replaced.

        ``pause_at`` is the ``pause["at"]`` that was seen, ``None`` for one that was not paused:
        :class:`~enschedule_core.errors.StaleRevision` where that is different by now.
        """
        given = {"reason": reason, "until": instant(until, "until")}
        body = {name: value for name, value in given.items() if value is not None} | _seen(pause_at)
        return cast("Schedule", self._post(_path(id, "pause"), body, if_match=if_match))

    def resume(
        self,
        id: str,
        missed: Missed = "skip",
        if_match: int | str | None = None,
        *,
        pause_at: datetime | str | AnyPause | None = ANY_PAUSE,
    ) -> Schedule:
        """Fire again; ``missed`` says what becomes of the slots that passed meanwhile, ``pause_at`` as for pause."""
        body = {"missed": missed} | _seen(pause_at)
        return cast("Schedule", self._post(_path(id, "resume"), body, if_match=if_match))

    def actions(
        self,
        action: Action,
        *,
        ids: Sequence[str] | None = None,
        where: ScheduleWhere | None = None,
        cursor: str | None = None,
        reason: str | None = None,
        until: datetime | str | None = None,
        missed: Missed | None = None,
        pause_at: Sequence[datetime | str] | None = None,
        idempotency_key: str | None = None,
    ) -> ScheduleActions:
        """Do one thing to many schedules: to ``ids``, or to those that ``where`` chooses (``{}``: all of them).

        One request does at most 1,000, and stops after some seconds: ask again with ``cursor=next_cursor``, or use
        :meth:`act`. What is refused for one schedule stands in ``failed``. ``reason`` and ``until`` belong to a pause,
        ``missed`` to resume. A pause leaves as it is what is paused already: its ``pause`` is its ``pause_before``.
        With ``pause_at``, either refuses what has another pause than those that began then, and with ``[]`` what has
        one; ``restore`` needs ``ids``; with an ``idempotency_key``, ``run`` starts one run of each, however often it
        is sent.
        """
        given = {
            "action": action,
            "ids": None if ids is None else [*ids],
            "filter": None if where is None else wire_filter(where),
            "cursor": cursor,
            "reason": reason,
            "until": instant(until, "until"),
            "missed": missed,
            "pause_at": None if pause_at is None else [instant(at, "pause_at") for at in pause_at],
        }
        harmless = action in {"pause", "resume"} and pause_at is None
        answer = self._act("schedules/actions", given, harmless=harmless, idempotency_key=idempotency_key)
        return cast("ScheduleActions", answer)

    def act(self, action: Action, **more: Unpack[ActOptions]) -> ScheduleActions:
        """Do as :meth:`actions` does, request after request, to the last of them; ids may be more than 1,000."""
        return cast("ScheduleActions", to_the_end(self.actions, action, dict(more)))

    def next(self, id: str, count: int = 5) -> NextSlots:
        """Return the next ``count`` slots."""
        return cast("NextSlots", self._get(_path(id, "next"), {"count": count}))

    def diagnosis(self, id: str) -> Diagnosis:
        """Return why the schedule is not running, as a checked list."""
        return cast("Diagnosis", self._get(_path(id, "diagnosis")))

    def skips(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Page[Skip]:
        """Return one page of the slots that did not run, newest first."""
        return cast("Page[Skip]", self._get(_path(id, "skips"), {"limit": limit, "cursor": cursor}))

    def history(self, id: str, *, limit: int | None = None, cursor: str | None = None) -> Page[HistoryEntry]:
        """Return one page of who changed what, newest first."""
        return cast("Page[HistoryEntry]", self._get(_path(id, "history"), {"limit": limit, "cursor": cursor}))

    def counts(self, *, limit: int | None = None, **where: Unpack[ScheduleWhere]) -> ScheduleCounts:
        """Return how many schedules, or of those that match, stand how, and the first ``limit`` (5) in trouble."""
        return cast("ScheduleCounts", self._get("stats/schedules", {**where, "limit": limit}))

    def tags(self, *, limit: int | None = None) -> Page[TagCount]:
        """Return the tags that schedules have, the most used first: up to ``limit`` (200, at most 1,000)."""
        return cast("Page[TagCount]", self._get("tags", {"limit": limit}))


def _path(id: str, tail: str | None = None) -> str:
    return f"schedules/{segment(id)}" + (f"/{tail}" if tail else "")
