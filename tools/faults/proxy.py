"""A connection to a database server that breaks at the worst moment: right before, or right after a COMMIT."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_PIECE = 65_536


@dataclass
class Break:
    """Where to break: at the COMMIT of the next transaction that sends ``word``.

    ``answered`` is whether the server may commit: then only its answer is lost. Else the COMMIT itself is.
    """

    word: bytes
    reaches_server: bool
    times: int = 1
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> bool:
        """Use one of its times up."""
        with self._lock:
            if self.done >= self.times:
                return False
            self.done += 1
            return True


class Proxy:
    """Passes bytes on between clients and a server on this machine; a context."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._break: Break | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()

    def arm(self, word: bytes, *, reaches_server: bool, times: int = 1) -> Break:
        """Break as a :class:`Break` says."""
        self._break = Break(word, reaches_server, times)
        return self._break

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the client sends, looking for the word since the last end of a transaction."""
        sent = b""
        with suppress(OSError):
            while piece := client.recv(_PIECE):
                sent += piece
                commits = b"COMMIT" in piece
                chosen = self._break
                if commits and chosen is not None and chosen.word in sent and chosen.take():
                    if chosen.reaches_server:
                        _shut(client, socket.SHUT_WR)
                        client.close()  # so that the answer has nowhere to go
                        server.sendall(piece)
                        time.sleep(0.3)
                    break
                if commits or b"ROLLBACK" in piece:
                    sent = b""
                server.sendall(piece)
        for end in (client, server):
            _shut(end, socket.SHUT_RDWR)
            end.close()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
    _shut(target, socket.SHUT_RDWR)


def _shut(end: socket.socket, how: int) -> None:
    with suppress(OSError):
        end.shutdown(how)
