"""Counts what a client asks of PostgreSQL, by passing its connections on and reading the messages it sends.

Not in the program, so that it holds whatever library the program uses, and not in the server, whose settings are left
alone. Of the frontend/backend protocol, version 3, only the length and the type of each message matter here.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

SSL_REQUEST = 80877103
_PIECE = 65_536


@contextmanager
def listening(url: str) -> Iterator[tuple[str, Counter[str]]]:
    """Give a URL that leads to the same database, and the counts of what has passed: ``statements``, ``commits``.

    A statement is one execution by the server: a simple query, or one execution of a prepared statement, so that
    ``executemany`` over 100 rows counts 100 times. What begins and ends a transaction is counted apart.
    """
    parts = urlsplit(url)
    seen: Counter[str] = Counter(statements=0, commits=0)
    target = (parts.hostname or "127.0.0.1", parts.port or 5432)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, target, seen), daemon=True).start()
        user, _, _ = parts.netloc.rpartition("@")
        netloc = f"{user}@127.0.0.1:{server.getsockname()[1]}" if user else f"127.0.0.1:{server.getsockname()[1]}"
        yield urlunsplit(parts._replace(netloc=netloc)), seen


def _accept(server: socket.socket, target: tuple[str, int], seen: Counter[str]) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return  # closed: it is over
        upstream = socket.create_connection(target)
        for one in (client, upstream):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _Reader(seen)
        threading.Thread(target=_pump, args=(client, upstream, reader), daemon=True).start()
        threading.Thread(target=_pump, args=(upstream, client, None), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, reader: _Reader | None) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            if reader is not None:
                reader.feed(piece)
            sink.sendall(piece)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _Reader:
    """Reads the messages of one client; each is one byte of type and a length, the first ones only a length."""

    def __init__(self, seen: Counter[str]) -> None:
        self._seen = seen
        self._rest = b""
        self._started = False
        self._texts: dict[bytes, bytes] = {}  # prepared statements by name
        self._bound: dict[bytes, bytes] = {}  # portals by name, with their statement

    def feed(self, piece: bytes) -> None:
        data = self._rest + piece
        at = 0
        while True:
            head = 1 if self._started else 0
            if len(data) < at + head + 4:
                break
            (length,) = struct.unpack_from("!I", data, at + head)
            if len(data) < at + head + length:
                break
            body = data[at + head + 4 : at + head + length]
            if self._started:
                self._message(data[at : at + 1], body)
            elif struct.unpack_from("!I", body)[0] != SSL_REQUEST:
                self._started = True
            at += head + length
        self._rest = data[at:]

    def _message(self, kind: bytes, body: bytes) -> None:
        if kind == b"Q":
            self._count(body)
        elif kind == b"P":
            name, rest = body.split(b"\0", 1)
            self._texts[name] = rest
        elif kind == b"B":
            portal, name, _ = body.split(b"\0", 2)
            self._bound[portal] = name
        elif kind == b"E":
            portal = body.split(b"\0", 1)[0]
            self._count(self._texts.get(self._bound.get(portal, b""), b""))

    def _count(self, sql: bytes) -> None:
        word = sql.lstrip()[:8].upper().split(b"\0")[0].split(b" ")[0].rstrip(b";")
        if word == b"COMMIT":
            self._seen["commits"] += 1
        elif word not in (b"BEGIN", b"ROLLBACK"):
            self._seen["statements"] += 1
