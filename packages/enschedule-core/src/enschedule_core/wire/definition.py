"""The definition of a schedule: what somebody wrote, read and checked; what a revision keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from marshmallow import ValidationError

from enschedule_core.errors import FieldError, InvalidInput, InvalidTrigger
from enschedule_core.schedule import Policies
from enschedule_core.schema import check_data
from enschedule_core.triggers import Manual, Trigger, check_fires, from_wire
from enschedule_core.wire.common import Findings, check_id, invalid, load
from enschedule_core.wire.schedules import ScheduleInput

TRIGGER_MAX: Final = 2000
POLICIES_MAX: Final = 2000
TAGS_JSON_MAX: Final = 2000
_POLICY_TEXTS: Final = ("notify", "worker", "on_success", "on_failure", "concurrency_group")
_SCHEMA = ScheduleInput()
_PARTIAL = ScheduleInput(partial=True)
_SHORT_FORMS: Final = {"name": ("title",), "schedule": ("trigger",), "trigger": ("schedule",), "title": ("name",)}


@dataclass(frozen=True, slots=True)
class GivenTrigger:
    """A trigger as it was sent, so that a refusal at creation names the field that somebody wrote."""

    value: Any
    field: str
    default_timezone: str
    beside: str | None = None

    def read(self) -> Trigger:
        """Return the trigger. Raises :class:`InvalidTrigger`."""
        zone = self.beside if self.beside is not None else self.default_timezone
        return from_wire(self.value, default_timezone=zone, field=self.field)


@dataclass(frozen=True, slots=True)
class Definition:
    """What to run, with which data, when, under which policies.

    ``id`` is ``None`` where one is still to be made; ``handler_version`` is ``None`` where the newest is
    meant; ``paused`` and ``group`` are ``None`` where nothing was said about it; the group "" is none. ``says_owner``
    is true where ``managed_by`` was sent, be it as ``null``: then it is the owner who speaks, not somebody who
    overrides what the owner said.
    """

    id: str | None
    title: str
    description: str
    handler_id: str
    handler_version: int | None
    data: dict[str, Any]
    trigger: Trigger
    policies: Policies = field(default_factory=Policies)
    tags: tuple[str, ...] = ()
    env: dict[str, Any] = field(default_factory=dict)
    runbook: str | None = None
    managed_by: str | None = None
    paused: bool | None = None
    group: str | None = None
    says_owner: bool = field(default=False, compare=False)
    given: GivenTrigger | None = field(default=None, compare=False, repr=False)

    @classmethod
    def from_wire(cls, raw: Any, *, id: str | None = None, default_timezone: str = "UTC") -> Definition:
        """Read a schedule as it is sent, short forms included; ``id`` is the one in the address, if there is one.

        Raises :class:`InvalidInput` (:class:`InvalidTrigger`, :class:`InvalidData` where that alone is wrong)
        with every mistake that could be found. Whether the trigger ever fires is :meth:`check_fires`.
        """
        findings = Findings()
        if id is not None:
            _check_id(id, findings)
        body = _fields(raw, id, findings)
        given = _given_trigger(raw, default_timezone) if isinstance(raw, Mapping) else None
        trigger = _trigger(given, findings)
        data = _data(raw, findings)
        findings.raise_all()
        policies = Policies.from_wire(body)
        tags = tuple(dict.fromkeys(body.get("tags", ())))
        _check_sizes(policies, tags)
        handler_id, handler_version = body["handler"]
        own_id = id or body.get("id")
        return cls(
            id=own_id,
            title=body.get("title") or body.get("name") or own_id or handler_id,
            description=body.get("description", ""),
            handler_id=handler_id,
            handler_version=handler_version,
            data=data,
            trigger=trigger,
            policies=policies,
            tags=tags,
            env=body.get("env", {}),
            runbook=body.get("runbook") or None,
            managed_by=body.get("managed_by") or None,
            paused=body.get("paused"),
            group=(body["group"] or "") if "group" in body else None,
            says_owner="managed_by" in body,
            given=given,
        )

    def check_fires(self, now: datetime) -> None:
        """Raise :class:`InvalidTrigger` if this trigger, set now, would never fire (a past ``once``, 30 February)."""
        if self.given is not None:
            check_fires(self.trigger, self.given.value, now, field=self.given.field)

    def with_version(self, version: int) -> Definition:
        """Return this definition with a settled version of the handler."""
        return replace(self, handler_version=version)

    def as_dict(self) -> dict[str, Any]:
        """Return the long wire form, which :meth:`from_wire` reads back to an equal definition."""
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "handler": {"id": self.handler_id, "version": self.handler_version},
            "data": self.data,
            "trigger": self.trigger.to_wire(),
            **self.policies.to_wire(),
            "tags": list(self.tags),
            "env": self.env,
            "runbook": self.runbook,
            "managed_by": self.managed_by,
        }


def merged(current: Mapping[str, Any], patch: Any) -> dict[str, Any]:
    """Return the wire form ``current`` with each field that ``patch`` names replaced whole.

    A short form replaces the long one (``schedule`` the ``trigger``, ``name`` the ``title``). ``timezone`` alone moves
    the present trigger to another zone, and ``schedule`` alone stays in the present one.

    Raises :class:`InvalidInput` for a patch that is no object or names unknown fields.
    """
    if not isinstance(patch, Mapping):
        raise invalid([FieldError("", "Must be a JSON object.")])
    load(_PARTIAL, patch)
    replaced = {other for name in patch for other in _SHORT_FORMS.get(name, ())}
    whole = {name: value for name, value in current.items() if name not in replaced}
    if "timezone" in patch and not {"schedule", "trigger"} & set(patch):
        rest = {name: value for name, value in patch.items() if name != "timezone"}
        return {**whole, **rest, "trigger": {**current["trigger"], "timezone": patch["timezone"]}}
    if "schedule" in patch:
        whole["timezone"] = current["trigger"]["timezone"]
    return {**whole, **patch}


def canonical(value: Any) -> str:
    """Return JSON text that is the same for equal values only: ``true`` is not ``1``; order of keys is no matter."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _fields(raw: Any, id_in_address: str | None, findings: Findings) -> dict[str, Any]:
    try:
        body = load(_SCHEMA, raw)
    except InvalidInput as problem:
        findings.add(problem)
        return {}
    for one, other in (("title", "name"), ("schedule", "trigger")):
        if one in body and other in body:
            findings.add(invalid([FieldError(other, f"Say {one} or {other}, not both.")]))
    if "handler" not in body:
        findings.add(invalid([FieldError("handler", 'Is missing; name one, for example "fetch".')]))
    if id_in_address is not None and body.get("id", id_in_address) != id_in_address:
        findings.add(
            invalid([FieldError("id", f"The address says {id_in_address}; leave the id out, or send the same.")])
        )
    return body


def _check_id(text: str, findings: Findings) -> None:
    try:
        check_id(text)
    except ValidationError as problem:
        findings.add(invalid([FieldError("id", str(problem.messages[0]))]))


def _given_trigger(raw: Mapping[str, Any], default_timezone: str) -> GivenTrigger | None:
    name = "schedule" if "schedule" in raw else "trigger"
    zone = raw.get("timezone")
    beside = zone if isinstance(zone, str) else None
    if name not in raw:  # by hand, and what is said about the zone holds for a trigger that comes later
        return GivenTrigger({"kind": Manual.kind}, name, default_timezone, beside) if beside else None
    return GivenTrigger(raw[name], name, default_timezone, beside)


def _trigger(given: GivenTrigger | None, findings: Findings) -> Trigger:
    """Return the trigger, or remember why there is none; nothing sent means by hand."""
    if given is None:
        return Manual()
    try:
        trigger = given.read()
        _check_zones(given)
        if _units(trigger.to_wire()) > TRIGGER_MAX:
            raise InvalidTrigger(errors=[FieldError(given.field, f"At most {TRIGGER_MAX:,} characters as JSON.")])
    except InvalidInput as problem:
        findings.add(problem)
        return Manual()
    return trigger


def _units(value: Any) -> int:
    """Return how long the JSON text of a value is as SQL Server counts, in UTF-16 units."""
    return len(canonical(value).encode("utf-16-le")) // 2


def _check_sizes(policies: Policies, tags: tuple[str, ...]) -> None:
    """Refuse what is too long as a whole for the column it is stored in, though each part of it is not.

    Of the policies, the mistake names the one that takes most of the room.
    """
    errors = []
    wire = policies.to_wire()
    if (length := _units(wire)) > POLICIES_MAX:
        longest = max(_POLICY_TEXTS, key=lambda name: _units(wire[name]))
        others = ", ".join(name for name in _POLICY_TEXTS if name != longest)
        message = (
            f"With {others} and the other policies, at most {POLICIES_MAX:,} characters as JSON; this is {length:,}."
        )
        errors.append(FieldError(longest, message))
    if (length := _units(tags)) > TAGS_JSON_MAX:
        errors.append(FieldError("tags", f"At most {TAGS_JSON_MAX:,} characters as JSON; these have {length:,}."))
    if errors:
        raise invalid(errors)


def _check_zones(given: GivenTrigger) -> None:
    """Refuse a zone beside a trigger that has another: one of them would be without effect."""
    own = given.value.get("timezone") if isinstance(given.value, Mapping) else None
    if own and given.beside and own != given.beside:
        message = f"The trigger has a time zone of its own, {own}; leave one of them out."
        raise InvalidTrigger(f"timezone: {message}", errors=[FieldError("timezone", message)])


def _data(raw: Any, findings: Findings) -> dict[str, Any]:
    try:
        return check_data(raw.get("data", {})) if isinstance(raw, Mapping) else {}
    except InvalidInput as problem:
        findings.add(problem)
        return {}
