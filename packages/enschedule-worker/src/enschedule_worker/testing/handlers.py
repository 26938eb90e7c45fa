"""The handlers that the checks of executors run: in a module, so that a process of its own finds them too."""

# ruff: noqa: T201 - to print is what they are for
from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Any

from enschedule_core import Cancel, Context, Fail, Retry, handler


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
def end(data: Any) -> Any:  # noqa: C901 - one line for each end that there is
    """End as the data say."""
    print("before")
    match data["how"]:
        case "raise":
            raise ValueError("no luck")
        case "exit":
            sys.exit(3)
        case "retry":
            raise Retry(after_seconds=7)
        case "again":
            raise Retry(message="not yet")
        case "fail":
            raise Fail("for good")
        case "cancel":
            raise Cancel("not today")
        case "cause":
            raise Fail("for a reason") from ValueError("no luck")
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
    is_told = context.cancelled  # who has never looked is interrupted instead
    context.progress(0, "inside")
    while not is_told:
        time.sleep(0.002)
        is_told = context.cancelled
    raise Cancel("stopped as told")


@handler(id="sleep")
def sleep(_data: Any, context: Context) -> None:
    """Never look at what it is told."""
    context.progress(0, "inside")
    while True:
        time.sleep(60)


@handler(id="wait-a-little")
async def wait_a_little(data: Any, context: Context) -> dict[str, Any]:
    """Print from tasks that wait for each other."""

    async def one(number: int) -> int:
        await asyncio.sleep(0.01 * (data["times"] - number))
        print(f"task {number}")
        context.progress(0.5, f"task {number}")
        return number

    return {"tasks": await asyncio.gather(*(one(number) for number in range(data["times"])))}


@handler(id="nap")
async def nap(_data: Any, context: Context) -> None:
    """Wait for long, and clean up."""
    try:
        context.progress(0, "inside")  # it may be told from here on
        await asyncio.sleep(600)
    finally:
        print("tidied up")


@handler(id="grow", version=1)
def grow_1(data: Any) -> Any:
    """Return data of the first version."""
    return {"by": 1, **data}


@handler(id="grow", version=4)
def grow_4(data: Any) -> Any:
    """Return data of the last version."""
    return {"by": 4, **data}


@grow_4.migrate(from_version=2)
def _from_2(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "from_2": True}


@grow_4.migrate(from_version=3)
def _from_3(data: dict[str, Any]) -> dict[str, Any]:
    if data.get("spoilt"):
        raise LookupError("it is spoilt")
    return {**data, "from_3": True}
