"""Requests about accounts, groups, API keys and the audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validate, validates_schema

from enschedule_core.actor import Role
from enschedule_core.schedule import GROUP_PATTERN
from enschedule_core.wire.common import Instant, Strict, Text, choice
from enschedule_core.wire.lists import FlagField, PageQuery

USER_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
PASSWORD_MAX: Final = 200
_ID = re.compile(GROUP_PATTERN.pattern)


class UserName(fields.String):
    """The name of an account, in lower case."""

    def _deserialize(self, value: Any, *where: Any, **options: Any) -> str:
        text = str(super()._deserialize(value, *where, **options)).strip().lower()
        if not USER_PATTERN.fullmatch(text):
            raise ValidationError("Must be a name such as ada or ada@example.org.")
        return text


def _password(**options: Any) -> fields.String:
    length = validate.Length(1, 1000, error="Must not be empty.")
    return fields.String(**options, validate=length, metadata={"format": "password"})


def _group(**options: Any) -> fields.String:
    return fields.String(**options, validate=validate.Regexp(_ID.pattern + r"\Z", error="Must be an id such as ops."))


class LoginInput(Strict):
    """Open a session: with a name and a password, with a key or a printed link's token, or by single sign-on.

    The last is ``ticket`` (what it was begun with), ``state``, and ``code`` or ``error`` as the provider sent them.
    """

    key = fields.String(validate=validate.Length(1, 1000, error="Must not be empty."))
    name = fields.String(validate=validate.Length(1, 1000, error="Must not be empty."))
    password = _password()
    ticket = fields.String(validate=validate.Length(1, 4000, error="Must not be empty."))
    state = fields.String(validate=validate.Length(0, 1000, error="At most 1,000 characters."))
    code = fields.String(validate=validate.Length(1, 4000, error="Must not be empty."))
    error = fields.String(validate=validate.Length(1, 1000, error="Must not be empty."))

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        said = set(data)
        if "key" in said and said != {"key"}:
            raise ValidationError("Say key alone; or name and password; or ticket, state and code.", "key")
        if "ticket" in said:
            if "state" not in said:
                raise ValidationError("Is missing; the provider sent it back.", "state")
            if len(said & {"code", "error"}) != 1 or said & {"name", "password"}:
                raise ValidationError("Say ticket with state, and code or error.", "ticket")
        elif said & {"state", "code", "error"}:
            raise ValidationError("Is missing; it is what the log-in was begun with.", "ticket")
        elif "key" not in said:
            for name in ("name", "password"):
                if name not in said:
                    raise ValidationError("Is missing; say name and password, or key.", name)


class SignOnInput(Strict):
    """Begin a log-in at the provider, which sends the browser back to ``redirect_uri``."""

    redirect_uri = fields.String(
        required=True,
        validate=validate.Regexp(
            r"https?://[!-~]{1,1900}\Z",
            error="Must be an http or https address, such as https://jobs.example.org/login/callback.",
        ),
    )


class SetupInput(Strict):
    """Make the first account, an admin, with the token of the link that the start printed."""

    token = fields.String(required=True, validate=validate.Length(1, 1000))
    name = UserName(required=True)
    password = _password(required=True)


class UserInput(Strict):
    """An account to make."""

    name = UserName(required=True)
    password = _password(required=True)
    role = choice(Role, load_default=Role.VIEWER)


class UserPatch(Strict):
    """What to change about an account."""

    role = choice(Role)
    password = _password()
    disabled = fields.Boolean(truthy={True}, falsy={False})


class MePatch(Strict):
    """What to change about one's own account; a new password needs the present one."""

    current_password = _password()
    password = _password()
    theme = fields.String(
        allow_none=True, validate=validate.OneOf(["light", "dark"], error="Must be light, dark, or null.")
    )
    timezone = fields.String(allow_none=True)

    @validates_schema
    def _check(self, data: Mapping[str, Any], **_: Any) -> None:
        if "password" in data and "current_password" not in data:
            raise ValidationError("Is missing; a new password needs the present one.", "current_password")
        zone = data.get("timezone")
        if zone is not None and zone not in available_timezones():
            raise ValidationError(f"“{zone[:60]}” is not a time zone; write for example Europe/Stockholm.", "timezone")


class GroupInput(Strict):
    """A group to make."""

    id = _group(required=True)
    title = Text(longest=200, shortest=1)


class GroupPatch(Strict):
    """What to change about a group."""

    title = Text(longest=200, shortest=1, required=True)


class HandlerAccessInput(Strict):
    """Who may use a handler: ``null`` is what its code says, and no limit to groups."""

    minimum_role = choice(Role, allow_none=True, load_default=None)
    groups = fields.List(
        _group(), allow_none=True, load_default=None, validate=validate.Length(max=100, error="At most 100 groups.")
    )


class MemberInput(Strict):
    """What somebody is in a group."""

    role = choice(Role, required=True)


class ApiKeyInput(Strict):
    """A key to make. With ``own`` it is the asker's own, and never does more than they may."""

    name = Text(longest=100, shortest=1, required=True)
    role = choice(Role, required=True)
    group = _group(allow_none=True)
    expires_at = Instant(allow_none=True, metadata={"type": "string", "format": "date-time"})
    own = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class ApiKeyQuery(PageQuery):
    """Which keys."""

    own = FlagField(load_default=False, metadata={"description": "Only the asker's own"})


class AuditQuery(PageQuery):
    """Which entries of the audit."""

    actor = Text(longest=200, metadata={"description": "The name of who did it"})
    action = Text(longest=50, metadata={"description": "What was done, or its beginning: schedule."})
    kind = Text(longest=50, metadata={"description": "The kind of what it was done to: schedule"})
    id = Text(longest=130, metadata={"description": "The id of what it was done to"})
    group = _group()
    refused = FlagField()
    since = Instant(data_key="from", metadata={"type": "string", "format": "date-time"})
    before = Instant(data_key="to", metadata={"type": "string", "format": "date-time"})
