"""What is said of a run whose process died before its handler returned."""

from __future__ import annotations

import signal

from enschedule_core.outcome import Outcome
from enschedule_core.run import OutcomeKind, RunStatus

_MEANINGS = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "abort",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "arithmetic error",
    signal.SIGILL: "illegal instruction",
}
_OF_MEMORY = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS})


def outcome_of_death(code: int, *, memory_max_bytes: int = 0, why: str | None = None) -> Outcome:
    """Return the outcome of a process that ended with exit code ``code``, or by the signal ``-code``.

    ``why`` is what was wrong with it, if the worker itself has ended it for that.
    """
    if why is not None:
        return Outcome(RunStatus.FAILED, OutcomeKind.SIGNAL, f"The process of the handler had to be ended: {why}.")
    if code >= 0:
        message = f"The process of the handler ended by itself with exit code {code} before the handler returned."
        return Outcome(RunStatus.FAILED, OutcomeKind.EXIT, message, exit_code=code)
    number = -code
    try:
        found = signal.Signals(number)
    except ValueError:
        return _by_signal(f"signal {number}", "")
    meaning = _MEANINGS.get(found)
    hint = ""
    if found is signal.SIGKILL:
        hint = " Somebody killed it, or the system did, because it had no memory left."
    elif memory_max_bytes and found in _OF_MEMORY:
        hint = f" Perhaps for want of memory: a run may take {memory_max_bytes:,} bytes (ENSCHEDULE_MEMORY_MAX_BYTES)."
    return _by_signal(f"{found.name} ({meaning})" if meaning else found.name, hint)


def _by_signal(name: str, hint: str) -> Outcome:
    message = f"The process of the handler was ended by {name}.{hint}"
    return Outcome(RunStatus.FAILED, OutcomeKind.SIGNAL, message)
