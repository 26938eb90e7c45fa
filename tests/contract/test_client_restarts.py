"""Following a run while its server goes away: what is printed meanwhile comes once, and in order."""

from __future__ import annotations

import socket
import threading

import pytest

from enschedule_client import Client
from enschedule_core import errors, handler
from enschedule_core.registry import Registry
from enschedule_worker.build import build_worker
from enschedule_worker.settings import read_settings

KEY = "restart-key"


class Printing:
    """A handler that prints a line whenever the test says so."""

    def __init__(self):
        self.go_on = threading.Semaphore(0)
        self.registry = Registry()

        @handler(id="lines")
        def lines(data):
            for number in range(data["count"]):
                self.go_on.acquire()
                print(f"line {number}", flush=True)

        self.registry.register(lines)


@pytest.fixture
def printing():
    return Printing()


def worker_on(folder, printing, **more):
    environ = {"SQLITE": str(folder / "restarts.db"), "API_KEY": KEY, "ENSCHEDULE_EXECUTOR": "thread", **more}
    built = build_worker(read_settings(environ), printing.registry)
    built.start()
    return built


class Follower:
    """Follows a run in a thread of its own; ``lines`` are what has come."""

    def __init__(self, client, run_id):
        self.client, self.run_id = client, run_id
        self.lines = []
        self.problem = None
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        try:
            for chunk in self.client.runs.follow(self.run_id):
                with self._came:
                    self.lines += chunk["text"].splitlines()
                    self._came.notify_all()
        except errors.EnscheduleError as problem:
            self.problem = problem

    def wait(self, count):
        with self._came:
            assert self._came.wait_for(lambda: len(self.lines) >= count, 60), (self.lines, self.problem)

    def end(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.lines


def test_output_goes_on_after_the_server_was_started_again(tmp_path, printing, served):
    worker = worker_on(tmp_path, printing)
    try:
        with served(worker.app) as url:
            client = Client(url, api_key=KEY)
            run = client.runs.create("lines", {"count": 5})
            follower = Follower(client, run["id"])
            printing.go_on.release(2)
            follower.wait(2)
        printing.go_on.release()  # while nobody answers
        with pytest.raises(errors.WorkerUnreachable):
            client.me()
        with served(worker.app, port=int(url.rpartition(":")[2])):
            follower.wait(3)
            printing.go_on.release(2)
            assert follower.end() == [f"line {number}" for number in range(5)]
            assert client.runs.get(run["id"])["status"] == "succeeded"
    finally:
        printing.go_on.release(9)
        worker.stop(grace_seconds=5)


def test_output_of_a_run_that_was_lost_with_its_worker_ends(tmp_path, printing, served):
    lasting = {"ENSCHEDULE_LEASE_SECONDS": "2", "ENSCHEDULE_HEARTBEAT_SECONDS": "0.5"}
    worker = worker_on(tmp_path, printing, **lasting)
    with served(worker.app) as url:
        client = Client(url, api_key=KEY)
        run = client.runs.create("lines", {"count": 3})
        follower = Follower(client, run["id"])
        printing.go_on.release()
        follower.wait(1)
    worker.stop(grace_seconds=0)
    printing.go_on.release(9)
    again = worker_on(tmp_path, printing, **lasting)
    try:
        with served(again.app, port=int(url.rpartition(":")[2])):
            assert follower.end()[0] == "line 0"
            assert follower.problem is None
            assert client.runs.get(run["id"])["status"] == "lost"
    finally:
        again.stop(grace_seconds=5)


def test_a_connection_that_breaks_in_an_answer_is_asked_again(tmp_path, printing, served):
    """A proxy that cuts the first answers in the middle, as networks do."""
    worker = worker_on(tmp_path, printing)
    try:
        with served(worker.app) as url, cutting(int(url.rpartition(":")[2]), cuts=3) as cut_url:
            run = Client(url, api_key=KEY).runs.create("lines", {"count": 2})
            printing.go_on.release(2)
            chunks = Client(cut_url, api_key=KEY).runs.follow(run["id"])
            assert "".join(chunk["text"] for chunk in chunks) == "line 0\nline 1\n"
    finally:
        worker.stop(grace_seconds=5)


class cutting:  # noqa: N801 - it is used as a function
    """Passes connections on to a port of this machine; the first ``cuts`` answers end after 40 bytes."""

    def __init__(self, port, *, cuts):
        self._port, self._cuts = port, cuts
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __exit__(self, *_):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self):
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            cut, self._cuts = self._cuts > 0, self._cuts - 1
            threading.Thread(target=self._pass_on, args=(near, cut), daemon=True).start()

    def _pass_on(self, near, cut):
        with near, socket.create_connection(("127.0.0.1", self._port)) as far:
            back = threading.Thread(target=self._copy, args=(far, near, 40 if cut else None), daemon=True)
            back.start()
            self._copy(near, far, None)
            back.join(60)

    @staticmethod
    def _copy(source, target, most):
        try:
            while piece := source.recv(65_536 if most is None else most):
                target.sendall(piece)
                if most is not None:
                    break
            target.shutdown(socket.SHUT_RDWR if most is not None else socket.SHUT_WR)
        except OSError:
            return
