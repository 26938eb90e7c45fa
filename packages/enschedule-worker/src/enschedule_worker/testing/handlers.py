"""The handlers that the checks of executors run: in a module, so that a process of its own finds them too."""

# ruff: noqa: T201 - to print is what they are for
from __future__ import annotations

import logging
import sys
import time
from typing import Any

from enschedule_core import Cancel, Context, Retry, handler


@handler(id="say")
def say(data: Any) -> Any:
    """Print the text, and return the data."""
    print(data["text"])
    return data


@handler(id="alternate")
def alternate(data: Any, context: Context) -> None:
    """Print and log in turns."""
    for number in range(data["times"]):
        print(f"out {number}")
        print(f"err {number}", file=sys.stderr)
    sys.stdout.buffer.write(b"bytes \xff\n")
    context.log.info("log %s", "line")
    logging.getLogger("a.library").warning("of a library")
    print("last", end="")


@handler(id="end")
def end(data: Any) -> Any:
    """End as the data say."""
    print("before")
    match data["how"]:
        case "raise":
            raise ValueError("no luck")
        case "exit":
            sys.exit(3)
        case "retry":
            raise Retry(after_seconds=7)
        case "base":
            raise BaseException("at the base")  # noqa: TRY002
        case "recursion":
            return end.function(data)
        case "large":
            return "x" * 900_000
        case _:
            return object()


@handler(id="tell")
def tell(_data: Any, context: Context) -> dict[str, Any]:
    """Return what the context says."""
    context.progress(0.25, "a quarter")
    context.progress(1, "done")
    return {
        "run_id": context.run_id,
        "attempt": context.attempt,
        "slot_at": None if context.slot_at is None else context.slot_at.isoformat(),
        "schedule_id": context.schedule_id,
        "deadline": None if context.deadline is None else context.deadline.isoformat(),
        "idempotency_key": context.idempotency_key,
        "cancelled": context.cancelled,
    }


@handler(id="obey")
def obey(_data: Any, context: Context) -> None:
    """Go on until told to stop."""
    context.progress(0, "inside")
    while not context.cancelled:
        time.sleep(0.002)
    raise Cancel("stopped as told")


@handler(id="sleep")
def sleep(_data: Any, context: Context) -> None:
    """Never look at what it is told."""
    context.progress(0, "inside")
    while True:
        time.sleep(60)
