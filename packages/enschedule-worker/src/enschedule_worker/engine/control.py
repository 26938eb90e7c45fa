"""The socket over which a worker and one child process tell each other what to do, and what came of it."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from typing import Any

from enschedule_worker.engine.frames import Unpacker

READ_BYTES = 65_536


class Control:
    """A worker's end, which ``selector`` listens to until it is closed, with ``data`` for whoever waits for that."""

    def __init__(self, end: socket.socket, selector: selectors.BaseSelector, data: Any) -> None:
        self._socket = end
        self._selector = selector
        self._data = data
        self._unsent = bytearray()
        self._unpacker = Unpacker()
        self.is_open = True
        selector.register(end, selectors.EVENT_READ, data)

    @property
    def waits(self) -> bool:
        """True while a message waits for room in the socket."""
        return bool(self._unsent)

    def send(self, message: bytes) -> None:
        """Send what the socket takes, after what waits; the rest waits until it can be written to again."""
        if not self.is_open:
            return
        waited = bool(self._unsent)
        if waited:
            message = bytes(self._unsent) + message
        try:
            sent = self._socket.send(message)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(message)  # it is dead, which its owner will see
        self._unsent = bytearray(message[sent:])
        if waited != bool(self._unsent):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)
            self._selector.modify(self._socket, events, self._data)

    def read(self) -> bytes | None:
        """Read once; nothing at the moment is None, and empty means that nobody will be heard any more."""
        try:
            return self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def messages(self, data: bytes) -> Iterator[list[Any]]:
        """Return the messages that are whole with ``data``. Raises :class:`BadMessage` at the first that is none."""
        return iter(self._unpacker.feed(data))

    def close(self) -> None:
        """Say and hear no more; a second call does nothing."""
        if self.is_open:
            self.is_open = False
            self._selector.unregister(self._socket)
            self._socket.close()
