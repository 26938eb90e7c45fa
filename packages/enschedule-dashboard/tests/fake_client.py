"""A worker made of dictionaries: answers the shapes of the REST API from memory, at a moment that stands still.

It is what pages are developed and unit-tested against; that the real worker answers the same shapes is shown by the
contract suite and in the browser tests, which use the real one. ``FakeClient.calls`` keeps what was asked of it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from fake_data import NOW, ZONE, Json, at, handler, run, runs, schedule, schedules, worker

from enschedule_core.clock import format_instant, from_micros, parse_instant, to_micros
from enschedule_core.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    InvalidTrigger,
    NotFound,
    StaleRevision,
    Unauthenticated,
)
from enschedule_core.lines import Chunk, Reader
from enschedule_core.printed import plain

__all__ = ["NOW", "ZONE", "FakeClient", "World", "at", "handler", "run", "schedule", "worker"]


TRACEBACK = """Traceback (most recent call last):
  File "handler.py", line 58, in fetch
    answer = client.send(request)
ConnectError: connection refused: erp.internal:443
"""


class World:
    """The state behind one or more clients."""

    def __init__(self) -> None:
        self.schedules = {entry["id"]: entry for entry in schedules()}
        self.runs = {entry["id"]: entry for entry in runs(list(self.schedules.values()))}
        busy = [
            {
                "id": 88_230,
                "schedule": {"id": "nightly-backup", "title": "Nightly backup"},
                "handler": {"id": "shell", "version": 1},
                "started_at": at(seconds=-724),
            }
        ]
        self.workers = [worker("web-1", used=5, seen=2), worker("web-2", used=1, seen=1, running=busy)]
        self.handlers = {
            entry["id"]: entry
            for entry in (
                handler("fetch", "Fetch", "Send an HTTP request and print the answer"),
                handler("images", "Resize images", "Scale every picture of a folder", versions=[1, 2], workers=[]),
                handler("log-job", "Log message", "Will print the message on the server"),
                handler("shell", "Shell", "Run a command of the allow-list"),
                handler("sql", "SQL", "Run a statement and print its rows"),
            )
        }
        self.plugins: list[Json] = []
        self.deleted: dict[str, Json] = {}
        self.views: list[Json] = []
        self.started: dict[Any, Json] = {}
        self.missed: int | None = 37
        self.at_once = 1_000
        self.calls: list[tuple[Any, ...]] = []
        self.permissions = ["read", "operate", "edit", "admin"]
        self.read_only = False
        self.needs_key = False
        self.paused: Json | None = None
        self.pause_revision = 0
        self.continues = False
        self.pause_at: str | None = None
        self.meanwhile: Callable[[], None] | None = None
        self.database_bytes = 48_000_000
        self.down: Exception | None = None
        checks = [{"name": name, "ok": True, "detail": ""} for name in ("database", "engine", "handlers")]
        self.readiness: Json = {"status": "ready", "checks": checks}
        self.fence = 1
        self.output: list[Json] = [
            {"seq": 1, "at": at(seconds=-5), "stream": "stdout", "text": "POST https://erp.internal/export\n"},
            {"seq": 2, "at": at(seconds=-4.9), "stream": "stdout", "text": "resolving erp.internal → 10.4.0.17\n"},
            {
                "seq": 3,
                "at": at(seconds=-4.8),
                "stream": "stderr",
                "text": "connect 10.4.0.17:443 refused, again in 1 s\n",
            },
            {
                "seq": 4,
                "at": at(seconds=-0.9),
                "stream": "stderr",
                "text": TRACEBACK,
            },
        ]

    def note(self, *call: Any) -> None:
        """Keep a call; fail if the worker is down."""
        if self.down is not None:
            raise self.down
        self.calls.append(call)


def page(items: list[Json], limit: int | None = 50, cursor: str | None = None) -> Json:
    """Return one page of ``items``."""
    start, size = int(cursor or 0), limit or 50
    more = start + size < len(items)
    return {"items": copy.deepcopy(items[start : start + size]), "next_cursor": str(start + size) if more else None}


def missing(noun: str, key: Any) -> NotFound:
    return NotFound(f"There is no {noun} {key}.")


class Schedules:
    def __init__(self, world: World) -> None:
        self.world = world

    def _find(self, id: str) -> Json:
        self.world.note("schedules.find", id)
        if id not in self.world.schedules:
            raise missing("schedule", id)
        return self.world.schedules[id]

    def list(self, **filters: Any) -> Json:
        self.world.note("schedules.list", filters)
        found = self._matching(filters)
        sort = filters.get("sort") or "due_at"
        key = sort.lstrip("-")
        if key in {"id", "title"}:
            found.sort(key=lambda s: s[key].lower(), reverse=sort.startswith("-"))
        if filters.get("by"):
            return self._grouped(found, filters["by"], self.world.continues)
        return page(found, filters.get("limit"), filters.get("cursor"))

    @staticmethod
    def _grouped(found: Any, by: str, continues: bool) -> Json:
        """Return all on one page; ``continues`` is what the first group says of itself."""
        under: dict[Any, Any] = {}
        for one in found:
            for name in [one["handler"]["id"]] if by == "handler" else one["tags"] or [None]:
                under.setdefault(name, []).append(one)
        names = sorted(under, key=lambda name: (name is None, name))
        more = 100 if continues else 0
        groups = [
            {
                "name": name,
                "count": len(under[name]) + more,
                "shown": len(under[name]),
                "continues": continues and not at,
            }
            for at, name in enumerate(names)
        ]
        return {"items": [one for name in names for one in under[name]], "groups": groups, "next_cursor": None}

    def _matching(self, filters: Json) -> Any:
        found = [*self.world.schedules.values()]
        q = (filters.get("q") or "").lower()
        if filters.get("status") == "nonsense":
            raise InvalidInput("Refused.", errors=[FieldError("status", "nonsense is not one of: broken, paused.")])
        tests = {
            "status": lambda s, v: s["status"] == v,
            "handler": lambda s, v: s["handler"]["id"] == v,
            "tag": lambda s, v: v in s["tags"],
            "paused": lambda s, v: s["paused"] == v,
            "failing": lambda s, v: bool(s["failing_since"]) == v,
            "worker": lambda s, v: False,
            "group": lambda s, v: s["group"] == v,
        }
        for name, test in tests.items():
            if filters.get(name) is not None:
                found = [s for s in found if test(s, filters[name])]
        return [s for s in found if q in f"{s['id']} {s['title']} {s['handler']['id']}".lower()]

    def each(self, **filters: Any) -> Any:
        """Yield what matches, by the next slot."""
        self.world.note("schedules.each", filters)
        found = [s for s in self.world.schedules.values() if s["paused"] == filters["paused"]]
        return iter(sorted(found, key=lambda s: s["due_at"] or ""))

    def tags(self) -> Json:
        tags = sorted({tag for s in self.world.schedules.values() for tag in s["tags"]})
        return page([{"tag": tag, "schedules": 1} for tag in tags])

    def actions(self, action: str, *, ids: Any = None, where: Any = None, cursor: Any = None, **more: Any) -> Json:
        """Do at most ``world.at_once`` of them."""
        self.world.note("schedules.actions", action, ids, where, more)
        chosen = [s["id"] for s in self._matching(where)] if ids is None else [*ids]
        start = int(cursor or 0)
        end = start + self.world.at_once
        done, failed = [], []
        for id in chosen[start:end]:
            try:
                if action in ("pause", "resume"):
                    before = self._find(id)["pause"]
                    if more.get("pause_at") is not None and (before and before["at"]) not in (
                        more["pause_at"] or [None]
                    ):
                        raise StaleRevision(f"{id} is paused otherwise.")
                    if action == "pause" and before and more.get("pause_at") is None:
                        now = self.get(id)
                    elif action == "resume":
                        now = self.resume(id, more.get("missed", "skip"))
                    else:
                        now = self.pause(id, more.get("reason"), more.get("until"))
                    done.append({"id": id, "pause_before": before, "pause": now["pause"]})
                else:
                    getattr(self, action)(id)
                    done.append({"id": id})
            except (NotFound, Conflict, StaleRevision) as problem:
                failed.append({"id": id, "code": problem.code, "detail": problem.detail, "hint": None})
        return {"done": done, "failed": failed, "next_cursor": str(end) if end < len(chosen) else None}

    def get(self, id: str) -> Json:
        if id in self.world.deleted:
            raise NotFound(f"The schedule {id} was deleted.", extra={"deleted_at": at(hours=-1)})
        return copy.deepcopy(self._find(id))

    def create(self, body: Json) -> Json:
        self.world.note("schedules.create", body)
        if body.get("id") in self.world.schedules:
            raise Conflict(f"There is already a schedule {body['id']}.", errors=[FieldError("id", "This id is taken.")])
        return self._save(body, "created")

    def preview(self, items: list[Json], known: Any = ()) -> Json:
        self.world.note("schedules.preview", items)
        stored = [self.world.schedules.get(item["id"], {}) for item in items]
        same = [
            all(old.get(name) == item[name] for name in ("title", "data"))
            for old, item in zip(stored, items, strict=True)
        ]
        return {"items": [{"change": "unchanged" if is_same else "updated"} for is_same in same]}

    def revert(self, id: str) -> Json:
        self.world.note("schedules.revert", id)
        found = self._find(id)
        if found["managed_by"] is None:
            raise Conflict(f"{id} belongs to no file, so there is nothing to go back to.")
        found["overridden"] = False
        return self.get(id) | {"change": "updated"}

    def put(self, id: str, body: Json, if_match: Any = None) -> Json:
        self.world.note("schedules.put", id, body, if_match)
        return self._save(body | {"id": id}, "updated" if id in self.world.schedules else "created")

    def patch(self, id: str, body: Json, if_match: Any = None) -> Json:
        self.world.note("schedules.patch", id, body, if_match)
        self._find(id).update(body)
        return self.get(id) | {"change": "updated"}

    def _save(self, body: Json, change: str) -> Json:
        handler_id = str(body.get("handler", "")).split("@")[0]
        if handler_id == "fetch" and not str(body.get("data", {}).get("url", "")).startswith("http"):
            raise InvalidInput(
                "The data does not fit.", errors=[FieldError("data.url", "A URL starts with http:// or https://.")]
            )
        id = body.get("id") or "new-one"
        when = body.get("schedule") or "by hand"
        made = schedule(id, body.get("title") or id, str(when), handler=handler_id or "fetch", pattern="")
        made["data"] = body.get("data", {})
        self.world.schedules[id] = made
        return copy.deepcopy(made) | {"change": change}

    def delete(self, id: str) -> None:
        self._find(id)
        self.world.note("schedules.delete", id)
        self.world.deleted[id] = self.world.schedules.pop(id)

    def restore(self, id: str) -> Json:
        self.world.note("schedules.restore", id)
        if id not in self.world.deleted:
            raise missing("deleted schedule", id)
        self.world.schedules[id] = self.world.deleted.pop(id)
        return self.get(id)

    def run(self, id: str, data: Json | None = None, idempotency_key: str | None = None) -> Json:
        owner = self._find(id)
        self.world.note("schedules.run", id, data, idempotency_key)
        if (id, idempotency_key) in self.world.started:
            return copy.deepcopy(self.world.started[id, idempotency_key])
        made = run(
            max(self.world.runs) + 1,
            owner,
            "queued",
            seconds_ago=0,
            origin={"kind": "manual", "actor": "ada"},
            slot_at=None,
        )
        if idempotency_key is not None:
            self.world.started[id, idempotency_key] = made
        self.world.runs = {made["id"]: made, **self.world.runs}
        return copy.deepcopy(made)

    def _check_seen(self, id: str, pause_at: Any) -> None:
        found = self._find(id)
        if pause_at is not ... and pause_at != (found["pause"] and found["pause"]["at"]):
            raise StaleRevision(f"{id} is paused otherwise.", extra={"current": self.get(id)})

    def pause(self, id: str, reason: str | None = None, until: Any = None, *, pause_at: Any = ...) -> Json:
        self._check_seen(id, pause_at)
        self.world.note("schedules.pause", id, reason, until)
        self._find(id).update(
            paused=True,
            status="paused",
            next=[],
            due_at=None,
            pause={"reason": reason, "until": until, "by": "ada lovelace", "at": self.world.pause_at or at()},
        )
        return self.get(id)

    def resume(self, id: str, missed: str = "skip", *, pause_at: Any = ...) -> Json:
        self._check_seen(id, pause_at)
        self.world.note("schedules.resume", id, missed)
        self._find(id).update(
            paused=False, status="scheduled", pause=None, due_at=at(seconds=60), next=[at(seconds=60)]
        )
        return self.get(id)

    def next(self, id: str, count: int = 5) -> Json:
        self._find(id)
        return {"items": [at(seconds=773 + 900 * step) for step in range(count)], "timezone": ZONE, "notes": []}

    def diagnosis(self, id: str) -> Json:
        found = self._find(id)
        checks = [
            {
                "code": "on",
                "ok": not found["paused"],
                "text": "It is on, and its trigger is valid." if not found["paused"] else "It is paused by ada.",
                "action": {"label": "Resume…", "kind": "resume"} if found["paused"] else None,
            },
            {"code": "workers", "ok": True, "text": "2 workers offer fetch v1: web-1, web-2.", "action": None},
            {
                "code": "last",
                "ok": not found["failing_since"],
                "text": "The last run failed; 2 of 4 attempts are used.",
                "action": {"label": "Try now", "kind": "run"},
            },
            {
                "code": "overlap",
                "ok": None,
                "text": "2 slots were skipped today, because the previous run was still going.",
                "action": {"label": "Change overlap", "kind": "edit"},
            },
        ]
        missed = self.world.missed if found["paused"] else 0
        return {"sentence": "Its last run failed.", "checks": checks, "missed_slots": missed}

    def skips(self, id: str, **filters: Any) -> Json:
        self._find(id)
        return page(
            [
                {
                    "id": 1,
                    "reason": "overlap",
                    "first_slot_at": at(minutes=-107),
                    "last_slot_at": at(minutes=-92),
                    "count": 2,
                }
            ]
        )

    def history(self, id: str, **filters: Any) -> Json:
        self._find(id)
        return page(
            [
                {"revision": 7, "at": at(hours=-5), "by": "ada", "changes": ["data.url"]},
                {"revision": 6, "at": at(days=-40), "by": "ada", "changes": ["created"]},
            ]
        )

    def counts(self, **where: Any) -> Json:
        self.world.note("schedules.counts", where)
        found = self._matching(where)
        failing = [s for s in found if s["failing_since"]]
        by_status = {
            status: sum(s["status"] == status for s in found)
            for status in ("running", "waiting", "paused", "broken", "retrying")
        }
        return {
            "total": len(found),
            "failing": len(failing),
            "overdue": 0,
            "failing_items": copy.deepcopy(failing[:5]),
            "broken_items": copy.deepcopy([s for s in found if s["status"] == "broken"][:5]),
        } | by_status


class Runs:
    def __init__(self, world: World) -> None:
        self.world = world

    def _find(self, id: int) -> Json:
        self.world.note("runs.find", id)
        if id not in self.world.runs:
            raise NotFound(f"There is no run {id:,}.", hint="Runs older than 90 days are removed.")
        return self.world.runs[id]

    def list(self, **filters: Any) -> Json:
        self.world.note("runs.list", filters)
        found = list(self.world.runs.values())
        status = filters.get("status")
        wanted = status.split(",") if isinstance(status, str) else status
        if wanted:
            found = [r for r in found if r["status"] in wanted]
        if filters.get("schedule"):
            found = [r for r in found if r["schedule"] and r["schedule"]["id"] == filters["schedule"]]
        if filters.get("handler"):
            found = [r for r in found if r["handler"]["id"] == filters["handler"]]
        if filters.get("worker"):
            found = [r for r in found if r["worker"] and r["worker"]["id"] == filters["worker"]]
        for name, test in (("from_", lambda r, v: r["queued_at"] >= v), ("to", lambda r, v: r["queued_at"] < v)):
            if filters.get(name):
                bound = filters[name] if isinstance(filters[name], str) else format_instant(filters[name])
                parse_instant(bound)
                found = [r for r in found if test(r, bound)]
        return page(found, filters.get("limit"), filters.get("cursor"))

    def count(self, **where: Any) -> Json:
        found = self.list(**where, limit=100_000)["items"]
        return {"count": min(len(found), 10_000), "is_more": len(found) > 10_000}

    def actions(self, action: str, *, ids: Any = None, where: Any = None, cursor: Any = None, **more: Any) -> Json:
        self.world.note("runs.actions", action, ids, where, more)
        chosen = [r["id"] for r in self.list(**where, limit=100_000)["items"]] if ids is None else [*ids]
        return {"done": [{"id": id} for id in chosen], "failed": [], "next_cursor": None}

    def get(self, id: int) -> Json:
        found = self._find(id)
        owner = self.world.schedules.get(found["schedule"]["id"]) if found["schedule"] else None
        chain = [
            r
            for r in self.world.runs.values()
            if r is found or (found["schedule"] and r["schedule"] == found["schedule"] and r["max_attempts"] > 1)
        ]
        attempts = [
            {
                name: r[name]
                for name in ("id", "status", "attempt", "queued_at", "not_before", "started_at", "finished_at")
            }
            for r in sorted(chain, key=lambda r: r["id"])
        ]
        full = copy.deepcopy(found) | {
            "data": owner["data"] if owner else {"message": "hello"},
            "result": None,
            "attempts": attempts,
            "retry_at": at(seconds=183) if found["status"] == "failed" else None,
            "note": None,
        }
        if full["outcome"]:
            full["outcome"]["traceback"] = TRACEBACK
        return full

    def create(self, handler: str, data: Json | None = None, *, idempotency_key: str | None = None) -> Json:
        self.world.note("runs.create", handler, data)
        if handler.startswith("log-job") and "message" not in (data or {}):
            raise InvalidInput(
                "The data does not fit log-job.",
                errors=[FieldError("data.message", "Missing data for required field.")],
            )
        made = run(max(self.world.runs) + 1, None, "queued", seconds_ago=0)
        self.world.runs = {made["id"]: made, **self.world.runs}
        return copy.deepcopy(made)

    def cancel(self, id: int) -> Json:
        self.world.note("runs.cancel", id)
        found = self._find(id)
        if found["status"] not in {"queued", "running"}:
            raise Conflict(f"Run {id:,} has ended already.")
        found["cancel_requested"] = True
        return copy.deepcopy(found)

    def retry(self, id: int, *, idempotency_key: str | None = None) -> Json:
        self.world.note("runs.retry", id)
        found = self._find(id)
        owner = self.world.schedules.get(found["schedule"]["id"]) if found["schedule"] else None
        made = run(max(self.world.runs) + 1, owner, "queued", seconds_ago=0, retry_of=id)
        self.world.runs = {made["id"]: made, **self.world.runs}
        return copy.deepcopy(made)

    def delete(self, id: int) -> None:
        self._find(id)
        del self.world.runs[id]

    def _read(self) -> tuple[Reader, dict[int, Any], dict[int, int]]:
        reader, found, seen = Reader(), {}, {}
        for one in self.world.output:
            chunk = Chunk(one["seq"], one["stream"], to_micros(parse_instant(one["at"])), one["text"])
            for line in reader.read(chunk):
                found[line.number], seen[line.number] = line, one["seq"]
        return reader, found, seen

    def lines(
        self,
        id: int,
        first: int | None = None,
        *,
        after: int | None = None,
        wait_seconds: float = 0,
        limit: int | None = None,
        stream: str | None = None,
    ) -> Json:
        run = self._find(id)
        reader, found, seen = self._read()
        count, size = reader.count(stream), limit or 200
        shown = [line for line in found.values() if stream in (None, line.stream)]
        if after is None:
            start = max(1, count + 1 + first if (first or 1) < 0 else first or 1)
            shown = shown[start - 1 : start - 1 + size]
        else:
            shown = [line for line in shown if seen[line.number] > after]
            if not shown and run["status"] in {"queued", "running"}:
                time.sleep(min(wait_seconds, 0.2))
        error = reader.error if reader.error and stream in (None, reader.error[1]) else None
        return {
            "items": [
                {
                    "line": line.number,
                    "position": line.number if stream is None else line.position,
                    "at": format_instant(from_micros(line.at)),
                    "stream": line.stream,
                    "text": line.text,
                    "left_out": line.left_out,
                }
                for line in shown
            ],
            "lines": count,
            "first_error": (error[0] if stream is None else error[2]) if error else None,
            "next_after": reader.seq,
            "complete": run["status"] not in {"queued", "running"},
            "fence": self.world.fence,
            "status": run["status"],
            "truncated": run["output"]["truncated"],
        }

    def matches(self, id: int, q: str, *, first: int = 1, limit: int | None = None, stream: str | None = None) -> Json:
        self._find(id)
        reader, found, _ = self._read()
        held = [line for line in found.values() if q.lower() in plain(line.text).lower()]
        positions = [line.number if stream is None else line.position for line in held if stream in (None, line.stream)]
        return {
            "positions": [one for one in positions if one >= first][: limit or 1000],
            "count": len(positions),
            "next_from": None,
            "lines": reader.count(stream),
            "complete": True,
            "fence": self.world.fence,
        }

    def text(self, id: int) -> str:
        self._find(id)
        return "".join(chunk["text"] for chunk in self.world.output)


class Handlers:
    def __init__(self, world: World) -> None:
        self.world = world

    def list(self, *, q: str | None = None) -> Json:
        self.world.note("handlers.list", q)
        return page(
            [
                h
                for h in self.world.handlers.values()
                if (q or "").lower() in f"{h['id']} {h['title']} {h['description']}".lower()
            ]
        )

    def get(self, id: str, version: int | None = None) -> Json:
        self.world.note("handlers.get", id, version)
        if id not in self.world.handlers:
            raise missing("handler", id)
        found = copy.deepcopy(self.world.handlers[id])
        if version is not None and version not in found["versions"]:
            raise missing("handler", f"{id} v{version}")
        return found | ({"version": version} if version else {})


class Others:
    """Plugins, workers, triggers, statistics and sessions."""

    def __init__(self, world: World) -> None:
        self.world = world

    def list_plugins(self) -> Json:
        self.world.note("plugins.list")
        return page(self.world.plugins)

    def list_workers(self) -> Json:
        self.world.note("workers.list")
        return page(self.world.workers)

    def delete_worker(self, instance_id: str) -> None:
        self.world.note("workers.delete", instance_id)
        gone = [w for w in self.world.workers if w["instance_id"] == instance_id]
        if not gone:
            raise missing("worker", instance_id)
        if gone[0]["status"] in {"up", "late"}:
            raise Conflict(f"The worker {gone[0]['id']} is up.")
        self.world.workers.remove(gone[0])

    def preview(
        self,
        trigger: Any,
        *,
        timezone: str | None = None,
        after: Any = None,
        count: int | None = None,
        collisions: bool | None = None,
        schedule_id: str | None = None,
    ) -> Json:
        self.world.note("triggers.preview", trigger, timezone)
        text = (
            trigger
            if isinstance(trigger, str)
            else trigger.get("expression") or trigger.get("phrase") or trigger["kind"]
        )
        if "25:00" in text:
            raise InvalidTrigger(
                "Hours go from 0 to 23.",
                errors=[
                    FieldError(
                        "schedule",
                        "Hours go from 0 to 23.",
                        start=text.index("25:00"),
                        end=text.index("25:00") + 5,
                        suggestion="every day at 23:00",
                    )
                ],
            )
        return {
            "kind": "cron",
            "expression": "30 2 * * *",
            "timezone": timezone or ZONE,
            "description": "At 02:30 every day",
            "next": [at(days=day, hours=12) for day in range(count or 5)],
            "notes": ["28 Mar 2027: 02:30 does not exist. It runs at 03:00."],
            "collisions": {
                "at": at(hours=12),
                "count": 14,
                "schedules": [{"id": "invoice-export", "title": "Invoice export"}],
                "free": {"at": at(hours=12, seconds=420), "schedule": "every day at 02:37"},
            }
            if collisions
            else None,
        }

    def stats_runs(self, **filters: Any) -> Json:
        self.world.note("stats.runs", filters)
        hour = NOW.replace(minute=0, second=0)
        shape = [41, 46, 59, 56, 65, 64, 59, 61, 50, 48, 36, 88, 28, 28, 17, 18, 25, 33, 34, 39, 53, 48, 64, 61, 30]
        bad = {7: 4, 22: 9, 23: 12}
        items = [
            {
                "at": format_instant(hour - timedelta(hours=24 - index)),
                "counts": {"succeeded": count} | ({"failed": bad[index]} if index in bad else {}),
                "duration_seconds_mean": 2.0,
                "delay_seconds_mean": 0.004,
            }
            for index, count in enumerate(shape)
        ]
        return {
            "bucket_seconds": 3600,
            "items": items,
            "totals": {"succeeded": sum(shape), "failed": 25},
            "skipped": 5,
            "start_delay_seconds_p50": 0.004,
        }

    def stats_queue(self) -> Json:
        self.world.note("stats.queue")
        up = [w for w in self.world.workers if w["status"] == "up"]
        return {
            "queued": 2,
            "running": 3,
            "oldest_queued_at": at(seconds=-0.3),
            "start_delay_seconds": 0.004,
            "places": sum(w["places"] for w in up),
            "used": sum(w["used"] for w in up),
            "pause": self.world.paused and {name: self.world.paused[name] for name in ("reason", "until", "by", "at")},
            "failing": sum(bool(s["failing_since"]) for s in self.world.schedules.values()),
            "broken": sum(s["status"] == "broken" for s in self.world.schedules.values()),
            "now": at(),
            "database_bytes": self.world.database_bytes,
        }

    def get_pause(self) -> Json:
        self.world.note("pause.get")
        nobody = {"paused": False, "reason": None, "until": None, "by": None, "at": None, "slots": 0}
        return {**(self.world.paused or nobody), "revision": self.world.pause_revision}

    def _match_pause(self, if_match: int | None) -> None:
        if self.world.meanwhile is not None:
            self.world.meanwhile()
        if if_match is not None and if_match != self.world.pause_revision:
            raise StaleRevision("Paused otherwise.", extra={"current": self.get_pause()})
        self.world.pause_revision += 1

    def begin_pause(self, reason: str | None = None, until: str | None = None, if_match: int | None = None) -> Json:
        self._match_pause(if_match)
        self.world.note("pause.begin", reason)
        self.world.paused = {
            "paused": True,
            "reason": reason,
            "until": until,
            "by": "ada lovelace",
            "at": at(seconds=-60),
            "slots": 18,
        }
        return self.get_pause()

    def end_pause(self, missed: str = "skip", if_match: int | None = None) -> Json:
        self._match_pause(if_match)
        self.world.note("pause.end", missed)
        self.world.paused = None
        return self.get_pause()

    def forecast(self, **filters: Any) -> Json:
        self.world.note("forecast", filters)
        slots = sorted(
            ((s["next"][0], s) for s in self.world.schedules.values() if s["next"]), key=lambda pair: pair[0]
        )
        hour = NOW.replace(minute=0, second=0)
        counts = [26, 55, 53, 49, 43, 37, 31, 25, 20, 17, 16, 15, 80]
        buckets = [
            {"at": format_instant(hour + timedelta(hours=index)), "count": count} for index, count in enumerate(counts)
        ]
        return {
            "items": [
                {"at": when, "schedule": {"id": s["id"], "title": s["title"]}}
                for when, s in slots[: filters.get("limit") or 50]
            ],
            "buckets": buckets,
            "fullest": [
                {
                    "at": format_instant(hour + timedelta(hours=1 + 24 * index)),
                    "count": 5,
                    "schedules": [{"id": s["id"], "title": s["title"]} for _, s in slots[:3]],
                }
                for index in range(min(2, filters.get("fullest") or 0))
            ],
            "truncated": False,
        }

    def put_views(self, items: list[Json]) -> Json:
        self.world.note("views.put", items)
        names = {(item["list"], item["name"]) for item in items}
        kept = [view for view in self.world.views if (view["list"], view["name"]) not in names]
        new = [{**item, "updated_at": at(), "updated_by": "ada"} for item in items if item["filters"] is not None]
        self.world.views = [*kept, *new]
        return page(self.world.views)

    def create_session(self, key: str) -> Json:
        self.world.note("sessions.create", key)
        if key != "right-key":
            raise Unauthenticated("This key is not known.", hint="It was printed when the worker started.")
        return {"token": "token-of-ada", "expires_at": at(days=30)}


class _Group:
    """A resource made of some methods."""

    def __init__(self, **methods: Any) -> None:
        self.__dict__.update(methods)


class FakeClient:
    """What pages use of ``enschedule_client.Client``."""

    def __init__(self, world: World | None = None, token: str | None = None) -> None:
        self.world = world or World()
        self.token = token
        others = Others(self.world)
        self.schedules, self.runs, self.handlers = Schedules(self.world), Runs(self.world), Handlers(self.world)
        self.plugins = _Group(list=others.list_plugins)
        self.views = _Group(list=lambda: page(self.world.views), put=others.put_views)
        self.workers = _Group(list=others.list_workers, delete=others.delete_worker)
        self.pause = _Group(get=others.get_pause, begin=others.begin_pause, end=others.end_pause)
        self.triggers = _Group(preview=others.preview)
        self.stats = _Group(runs=others.stats_runs, queue=others.stats_queue)
        self.sessions = _Group(
            create=others.create_session,
            ways_in=lambda: {"password": True, "single_sign_on": None, "accounts": True},
            delete_current=lambda: self.world.note("sessions.delete", self.token),
            change_own=lambda **_: None,
        )
        self.groups = _Group(list=lambda: page([]))
        self.forecast = others.forecast

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        return self.world.calls

    def me(self) -> Json:
        self.world.note("me")
        if self.world.needs_key and self.token != "token-of-ada":
            raise Unauthenticated("This needs a key.")
        kind = "session" if self.token else "local"
        return {
            "actor": {"kind": kind, "name": "ada lovelace", "permissions": self.world.permissions, "groups": None},
            "version": "0.1.0",
            "server_time": at(),
            "default_timezone": ZONE,
            "read_only": self.world.read_only,
            "auth": {"required": self.world.needs_key, "accounts": False},
            "user": None,
            "server": {name: self.stats.queue()[name] for name in ("pause", "places", "failing", "broken")},
        }

    def ready(self) -> Json:
        self.world.note("ready")
        return self.world.readiness

    def close(self) -> None:
        pass
