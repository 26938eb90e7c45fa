"""Requests about schedules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate

from enschedule_core.schedule import (
    DESCRIPTION_MAX,
    ENV_CHARACTERS_MAX,
    ENV_MAX,
    ENV_NAME_PATTERN,
    ENV_REFUSED,
    GROUP_PATTERN,
    ID_PATTERN,
    NOTIFY_MAX,
    NOTIFY_NOBODY,
    RUNBOOK_MAX,
    TAG_PATTERN,
    TAGS_MAX,
    TITLE_MAX,
    OnLost,
    Overlap,
)
from enschedule_core.schema import clean_text
from enschedule_core.secret import name_in
from enschedule_core.triggers.kinds import KINDS
from enschedule_core.wire.common import (
    Flag,
    Instant,
    Pattern,
    Strict,
    Text,
    check_id,
    choice,
    seconds,
    whole,
    whole_pattern,
)
from enschedule_core.wire.handler_ref import HANDLER_EITHER, HandlerField
from enschedule_core.wire.policies import YEAR_SECONDS, BindingInput, CatchUpInput, RetentionInput, RetryInput

_MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
SHORT_TRIGGER: Mapping[str, Any] = {
    "type": "string",
    "description": "A phrase, a cron expression, an instant, or manual",
    "examples": ["every day at 2 am", "*/15 * * * *", "2030-01-01T09:00:00+01:00", "manual"],
}
LONG_TRIGGER: Mapping[str, Any] = {
    "type": "object",
    "description": "The long form of schedule; which members belong to which kind is refused by name",
    "required": ["kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {"type": "string", "enum": [*KINDS, "phrase"]},
        "expression": {"type": "string", "description": "Of cron: five fields, or six with seconds"},
        "seconds": {"type": "number", "exclusiveMinimum": 0, "description": "Of every"},
        "anchor": {**_MAYBE_INSTANT, "description": "Of every: a slot from which it counts"},
        "at": {"type": "string", "format": "date-time", "description": "Of once"},
        "phrase": {"type": ["string", "null"], "description": "In words; with the kind phrase it says all"},
        "timezone": {"type": ["string", "null"], "description": "IANA name"},
        "starts_at": _MAYBE_INSTANT,
        "ends_at": _MAYBE_INSTANT,
        "max_runs": {"type": ["integer", "null"], "minimum": 1},
    },
    "examples": [{"kind": "cron", "expression": "0 2 * * *", "timezone": "Europe/Stockholm"}],
}


def _check_notify(text: str) -> None:
    if text == NOTIFY_NOBODY:
        return
    if len(text) > NOTIFY_MAX or not re.fullmatch(r"https?://[!-~]+", text):
        raise ValidationError(
            f"Must be an http or https URL of at most {NOTIFY_MAX} ASCII characters, "
            f'or "{NOTIFY_NOBODY}", for example https://hooks.example.org/ops.'
        )


def _check_runbook(text: str) -> None:
    if len(text) > RUNBOOK_MAX or not re.fullmatch(r"https?://[!-~]+", text):
        raise ValidationError(
            f"Must be an http or https URL of at most {RUNBOOK_MAX} ASCII characters, "
            "for example https://wiki.example.org/backup."
        )


class EnvironmentField(fields.Field):  # type: ignore[type-arg] # marshmallow 3 has it without one
    """Environment variables: texts by name, or references to secrets."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise ValidationError('Must be an object of texts by name, for example {"STAGE": "live"}.')
        wrong = {str(name): [said] for name, one in value.items() if (said := _wrong_variable(name, one))}
        if wrong:
            raise ValidationError(wrong)
        if len(value) > ENV_MAX or sum(len(name) + len(one) for name, one in value.items()) > ENV_CHARACTERS_MAX:
            raise ValidationError(f"At most {ENV_MAX} variables with {ENV_CHARACTERS_MAX:,} characters in all.")
        return dict(value)


def _wrong_variable(name: Any, value: Any) -> str | None:
    """Return what is wrong with an environment variable."""
    if not ENV_NAME_PATTERN.fullmatch(str(name)):
        return "Not the name of an environment variable, for example STAGE."
    if str(name).startswith(ENV_REFUSED):
        return f"A schedule cannot set this: no name that begins with {', '.join(ENV_REFUSED)}."
    if not isinstance(value, str):
        return None if name_in(value) else 'Must be text, or {"$secret": "NAME"}.'
    if "\x00" in value or (not value.isprintable() and any(0xD800 <= ord(one) <= 0xDFFF for one in value)):
        return "Must be text without NUL and lone surrogates."
    return None


def _check_tag(tag: str) -> None:
    if not TAG_PATTERN.fullmatch(tag) or clean_text(tag) != tag:
        raise ValidationError("A tag has 1 to 50 characters, without spaces, commas, quotes and backslashes.")


class ScheduleInput(Strict):
    """A schedule as it is sent; all that is left out gets its default."""

    id = fields.String(validate=check_id, metadata={"pattern": whole_pattern(ID_PATTERN)})
    title = Text(longest=TITLE_MAX, shortest=1, metadata={"description": "Defaults to the id"})
    name = Text(longest=TITLE_MAX, shortest=1, metadata={"description": "Short for title"})
    description = Text(longest=DESCRIPTION_MAX, lines=True)
    handler = HandlerField(metadata=HANDLER_EITHER)
    data = fields.Raw(metadata={"type": "object", "description": "What the handler gets"})
    schedule = fields.Raw(metadata=SHORT_TRIGGER)
    trigger = fields.Raw(metadata=LONG_TRIGGER)
    timezone = fields.String(metadata={"description": "IANA name, beside schedule", "examples": ["Europe/Stockholm"]})
    paused = Flag()
    retry = fields.Nested(RetryInput)
    timeout_seconds = seconds(least=0.001, most=YEAR_SECONDS, allow_none=True)
    overlap = choice(Overlap)
    catch_up = fields.Nested(CatchUpInput)
    on_lost = choice(OnLost, allow_none=True)
    tags = fields.List(
        fields.String(validate=_check_tag, metadata={"pattern": whole_pattern(TAG_PATTERN)}),
        validate=validate.Length(max=TAGS_MAX, error=f"At most {TAGS_MAX} tags."),
        metadata={"examples": [["shop"]]},
    )
    priority = whole(least=-1000, most=1000)
    max_running = whole(least=1, most=10_000, allow_none=True, metadata={"description": "Runs at once, at most"})
    concurrency_group = fields.String(
        allow_none=True,
        validate=Pattern(GROUP_PATTERN, error="Must be a name such as database-load."),
        metadata={"description": "A limit shared with other schedules"},
    )
    worker = fields.Nested(BindingInput)
    on_success = fields.String(
        allow_none=True,
        validate=check_id,
        metadata={"pattern": whole_pattern(ID_PATTERN), "description": "The schedule to run after a success"},
    )
    on_failure = fields.String(
        allow_none=True,
        validate=check_id,
        metadata={"pattern": whole_pattern(ID_PATTERN), "description": "The one to run when the attempts are used up"},
    )
    retention = fields.Nested(RetentionInput)
    notify = fields.String(
        allow_none=True,
        validate=_check_notify,
        metadata={"description": 'Is told when it starts failing and when it recovers; "none" for nobody'},
    )
    group = fields.String(
        allow_none=True,
        validate=validate.Regexp(GROUP_PATTERN.pattern + r"\Z", error="Must be the id of a group, for example ops."),
        metadata={"description": "The group that owns it; left out, it stays as it is"},
    )
    env = EnvironmentField(
        metadata={
            "type": "object",
            "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "object"}]},
            "description": 'Environment variables that its runs see besides the others: texts, or {"$secret": "NAME"}',
        }
    )
    runbook = fields.String(
        allow_none=True,
        validate=_check_runbook,
        metadata={"description": "A URL that is shown beside each failure: what to do then"},
    )
    managed_by = Text(
        longest=500,
        allow_none=True,
        metadata={"description": "Who owns the definition, such as a file; sent only by that owner"},
    )


PREVIEW_MAX = 200


class SchedulePreviewInput(Strict):
    """Definitions to look at; ``known`` are ids that will be there by then, for ``on_success`` and ``on_failure``."""

    items = fields.List(
        fields.Raw(metadata={"description": "A schedule as PUT takes it; anything else has its problem in the answer"}),
        required=True,
        validate=validate.Length(1, PREVIEW_MAX, error=f"From 1 to {PREVIEW_MAX} definitions."),
    )
    known = fields.List(
        fields.String(validate=check_id), validate=validate.Length(max=20_000, error="At most 20,000 ids.")
    )


class RunNowInput(Strict):
    """Run a schedule once, now; with ``data``, that replaces the schedule's for this run."""

    data = fields.Raw(metadata={"type": "object"})


def seen_pause() -> Instant:
    """Return the field by which a pause or its end depends on what the asker has seen."""
    text = "Refuse (412) unless the present pause began then, or there is none where this is null"
    return Instant(allow_none=True, metadata={"type": "string", "format": "date-time", "description": text})


class PauseInput(Strict):
    """Stop a schedule for a while; without ``until``, until somebody resumes it."""

    reason = Text(longest=500, allow_none=True)
    until = Instant(allow_none=True, metadata={"type": "string", "format": "date-time"})
    pause_at = seen_pause()


class ResumeInput(Strict):
    """Let a schedule go on; ``missed`` says what becomes of the slots since it was paused."""

    missed = fields.String(
        load_default="skip",
        validate=validate.OneOf(["skip", "latest", "all"], error="Must be one of: skip, latest, all."),
    )
    pause_at = seen_pause()
