"""A claimed run gets what it needs on this worker: its time, a place for its output, and its data, opened."""

from __future__ import annotations

from collections.abc import Callable

from enschedule_core.masking import recent
from enschedule_worker.engine.capture import Capture
from enschedule_worker.engine.echo import Echo
from enschedule_worker.engine.options import EngineOptions
from enschedule_worker.engine.running import HeldRun
from enschedule_worker.service import opening
from enschedule_worker.service.claiming import ClaimedRun
from enschedule_worker.store.seal import Keyring


def receive(
    found: ClaimedRun,
    options: EngineOptions,
    keyring: Keyring,
    *,
    now: Callable[[], int],
    monotonic: Callable[[], float],
) -> tuple[HeldRun, str | None]:
    """Return the run as this worker holds it, and why its data cannot be opened, if so.

    ``now`` is the database's time in microseconds, for its output; ``monotonic`` says seconds, for its deadline.
    """
    seconds = options.timeout_seconds if found.timeout is None else found.timeout / 1_000_000
    capture = Capture(now, limit=options.output_max_bytes)
    echo = _echo(found, is_json=options.log_format == "json") if options.log_jobs else None
    opened, problem = _open(found, keyring)
    run = HeldRun(found, capture, timeout_seconds=seconds, monotonic=monotonic, echo=echo, opened=opened)
    return run, problem


def _echo(found: ClaimedRun, *, is_json: bool) -> Echo:
    name = found.schedule_id or found.handler_id
    return Echo(name, found.run_id, is_json=is_json, schedule_id=found.schedule_id)


def _open(found: ClaimedRun, keyring: Keyring) -> tuple[opening.Opened | None, str | None]:
    """Return what the handler of a run gets, or why that cannot be; other runs do not suffer from it."""
    try:
        opened = found.opened(keyring)
    except opening.CannotOpen as problem:
        return None, str(problem)
    if opened.values:
        recent.add(opened.values)
    return opened, None
