"""An exception as text for people: one line, and a traceback that begins where the handler does."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType

from enschedule_core.masking import NOTHING, Mask
from enschedule_core.schema import clean_text

MESSAGE_MAX = 2_000
TRACEBACK_MAX_BYTES = 64 * 1024

_OURS = str(Path(__file__).parent) + os.sep
_ASYNCIO = os.path.dirname(os.__file__) + os.sep + "asyncio" + os.sep  # noqa: PTH120 - as code objects spell it
_PLUMBING = (_OURS, _ASYNCIO, "<frozen importlib", "<frozen runpy", os.path.dirname(os.__file__) + os.sep + "importlib")  # noqa: PTH120


def one_line(text: str) -> str:
    """Return ``text`` on one line of at most 2,000 characters that every database stores."""
    line = clean_text(" ".join(text[: MESSAGE_MAX * 4].split()))
    return line if len(line) <= MESSAGE_MAX else line[: MESSAGE_MAX - 1] + "…"


def describe(error: BaseException) -> str:
    """Return ``ConnectError: connection refused``, or the class alone if the exception has no text."""
    try:
        text = str(error).strip()
    except BaseException as broken:  # noqa: BLE001 - __str__ is the handler's code too
        text = f"(its text cannot be shown: {type(broken).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def traceback_text(error: BaseException, mask: Mask = NOTHING) -> str:
    """Return the traceback, at most 64 kB of UTF-8, without the frames between Enschedule and the handler.

    ``mask`` takes secrets out of it, before it is cut.
    """
    try:
        lines = traceback.format_exception(type(error), error, _from_handler(error.__traceback__))
        return _cut(clean_text(mask.text("".join(lines))))
    except BaseException as broken:  # noqa: BLE001 - out of memory or stack while it is written
        return f"{type(error).__name__} (its traceback cannot be shown: {type(broken).__name__})\n"


def _from_handler(trace: TracebackType | None) -> TracebackType | None:
    """Return the part of ``trace`` from the first frame of foreign code; all of it if there is none."""
    rest = trace
    while rest is not None and rest.tb_frame.f_code.co_filename.startswith(_PLUMBING):
        rest = rest.tb_next
    return rest if rest is not None else trace


def _cut(text: str) -> str:
    """Keep the beginning and the end, which says what went wrong."""
    raw = text.encode()
    if len(raw) <= TRACEBACK_MAX_BYTES:
        return text
    gap = b"\n[... %d bytes left out ...]\n"
    head = (TRACEBACK_MAX_BYTES - len(gap) - 20) // 2
    kept = raw[:head] + gap % (len(raw) - 2 * head) + raw[-head:]
    return kept.decode(errors="ignore")


def environment_hint(error: BaseException) -> str:
    """Return a hint if ``error`` is ``os.environ["NAME"]`` on a variable that is not set, else nothing."""
    name = unset_variable(error)
    if name is None:
        return ""
    return f" - the environment variable {name} is not set: set it for the worker, and start that again"


def unset_variable(error: BaseException) -> str | None:
    """Return the name if ``error`` is ``os.environ["NAME"]`` on a variable that is not set, else ``None``."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if not isinstance(error, KeyError) or trace is None or not error.args:
        return None
    if trace.tb_frame.f_code is not type(os.environ).__getitem__.__code__:
        return None
    return str(error.args[0])
