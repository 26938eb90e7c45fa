"""Telling somebody: when a schedule begins to fail and when it recovers, once, over a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from engine_kit import ACTOR, World, reap_after
from sqlalchemy import select

from enschedule_core.addresses import AddressGuard
from enschedule_core.errors import InvalidInput
from enschedule_core.wire.definition import Definition
from enschedule_worker.engine import notices
from enschedule_worker.engine.notices import NoticeSender
from enschedule_worker.service import schedules
from enschedule_worker.store import notices as store
from enschedule_worker.store.models.sharing import Notice

EVERYTHING = AddressGuard(everything=True)


class Receiver:
    """A server on loopback that keeps what it is sent, and answers what the test wants."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.on_request: Any = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append(json.loads(body))
                outer.headers.append({"path": self.path, **self.headers})
                outer.on_request()
                self.send_response(outer.answers.pop(0) if outer.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/secret?token=s3cret"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    @property
    def events(self) -> list[str]:
        return [document["event"] for document in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next notice of a silent receiver wait for the database's clock alone, which the test moves."""
    monkeypatch.setattr(notices, "REST_SECONDS", 0.0)


def sender(world: World, notify_url: str | None = None, guard: AddressGuard = EVERYTHING) -> NoticeSender:
    return NoticeSender(world.database, notify_url=notify_url, base_url="https://jobs.example.org", guard=guard)


def send(by: NoticeSender) -> list[bool]:
    """Send all that is due."""
    results: list[bool] = []
    while taken := by.take():
        results += [by.deliver(notice) for notice in taken]
    return results


def fails(world: World, times: int = 1) -> None:
    world.handlers.custom["maybe"] = raise_it
    for _ in range(times):
        world.run()
        world.settle()


def succeeds(world: World, times: int = 1) -> None:
    world.handlers.custom["maybe"] = lambda _data, _context: print("fine again")
    for _ in range(times):
        world.run()
        world.settle()


def raise_it(_data: Any, _context: Any) -> None:
    for number in range(30):
        print(f"line {number}")
    raise ValueError("no luck")


def maybe(world: World, **more: Any) -> None:
    world.add(title="Nightly backup", schedule="manual", handler="custom", data={"name": "maybe"}, **more)


def rows(world: World) -> list[Any]:
    with world.database.read() as tx:
        return list(tx.execute(select(*Notice.__table__.columns).order_by(Notice.id)))


def test_once_when_it_begins_to_fail_and_once_when_it_recovers(world: World, receiver: Receiver) -> None:
    maybe(world, notify=receiver.url)
    by = sender(world)
    succeeds(world, 2)
    assert send(by) == []
    fails(world, 6)
    assert send(by) == [True]
    succeeds(world, 3)
    assert send(by) == [True]
    assert receiver.events == ["failing", "recovered"]
    fails(world)
    send(by)
    assert receiver.events == ["failing", "recovered", "failing"]
    assert [(row.send_at, row.sent_at, row.error) for row in rows(world)] == [(None, world.clock.now, None)] * 3


def test_what_it_says(world: World, receiver: Receiver) -> None:
    maybe(world, notify=receiver.url, runbook="https://wiki.example.org/backup")
    fails(world)
    send(sender(world))
    [document], [headers] = receiver.got, receiver.headers
    run = document.pop("run")
    assert document == {
        "id": f"1-{world.clock.now}",
        "event": "failing",
        "at": "2026-11-24T12:00:00Z",
        "text": "Nightly backup is failing: ValueError: no luck",
        "schedule": {"id": "s", "title": "Nightly backup"},
        "runbook": "https://wiki.example.org/backup",
        "error": {"kind": "exception", "message": "ValueError: no luck", "exit_code": None},
        "output": [f"line {number}" for number in range(10, 30)],
        "link": "https://jobs.example.org/runs/1",
    }
    assert (run["id"], run["status"], run["attempt"], run["worker"]) == (1, "failed", 1, "w1")
    assert headers["path"] == "/hook/secret?token=s3cret"
    assert headers["Idempotency-Key"] == document["id"]
    assert headers["Content-Type"] == "application/json"
    succeeds(world)
    send(sender(world))
    assert receiver.got[1]["text"] == "Nightly backup has recovered."
    assert receiver.got[1]["error"] is None


def test_the_attempts_have_to_be_used_up(world: World, receiver: Receiver) -> None:
    maybe(world, notify=receiver.url, retry={"max_attempts": 3, "delay_seconds": 60})
    fails(world)
    by = sender(world)
    assert send(by) == []
    world.advance(60)
    world.settle()
    assert send(by) == []
    world.advance(60)
    world.settle()
    assert send(by) == [True]
    assert receiver.got[0]["run"]["attempt"] == 3


def test_a_lost_run_is_a_failure_too(make_world: Any, receiver: Receiver) -> None:
    world = make_world(lease_seconds=10.0, notify_url=receiver.url)
    world.add(schedule="manual", handler="block")
    world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    world.engine._held.forget(list(world.engine._held))
    reap_after(world, 11)
    assert send(sender(world, receiver.url)) == [True]
    assert receiver.got[0]["run"]["status"] == "lost"


@pytest.mark.parametrize(("own", "told"), [(None, True), ("none", False)])
def test_the_setting_is_for_schedules_that_say_nothing(
    make_world: Any, receiver: Receiver, own: str | None, told: bool
) -> None:
    world = make_world(notify_url=receiver.url)
    maybe(world, notify=own)
    fails(world)
    assert bool(send(sender(world, receiver.url))) is told


def test_nobody_is_told_where_nobody_is_named(world: World) -> None:
    maybe(world)
    fails(world)
    assert rows(world) == []


def test_a_dead_receiver_is_tried_for_a_day_and_then_given_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    maybe(world, notify="http://127.0.0.1:9/hook/s3cret")
    fails(world)
    by, waits = sender(world), []
    while (row := rows(world)[0]).send_at is not None:
        waits.append((row.send_at - world.clock.now) / 1e6)
        world.advance(waits[-1])
        assert send(by) == [False]
    assert len(waits) == notices.ATTEMPTS
    assert 20 * 3600 < sum(waits) < 26 * 3600
    assert row.error == "127.0.0.1 cannot be reached: Connection refused."
    assert "given up after 10 attempts" in caplog.text
    assert "s3cret" not in caplog.text
    world.advance(86_400)
    assert send(by) == []


def test_an_error_is_tried_again_and_the_order_kept(world: World, receiver: Receiver) -> None:
    maybe(world, notify=receiver.url)
    by = sender(world)
    receiver.answers = [500, 302]
    fails(world)
    assert send(by) == [False]
    assert rows(world)[0].error == "127.0.0.1 answered 500."
    succeeds(world)
    assert send(by) == []
    world.advance(12)
    assert send(by) == [False]
    assert "redirects elsewhere" in rows(world)[0].error
    world.advance(40)
    assert send(by) == [True, True]
    assert receiver.events == ["failing", "failing", "failing", "recovered"]
    assert len({document["id"] for document in receiver.got}) == 2


def test_a_worker_that_dies_while_it_sends_leaves_the_notice_to_the_next(make_world: Any, receiver: Receiver) -> None:
    first = make_world()
    maybe(first, notify=receiver.url)
    fails(first)
    assert len(sender(first).take()) == 1
    again = make_world(clock=first.clock, handlers=first.handlers)
    assert send(sender(again)) == []
    again.advance(notices.LEASE_SECONDS + 1)
    assert send(sender(again)) == [True]
    assert receiver.events == ["failing"]


def test_two_workers_send_each_notice_once(make_world: Any, receiver: Receiver) -> None:
    first = make_world()
    second = make_world(clock=first.clock, handlers=first.handlers)
    for number in range(8):
        name = f"s{number}"
        first.add(name, schedule="manual", handler="fail", notify=receiver.url)
        first.run(name)
    first.settle()
    together = threading.Barrier(2, timeout=60)

    def work(by: NoticeSender) -> None:
        together.wait()
        send(by)

    threads = [threading.Thread(target=work, args=(sender(world),)) for world in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    send(sender(first))
    assert sorted(document["schedule"]["id"] for document in receiver.got) == [f"s{number}" for number in range(8)]


def test_two_that_have_read_the_same_do_not_both_take_it(world: World, receiver: Receiver) -> None:
    maybe(world, notify=receiver.url)
    fails(world)
    with world.database.read() as tx:
        [one], [two] = store.due(tx, 5), store.due(tx, 5)
    with world.database.write() as tx:
        assert store.take(tx, one, lease=1)
        assert not store.take(tx, two, lease=1)
        assert store.sent(tx, one)
        assert not store.failed(tx, two, "late", again_at=5)


def test_a_slow_receiver_takes_two_senders_at_most(world: World, receiver: Receiver) -> None:
    for number in range(6):
        world.add(f"s{number}", schedule="manual", handler="fail", notify=receiver.url)
        world.run(f"s{number}")
    world.settle()
    by = sender(world)
    assert len(by.take()) == notices.SENDERS_PER_RECEIVER
    assert by.take() == []


def test_the_thread_sends_at_once_and_stops(make_world: Any, receiver: Receiver) -> None:
    world = make_world(notify_url=receiver.url)
    arrived = threading.Event()
    receiver.on_request = arrived.set
    by = sender(world, receiver.url)
    by.start()
    maybe(world)
    fails(world)
    assert arrived.wait(60)
    by.stop()
    assert not by._thread.is_alive()


def test_a_schedule_may_name_public_addresses_only(make_world: Any, receiver: Receiver) -> None:
    world = make_world(notify_url=receiver.url)
    maybe(world, notify=f"{receiver.url}&mine")
    fails(world)
    assert send(sender(world, receiver.url, AddressGuard())) == [False]
    assert "is not at a public address; ENSCHEDULE_FETCH_ALLOW_PRIVATE can allow it" in rows(world)[0].error
    assert receiver.got == []
    world.advance(3_600)
    assert send(sender(world, receiver.url, AddressGuard.parse("127.0.0.0/8"))) == [True]


def test_the_operator_may_name_any_address(make_world: Any, receiver: Receiver) -> None:
    world = make_world(notify_url=receiver.url)
    maybe(world)
    fails(world)
    assert send(sender(world, receiver.url, AddressGuard())) == [True]


def test_nobody_is_told_of_a_schedule_that_was_deleted(world: World, receiver: Receiver) -> None:
    world.add(schedule="manual", handler="block", notify=receiver.url)
    world.run()
    world.turn()
    world.handlers.gates["gate"].wait_entered()
    schedules.delete(world.database, ACTOR, "s")
    world.handlers.custom["boom"] = raise_it
    world.cancel(1)
    world.handlers.gates["gate"].open()
    world.settle()
    assert rows(world) == []


def test_a_run_that_was_deleted_meanwhile_is_named_as_far_as_it_is_known(world: World, receiver: Receiver) -> None:
    from enschedule_worker.service import runs

    maybe(world, notify=receiver.url)
    fails(world)
    runs.delete(world.database, ACTOR, 1)
    assert send(sender(world)) == [True]
    assert (receiver.got[0]["run"], receiver.got[0]["output"]) == ({"id": 1}, [])


# ---------------------------------------------------------------- how an address is shown


def test_an_address_is_shown_without_its_secret_and_survives_being_sent_back(world: World) -> None:
    secret = "https://user:pw@hooks.example.org/T0/B1/x?key=s3cret"
    body = {"id": "s", "handler": "ok", "schedule": "manual", "notify": secret}
    made, _ = schedules.create(world.database, world.registry, ACTOR, Definition.from_wire(body))
    assert made["notify"] == "https://hooks.example.org/***"
    put = Definition.from_wire(body | {"notify": made["notify"], "title": "New"})
    changed, how = schedules.replace_or_create(world.database, world.registry, ACTOR, put)
    assert (how, changed["notify"]) == ("updated", "https://hooks.example.org/***")
    assert secret in world.schedule().policies
    _, how = schedules.replace_or_create(world.database, world.registry, ACTOR, put)
    assert how == "unchanged"
    _, how = schedules.edit(world.database, world.registry, ACTOR, "s", {"title": "Newer"})
    assert (how, secret in world.schedule().policies) == ("updated", True)
    with pytest.raises(InvalidInput, match="write the whole address"):
        schedules.edit(world.database, world.registry, ACTOR, "s", {"notify": "https://other.example.org/***"})
    with pytest.raises(InvalidInput, match="write the whole address"):
        schedules.create(
            world.database, world.registry, ACTOR, Definition.from_wire(body | {"id": "t", "notify": made["notify"]})
        )


@pytest.mark.parametrize("url", [None, "none", "http://hooks.example.org", "http://hooks.example.org:8080/"])
def test_what_is_no_secret_is_shown(world: World, url: str | None) -> None:
    body = {"id": "s", "handler": "ok", "schedule": "manual", "notify": url}
    made, _ = schedules.create(world.database, world.registry, ACTOR, Definition.from_wire(body))
    assert made["notify"] == url
