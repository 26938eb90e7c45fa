"""The steps between a claimed run and its outcome; every executor takes them, and so does a plugin's own test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from enschedule_core.context import Context
from enschedule_core.errors import EnscheduleError, InvalidData, InvalidInput
from enschedule_core.failure import describe, environment_hint, one_line, traceback_text
from enschedule_core.handler import Cancel, Fail, Handler, Retry
from enschedule_core.masking import NOTHING, Mask
from enschedule_core.registry import Registry
from enschedule_core.run import OutcomeKind, RunStatus
from enschedule_core.schema import check_json

_LONGEST_WAIT_SECONDS = 10 * 365 * 86_400.0

#: After a failure: as the schedule's policy says, not at all, or after this long (the policy counts the attempts).
RetryWish = Literal["policy", "never"] | timedelta


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    ``message`` is one line of at most 2,000 characters, ``traceback`` at most 64 kB that begins with the handler's
    own frames. ``result`` is a JSON value of at most 1 MiB; a larger one, or one that is not JSON, is ``None`` and
    ``note`` says so. ``retry`` means something for failures only.
    """

    status: RunStatus
    kind: OutcomeKind | None = None
    message: str | None = None
    traceback: str | None = None
    exit_code: int | None = None
    result: Any = None
    note: str | None = None
    retry: RetryWish = "policy"


def perform(
    registry: Registry,
    *,
    handler_id: str,
    version: int,
    data: Any,
    context: Context,
    hint: Callable[[BaseException], str] = environment_hint,
    mask: Mask = NOTHING,
) -> Outcome:
    """Run the handler with ``data`` of ``version`` and return how it ended.

    Resolve → upgrade → load → call → outcome. It never raises: what the handler raises, ``SystemExit``,
    ``RecursionError`` and ``MemoryError`` included, becomes the outcome. ``sys.exit()`` and ``sys.exit(0)`` succeed,
    any other exit fails with its code (1 for a text, as Python does). What ``hint`` returns for an unforeseen
    exception is added to the message. ``mask`` takes secrets out of message, traceback, result and note.
    """
    handler = registry.resolve(handler_id, version)
    if handler is None:
        return _no_handler(registry, handler_id, version)
    try:
        loaded = _loaded(handler, data, version)
    except BaseException as error:  # noqa: BLE001 - becomes the outcome
        return _refused(handler, version, error, mask)
    try:
        result = handler.call(loaded, context)
    except BaseException as error:  # noqa: BLE001 - becomes the outcome
        return _ended(error, hint, mask)
    return _succeeded(result, mask)


def _loaded(handler: Handler, data: Any, version: int) -> Any:
    return handler.load(handler.upgrade(data, version))


def _no_handler(registry: Registry, handler_id: str, version: int) -> Outcome:
    there = ", ".join(str(one.version) for one in registry.handlers() if one.id == handler_id)
    message = f"There is no handler {handler_id}@{version} here" + (f", only version {there}." if there else ".")
    for plugin in registry.broken:
        message += f" Plugin {plugin.name} is broken: {plugin.error}"
    return Outcome(RunStatus.FAILED, OutcomeKind.NO_HANDLER, one_line(message))


def _refused(handler: Handler, version: int, error: BaseException, mask: Mask) -> Outcome:
    """Data that cannot be used stays so: there is no retry."""
    refused = Outcome(RunStatus.FAILED, OutcomeKind.INVALID_DATA, retry="never")
    if isinstance(error, InvalidData):
        return replace(refused, message=one_line(mask.text(str(error))))
    step = "check" if version == handler.version else f"upgrade to version {handler.version} or check"
    message = f"Could not {step} the data of {handler.id}@{version}: {describe(error)}"
    return replace(refused, message=one_line(mask.text(message)), traceback=traceback_text(error, mask))


def _ended(error: BaseException, hint: Callable[[BaseException], str], mask: Mask) -> Outcome:
    """Return the outcome of what the handler raised; an end on purpose has a traceback only if it has a cause."""
    on_purpose = isinstance(error, SystemExit | Fail | Retry | Cancel) and error.__cause__ is None
    trace = None if on_purpose else traceback_text(error, mask)
    failed = Outcome(RunStatus.FAILED, OutcomeKind.EXCEPTION, traceback=trace)
    match error:
        case SystemExit():
            return _exited(error, failed, mask)
        case Cancel():
            message = one_line(mask.text(error.message)) or "The handler cancelled the run."
            return Outcome(RunStatus.CANCELLED, OutcomeKind.CANCELLED, message, retry="never")
        case Fail():
            message = one_line(mask.text(error.message)) or "The handler ended the run as failed."
            return replace(failed, message=message, retry="never")
        case Retry():
            message = one_line(mask.text(error.message)) or "The handler asks for another attempt."
            after = error.after_seconds
            return replace(
                failed,
                kind=OutcomeKind.EXCEPTION if error.exit_code is None else OutcomeKind.EXIT,
                message=message,
                exit_code=error.exit_code,
                retry="policy" if after is None else timedelta(seconds=min(after, _LONGEST_WAIT_SECONDS)),
            )
        case EnscheduleError():
            return replace(failed, message=one_line(mask.text(f"{type(error).__name__}: {error}")))
        case _:
            return replace(failed, message=one_line(mask.text(describe(error) + hint(error))))


def _exited(error: SystemExit, failed: Outcome, mask: Mask) -> Outcome:
    code = error.code
    if code is None or code == 0:
        return Outcome(RunStatus.SUCCEEDED, retry="never")
    exit_code = int(code) if isinstance(code, int) else 1
    message = f"The handler called sys.exit({exit_code})" if isinstance(code, int) else describe(error)
    return replace(failed, kind=OutcomeKind.EXIT, message=one_line(mask.text(message)), exit_code=exit_code)


def _succeeded(result: Any, mask: Mask) -> Outcome:
    try:
        checked = check_json(result, field="result", error=InvalidInput)
        return Outcome(RunStatus.SUCCEEDED, result=mask.value(checked), retry="never")
    except InvalidInput as refused:
        note = f"The result was not stored. {refused.detail}"
    except BaseException as error:  # noqa: BLE001 - a result of a class of its own can raise anything
        note = f"The result was not stored: reading it raised {describe(error)}"
    return Outcome(RunStatus.SUCCEEDED, note=one_line(mask.text(note)), retry="never")
