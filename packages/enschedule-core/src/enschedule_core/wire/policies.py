"""How requests say the policies of a schedule that have members of their own."""

from __future__ import annotations

from marshmallow import ValidationError, fields, validate

from enschedule_core.schedule import (
    WORKER_NAME_PATTERN,
    WORKER_TAG_PATTERN,
    WORKER_TAGS_MAX,
    Backoff,
    CatchUpMode,
)
from enschedule_core.wire.common import (
    Number,
    Pattern,
    Strict,
    choice,
    seconds,
    whole,
    whole_pattern,
)

YEAR_SECONDS = 366 * 86_400


class RetryInput(Strict):
    """How often and how soon a failed run is tried again; ``max_attempts`` counts the first one."""

    example = '{"max_attempts": 3}'

    max_attempts = whole(least=1, most=1000, metadata={"default": 1})
    delay_seconds = seconds(least=0, most=YEAR_SECONDS, metadata={"default": 60})
    backoff = choice(Backoff, metadata={"default": "constant"})
    max_delay_seconds = seconds(least=0, most=YEAR_SECONDS, metadata={"default": 3600})
    jitter = Number(
        validate=validate.Range(0, 1, error="Must be a share from 0 to 1, for example 0.1."),
        metadata={"default": 0, "description": "Share of the delay added at random, 0 to 1"},
    )


class CatchUpInput(Strict):
    """Which missed slots run once a worker is back."""

    example = '{"mode": "all"}'

    mode = choice(CatchUpMode, metadata={"default": "latest"})
    window_seconds = seconds(least=0, most=YEAR_SECONDS, allow_none=True)
    max = whole(least=1, most=1000, metadata={"default": 10})


class RetentionInput(Strict):
    """How long runs are kept; what is left out is the worker's setting."""

    example = '{"days": 30}'

    days = whole(least=0, most=36_500, allow_none=True, metadata={"description": "Since a run ended; 0 keeps for ever"})
    runs = whole(least=0, most=1_000_000, allow_none=True, metadata={"description": "The newest stay, whatever age"})
    failures_days = whole(
        least=0, most=36_500, allow_none=True, metadata={"description": "The same as days, of runs that failed"}
    )


def _check_worker_tag(tag: str) -> None:
    if not WORKER_TAG_PATTERN.fullmatch(tag):
        raise ValidationError("A worker's tag has 1 to 50 of letters, digits, dot, hyphen and underscore: gpu.")


class BindingInput(Strict):
    """Which workers may run the schedule: the one with this id, and only with all of these tags."""

    example = '{"tags": ["gpu"]}'

    id = fields.String(
        allow_none=True,
        validate=Pattern(WORKER_NAME_PATTERN, error="Must be the id of a worker, for example web-1."),
    )
    tags = fields.List(
        fields.String(validate=_check_worker_tag, metadata={"pattern": whole_pattern(WORKER_TAG_PATTERN)}),
        validate=validate.Length(max=WORKER_TAGS_MAX, error=f"At most {WORKER_TAGS_MAX} tags."),
        metadata={"examples": [["gpu"]]},
    )
