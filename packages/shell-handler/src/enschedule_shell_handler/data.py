"""What ``shell`` takes; the dashboard makes its form from this."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE = 'for example "pg_dump shop | gzip > shop.gz" or ["pg_dump", "shop"]'


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValidationError("A command, an argument or a variable cannot hold the character NUL.")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValidationError("Not the name of an environment variable, for example BACKUP_DIR.")


class CommandField(fields.Field):  # type: ignore[type-arg] # marshmallow 3 has it without one
    """The text of a shell script, or a program and its arguments as a list."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | list[str]:
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str) for word in words):
            raise ValidationError(f"Must be text for the shell, or a list of texts, {_EXAMPLE}.")
        if not words or not words[0].strip():
            raise ValidationError(f"Must not be empty, {_EXAMPLE}.")
        for word in words:
            _check_text(word)
        return value if isinstance(value, str) else words


class ShellData(Schema):
    """What ``shell`` takes."""

    command = CommandField(
        required=True,
        metadata={
            "title": "Command",
            "description": "Text for /bin/sh, or as JSON a list: a program and its arguments, without a shell",
            "type": ["string", "array"],
            "items": {"type": "string"},
            "x-multiline": True,
            "x-placeholder": "pg_dump shop | gzip > /backup/shop.gz",
        },
    )
    args = fields.List(
        fields.String(validate=_check_text),
        load_default=list,
        metadata={
            "title": "Arguments",
            "description": 'Added to the command; a script finds them in "$1", "$2" …',
            "default": [],
        },
    )
    env = fields.Dict(
        keys=fields.String(validate=_check_name),
        values=fields.String(validate=_check_text),
        load_default=dict,
        metadata={
            "title": "Environment variables",
            "description": 'Added to what handlers see of the worker\'s environment; as JSON also {"$secret": "NAME"}',
            "default": {},
            "x-placeholder": '{"BACKUP_DIR": "/backup"}',
        },
    )
    cwd = fields.String(
        load_default="",
        validate=_check_text,
        metadata={
            "title": "Working directory",
            "description": "A folder on the worker; its own unless given",
            "x-placeholder": "/srv/shop",
        },
    )
    stdin = fields.String(
        load_default="",
        metadata={"title": "Standard input", "description": "Text that the command reads", "x-multiline": True},
    )
    success_exit_codes = fields.List(
        fields.Integer(strict=True, validate=validate.Range(min=0, max=255)),
        load_default=lambda: [0],
        validate=validate.Length(min=1, error="Name at least one exit code, for example 0."),
        metadata={
            "title": "Exit codes of success",
            "description": "Any other one fails the run",
            "default": [0],
            "x-placeholder": "[0]",
        },
    )
