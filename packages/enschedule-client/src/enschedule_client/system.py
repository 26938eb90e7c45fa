"""The routes of handlers, plugins, workers, triggers, statistics and the pause of everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from enschedule_client.call import Call, Repeat, instant, segment
from enschedule_client.resources import Resource, if_match_header
from enschedule_client.schedules import Missed
from enschedule_core.wire.types import (
    ConcurrencyGroup,
    Handler,
    Page,
    PauseOfAll,
    Plugin,
    Preview,
    QueueStats,
    RetentionPreview,
    RunStats,
    View,
    Worker,
)


class Handlers(Resource):
    """``/handlers``: what can be run."""

    def list(self, *, q: str | None = None) -> Page[Handler]:
        """Return every handler in its newest version; ``q`` searches them."""
        return cast("Page[Handler]", self._get("handlers", {"q": q}))

    def get(self, id: str, version: int | None = None) -> Handler:
        """Return one handler, in its newest version unless told otherwise."""
        return cast("Handler", self._get(f"handlers/{segment(id)}", {"version": version}))

    def put_access(self, id: str, *, minimum_role: str | None = None, groups: Sequence[str] | None = None) -> Handler:
        """Say from which role on, and in which groups, a handler may be used; ``None``: as its code says, anywhere."""
        body = {"minimum_role": minimum_role, "groups": None if groups is None else [*groups]}
        call = Call("PUT", f"handlers/{segment(id)}/access", body=body, repeat=Repeat.ALWAYS)
        return cast("Handler", self._caller.json(call))


class Plugins(Resource):
    """``/plugins``: what was loaded, and what broke."""

    def list(self) -> Page[Plugin]:
        """Return every plugin on every worker."""
        return cast("Page[Plugin]", self._get("plugins"))


class Workers(Resource):
    """``/workers``: who runs it."""

    def list(self) -> Page[Worker]:
        """Return every worker, with what it runs."""
        return cast("Page[Worker]", self._get("workers"))

    def delete(self, instance_id: str) -> None:
        """Forget a worker that is gone; :class:`~enschedule_core.errors.Conflict` while it is up."""
        self._delete(f"workers/{segment(instance_id, 'instance_id')}")


class EverythingPaused(Resource):
    """``/pause``: everything at once."""

    def get(self) -> PauseOfAll:
        """Return whether everything is paused, by whom, why, and how many slots have passed since."""
        return cast("PauseOfAll", self._get("pause"))

    def begin(
        self, reason: str | None = None, until: datetime | str | None = None, if_match: int | str | None = None
    ) -> PauseOfAll:
        """Fire, claim and start nothing more, until an instant or until :meth:`end`; what runs goes on.

        ``if_match`` is the ``revision`` that was seen: :class:`~enschedule_core.errors.StaleRevision` where somebody
        else has paused everything, or resumed it, since. Without it, reason and end of a pause are replaced.
        """
        given = {"reason": reason, "until": instant(until, "until")}
        body = {"paused": True} | {name: value for name, value in given.items() if value is not None}
        return self._put(body, if_match)

    def end(self, missed: Missed = "skip", if_match: int | str | None = None) -> PauseOfAll:
        """Let everything go on; ``missed`` says what becomes of the slots meanwhile.

        They are skipped, and recorded as that; or the ``latest`` of each schedule runs, or ``all`` of them, as many as
        its catch-up policy allows. ``if_match`` as for :meth:`begin`.
        """
        return self._put({"paused": False} | ({} if missed == "skip" else {"missed": missed}), if_match)

    def _put(self, body: Mapping[str, Any], if_match: int | str | None) -> PauseOfAll:
        repeat = Repeat.ALWAYS if if_match is None else Repeat.NOT_ARRIVED
        call = Call("PUT", "pause", body=body, headers=if_match_header(if_match), repeat=repeat)
        return cast("PauseOfAll", self._caller.json(call))


class ConcurrencyGroups(Resource):
    """``/concurrency-groups``: limits that schedules share."""

    def list(self) -> Page[ConcurrencyGroup]:
        """Return every group that is defined or that a schedule names, and how full it is."""
        return cast("Page[ConcurrencyGroup]", self._get("concurrency-groups"))

    def put(self, limits: Mapping[str, int]) -> Page[ConcurrencyGroup]:
        """Set how many runs of each group in ``limits`` go on at once; other groups stay as they are."""
        body = {"items": [{"name": name, "max_running": most} for name, most in limits.items()]}
        call = Call("PUT", "concurrency-groups", body=body, repeat=Repeat.ALWAYS)
        return cast("Page[ConcurrencyGroup]", self._caller.json(call))


class Triggers(Resource):
    """``/triggers``: what a trigger would do."""

    def preview(
        self,
        trigger: str | Mapping[str, Any],
        *,
        timezone: str | None = None,
        after: datetime | str | None = None,
        count: int | None = None,
        collisions: bool | None = None,
        schedule_id: str | None = None,
    ) -> Preview:
        """Return the trigger in words and its next slots; changes nothing.

        ``trigger`` is the short form (``"every day at 2 am"``) or a trigger object. With ``collisions`` the answer says
        how many other schedules start in the minute of the first slot, and which minute near it is free;
        ``schedule_id`` is the schedule that the trigger is for, which is not counted. Raises
        :class:`~enschedule_core.errors.InvalidTrigger`, whose ``errors`` say where the mistake is.
        """
        given = {
            "schedule" if isinstance(trigger, str) else "trigger": trigger,
            "timezone": timezone,
            "after": instant(after, "after"),
            "count": count,
            "collisions": collisions,
            "schedule_id": schedule_id,
        }
        body = {name: value for name, value in given.items() if value is not None}
        return cast("Preview", self._caller.json(Call("POST", "triggers/preview", body=body, repeat=Repeat.ALWAYS)))


class Stats(Resource):
    """``/stats``: figures over time."""

    def runs(
        self,
        *,
        from_: datetime | str | None = None,
        to: datetime | str | None = None,
        bucket_seconds: int | None = None,
        schedule: str | None = None,
    ) -> RunStats:
        """Return runs by status in stretches of ``bucket_seconds`` (default an hour)."""
        query = {"from": from_, "to": to, "bucket": bucket_seconds, "schedule": schedule}
        return cast("RunStats", self._get("stats/runs", query))

    def queue(self) -> QueueStats:
        """Return what waits and what runs right now."""
        return cast("QueueStats", self._get("stats/queue"))


class Retention(Resource):
    """``/retention``: how long runs are kept."""

    def preview(self, *, schedule: str | None = None, retention: Mapping[str, Any] | None = None) -> RetentionPreview:
        """Return how many runs would be removed now, of all schedules or of one; removes nothing.

        ``retention`` is a policy to try: ``{"days": 30, "runs": 10, "failures_days": 90}``; the present one without.
        Raises :class:`~enschedule_core.errors.NotFound` for a schedule that is not there.
        """
        given = {"schedule": schedule, "retention": None if retention is None else dict(retention)}
        body = {name: value for name, value in given.items() if value is not None}
        call = Call("POST", "retention/preview", body=body, repeat=Repeat.ALWAYS)
        return cast("RetentionPreview", self._caller.json(call))


class Views(Resource):
    """``/views``: the filters of a list under a name."""

    def list(self) -> Page[View]:
        """Return every saved view, those of schedules first."""
        return cast("Page[View]", self._get("views"))

    def put(self, items: Sequence[Mapping[str, Any]]) -> Page[View]:
        """Save views, each with ``list`` (schedules, runs), ``name`` and ``filters``; ``None`` there removes it.

        Others stay. ``filters`` are the list's query parameters as text: ``{"status": "failed,lost"}``.
        """
        call = Call("PUT", "views", body={"items": [dict(item) for item in items]}, repeat=Repeat.ALWAYS)
        return cast("Page[View]", self._caller.json(call))
