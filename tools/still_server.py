"""`enschedule up` with a clock that stands still, so that pictures taken on two days differ only by what has changed.

    python tools/still_server.py FILE up …

FILE holds the present instant, in microseconds since 1970. What the server takes for the time is read from it each time
that it is asked; waiting and measuring go on as ever. For tools/screenshots.py only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

MICROS = 1_000_000


def stop_the_clock(file: Path) -> None:
    """Let ``time.time`` and ``time.time_ns`` say what ``file`` says."""

    def micros() -> int:
        return int(file.read_text(encoding="ascii"))

    time.time = lambda: micros() / MICROS
    time.time_ns = lambda: micros() * 1000


if __name__ == "__main__":
    stop_the_clock(Path(sys.argv[1]))
    from enschedule_cli.main import main

    sys.argv = ["enschedule", *sys.argv[2:]]
    main()
