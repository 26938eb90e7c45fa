"""What runs print, repeated line by line on the server's own standard output (ENSCHEDULE_LOG_JOBS)."""

from __future__ import annotations

import codecs
import sys
import threading
import time
from collections.abc import Iterable

from enschedule_core.context import Stream
from enschedule_worker import logs
from enschedule_worker.engine.streams import ContextStream

LINE_MAX = 8_192
_decoder = codecs.getincrementaldecoder("utf-8")


class Echo:
    """Repeats the output of one run. Each line begins with whose it is: ``[ping 12] hello``, or is a JSON object.

    A line is written whole, so that lines of runs that print at the same time do not mix; one without an end, at
    :meth:`close` or after 8 kB.
    """

    _writing = threading.Lock()

    def __init__(self, name: str, run_id: int, *, is_json: bool = False, schedule_id: str | None = None) -> None:
        self._name, self._run_id, self._schedule_id = name, run_id, schedule_id
        self._is_json = is_json
        self._lock = threading.Lock()
        self._decoders = {stream: _decoder("backslashreplace") for stream in Stream}
        self._begun = dict.fromkeys(Stream, "")

    def write(self, stream: Stream, data: bytes) -> None:
        """Repeat ``data``."""
        with self._lock:
            text = self._begun[stream] + self._decoders[stream].decode(data)
            lines = text.split("\n")
            self._begun[stream] = lines.pop()
            if len(self._begun[stream]) > LINE_MAX:
                lines.append(self._begun[stream])
                self._begun[stream] = ""
            self._say((stream, line) for line in lines)

    def close(self) -> None:
        """Repeat the lines that have no end."""
        with self._lock:
            self._say((stream, text) for stream, text in self._begun.items() if text)
            self._begun = dict.fromkeys(Stream, "")

    def _line(self, stream: Stream, text: str) -> str:
        text = text.rstrip("\r")
        if not self._is_json:
            return f"[{self._name} {self._run_id}] {text}"
        return logs.printed(
            text, time=time.time(), run_id=self._run_id, schedule_id=self._schedule_id, stream=stream.value
        )

    def _say(self, lines: Iterable[tuple[Stream, str]]) -> None:
        text = "".join(f"{self._line(stream, line)}\n" for stream, line in lines)
        if not text:
            return
        # A handler's thread has a standard output of its own: this is for the server's.
        out = sys.stdout.original if isinstance(sys.stdout, ContextStream) else sys.stdout
        encoding = getattr(out, "encoding", None) or "utf-8"
        try:
            with self._writing:
                out.write(text.encode(encoding, "backslashreplace").decode(encoding))
                out.flush()
        except (OSError, ValueError):
            pass  # nobody reads it any more; the run's own output is stored all the same
