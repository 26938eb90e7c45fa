"""The routes of secrets."""

from __future__ import annotations

from typing import Any, cast

from enschedule_client.call import Call, Repeat, segment
from enschedule_client.resources import Resource
from enschedule_core.errors import EnscheduleError
from enschedule_core.wire.types import Page, Rotation, Secret

KEEP: Any = object()
"""Stands for a group that is not named: it stays as it is."""


class Secrets(Resource):
    """``/secrets``: values that data refer to by name, for those who may administrate."""

    def list(self) -> Page[Secret]:
        """Return all secrets by name, without their values, and which schedules refer to them."""
        return cast("Page[Secret]", self._get("secrets"))

    def get(self, name: str) -> Secret:
        """Return one secret, without its value."""
        return cast("Secret", self._get(f"secrets/{segment(name, 'name')}"))

    def put(self, name: str, value: str, *, group: str | None = KEEP) -> Secret:
        """Keep a value under a name, new or instead of the one there.

        ``group`` is the one whose schedules may use it, ``None`` lets all; left out, it stays as it is.
        """
        body = {"value": value} if group is KEEP else {"value": value, "group": group}
        call = Call("PUT", f"secrets/{segment(name, 'name')}", body=body, repeat=Repeat.ALWAYS)
        return cast("Secret", self._caller.json(call))

    def delete(self, name: str) -> None:
        """Delete a secret; runs of schedules that refer to it fail from then on."""
        self._delete(f"secrets/{segment(name, 'name')}")

    def rotate(self, cursor: str | None = None) -> Rotation:
        """Encrypt the next rows of all that is sealed with the first key; see :meth:`rotate_all`."""
        call = Call("POST", "encryption/rotate", body={"cursor": cursor}, repeat=Repeat.ALWAYS)
        return cast("Rotation", self._caller.json(call))

    def rotate_all(self) -> Rotation:
        """Encrypt all that is sealed with the first key, and return how much that was.

        Raises :class:`EnscheduleError` if the worker answers with a cursor twice, which would never end.
        """
        done = unreadable = 0
        seen: set[str] = set()
        cursor: str | None = None
        while True:
            found = self.rotate(cursor)
            done, unreadable, cursor = done + found["done"], unreadable + found["unreadable"], found["next_cursor"]
            if cursor is None:
                return {"done": done, "unreadable": unreadable, "next_cursor": None}
            if cursor in seen:
                raise EnscheduleError("The worker answered with the same cursor twice; this has no end.")
            seen.add(cursor)
