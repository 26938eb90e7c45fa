"""A run as it goes on: what it prints, and how it ends."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from enschedule_cli.connection import FAILED, TIMED_OUT
from enschedule_cli.terminal import OutputFilter, tell
from enschedule_cli.times import span

if TYPE_CHECKING:
    from enschedule_client import Client
    from enschedule_core.wire.types import OutputChunk

OPEN = ("queued", "running")


def new_key() -> str:
    """Return a key under which a request may arrive twice and still make one run."""
    return uuid.uuid4().hex


def write_chunks(chunks: Iterable[OutputChunk]) -> None:
    """Write what a run prints to the same streams: as it is in a pipe, and so that nothing can steer a terminal."""
    filters = {
        name: OutputFilter() if stream.isatty() else None
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr))
    }
    try:
        for chunk in chunks:
            kept = filters[chunk["stream"]]
            text = chunk["text"] if kept is None else kept.feed(chunk["text"])
            _write(text, chunk["stream"])
    finally:
        for name, kept in filters.items():
            if kept is not None:
                _write(kept.end(), name)


def printed_so_far(client: Client, id: int, stream: Any = None) -> Iterator[OutputChunk]:
    """Yield what a run has printed until now."""
    after = 0
    while True:
        page = client.runs.output(id, after, stream=stream)
        yield from page["items"]
        if page["complete"] or not page["items"]:
            return
        after = page["next_after"]


def _write(text: str, stream: str) -> None:
    # color=True: or click would take a pipe's escape sequences out.
    click.echo(text, nl=False, err=stream == "stderr", color=True)


def end_with(run: Any) -> None:
    """Say how a run ended, on stderr, and end with 0, 1, or 5 where it has not ended."""
    tell(sentence(run))
    if run["status"] in OPEN:
        sys.exit(TIMED_OUT)
    if run["status"] != "succeeded":
        sys.exit(FAILED)


def sentence(run: Any) -> str:
    """Return how a run stands, as one line."""
    about = f"run {run['id']}"
    if run["status"] in OPEN:
        return f"{about}: still {run['status']}; it goes on"
    took = f" after {span(run['duration_seconds'])}" if run["duration_seconds"] is not None else ""
    message = f": {run['outcome']['message']}" if run["outcome"] and run["outcome"]["message"] else ""
    again = f"; the next attempt is at {run['retry_at']}" if run.get("retry_at") else ""
    return f"{about}: {run['status']}{took}{message}{again}"


def follow_to_end(client: Client, id: int, timeout_seconds: float | None) -> None:
    """Write what a run prints until it ends, say how, and end with the exit code for that."""
    write_chunks(client.runs.follow(id, timeout_seconds=timeout_seconds))
    end_with(client.runs.get(id))
