"""One POST, and receivers that are slow, broken or hostile; and which addresses a notice may go to."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from enschedule_core.addresses import AddressGuard
from enschedule_worker.engine.webhook import NotDeliveredError, post

EVERYTHING = AddressGuard(everything=True)


class Server:
    """Accepts one connection after the other and lets ``act`` do with each what it wants."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self._act = act
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.closing = threading.Event()
        self.seen = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self.closing.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listening.accept()
                with connection:
                    connection.settimeout(60)
                    while b"\r\n\r\n" not in self.seen:
                        piece = connection.recv(65_536)
                        if not piece:
                            break
                        self.seen += piece
                    self._act(connection)

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._listening.close()
        self._thread.join(60)


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], Server]]:
    made: list[Server] = []

    def start(act: Callable[[socket.socket], None]) -> Server:
        made.append(Server(act))
        return made[-1]

    yield start
    for server in made:
        server.close()


def send(port: int, *, path: str = "/s3cret", seconds: float = 20.0, guard: AddressGuard = EVERYTHING) -> None:
    post(f"http://user:p%40ss@127.0.0.1:{port}{path}", b'{"a": 1}', {"X-Id": "7"}, guard=guard, seconds=seconds)


def refused(port: int, **options: float) -> str:
    with pytest.raises(NotDeliveredError) as caught:
        send(port, **options)
    assert "s3cret" not in str(caught.value)
    assert "p%40ss" not in str(caught.value)
    return str(caught.value)


def test_what_is_sent(serve: Callable[..., Server]) -> None:
    server = serve(lambda connection: connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    send(server.port, path="/s3cret/x?a=b")
    head, _, _ = server.seen.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /s3cret/x?a=b HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "Content-Length: 8", "X-Id: 7", "Connection: close"} <= set(lines)
    assert "Authorization: Basic dXNlcjpwQHNz" in lines


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 500 Oh\r\n\r\n", "127.0.0.1 answered 500."),
        (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "127.0.0.1 redirects elsewhere"),
        (b"\x00\x01 garbage\r\n\r\n", "127.0.0.1 cannot be reached: BadStatusLine."),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000, "127.0.0.1 cannot be reached: HTTPException."),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "127.0.0.1 cannot be reached: LineTooLong."),
        (b"", "127.0.0.1 cannot be reached: RemoteDisconnected."),
    ],
)
def test_a_bad_answer_is_said(serve: Callable[..., Server], answer: bytes, said: str) -> None:
    server = serve(lambda connection: connection.sendall(answer))
    assert refused(server.port).startswith(said)


def test_an_endless_body_is_not_read(serve: Callable[..., Server]) -> None:
    ended = threading.Event()

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                connection.sendall(b"x" * 65_536)
        ended.set()

    send(serve(flood).port)
    assert ended.wait(60)


def test_a_receiver_that_drips_is_cut_off_at_the_deadline(serve: Callable[..., Server]) -> None:
    def drip(connection: socket.socket) -> None:
        stop = threading.Event()
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: yes\r\n" * 10_000:
                connection.sendall(bytes([byte]))
                stop.wait(0.02)

    began = time.monotonic()
    assert refused(serve(drip).port, seconds=0.3) == "127.0.0.1 did not answer within 0.3 s."
    assert time.monotonic() - began < 10


def test_a_receiver_that_says_nothing_is_cut_off_at_the_deadline(serve: Callable[..., Server]) -> None:
    silent = threading.Event()
    server = serve(lambda _connection: silent.wait(30) and None)
    assert refused(server.port, seconds=0.2) == "127.0.0.1 did not answer within 0.2 s."
    silent.set()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refused(port) == "127.0.0.1 cannot be reached: Connection refused."


def test_the_address_that_is_connected_to_has_to_pass(serve: Callable[..., Server]) -> None:
    server = serve(lambda connection: connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert "not at a public address" in refused(server.port, guard=AddressGuard())
    with pytest.raises(NotDeliveredError, match="localhost is not at a public address"):
        post(f"http://localhost:{server.port}/", b"", {}, guard=AddressGuard(), seconds=5)
    send(server.port, guard=AddressGuard.parse("10.0.0.0/8, 127.0.0.1"))


def test_a_name_that_is_not_known_and_a_scheme_that_is_not_http() -> None:
    with pytest.raises(NotDeliveredError, match="its name is not known"):
        post("http://nobody.invalid/", b"", {}, guard=EVERYTHING, seconds=20)
    with pytest.raises(NotDeliveredError, match="not an http or https URL"):
        post("file:///etc/passwd", b"", {}, guard=EVERYTHING, seconds=5)
