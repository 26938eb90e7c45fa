"""Taking handlers from a plugin: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from enschedule_core.errors import Conflict
from enschedule_core.handler import Handler

if TYPE_CHECKING:
    from marshmallow import Schema


class Registration:
    """The handlers of one plugin while it is being loaded; what ``enschedule_register_handlers`` is given."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def register(self, handler: Handler) -> Handler:
        """Add ``handler``; the same object twice is once, another one of its id and version is a :class:`Conflict`."""
        if not isinstance(handler, Handler):
            raise TypeError(f"register() takes what @handler made, not {handler!r}")
        for known in self._handlers:
            if known is handler:
                return handler
            if (known.id, known.version) == (handler.id, handler.version):
                raise Conflict(f"{handler.id}@{handler.version} is registered twice by the same plugin.")
        self._handlers.append(handler)
        return handler

    def register_job(
        self,
        *,
        id: str,
        job: Callable[..., Any],
        title: str | None = None,
        data_schema: Schema | type[Schema] | None = None,
        description: str = "",
        example: Mapping[str, Any] | None = None,
        version: int = 1,
    ) -> Handler:
        """Make ``job`` a handler, as :func:`enschedule_core.handler` does, and add it.

        If ``job`` is a :class:`Handler` of this id and version already, it is added as it is.
        """
        return self.register(
            as_handler(
                job,
                id=id,
                title=title,
                data_schema=data_schema,
                description=description,
                example=example,
                version=version,
            )
        )

    def handlers(self) -> tuple[Handler, ...]:
        """Return what was added, in that order."""
        return tuple(self._handlers)


def as_handler(job: Callable[..., Any], **declaration: Any) -> Handler:
    """Return ``job`` itself if it is a handler of the declared id and version, else a handler made of it."""
    if isinstance(job, Handler):
        if (job.id, job.version) == (declaration["id"], declaration.get("version", 1)):
            return job
        job = job.function
    return Handler(job, **declaration)


_collecting: ContextVar[Registration | None] = ContextVar("enschedule_collecting", default=None)


def collecting() -> Registration | None:
    """Return the registration that handlers go into while a program is loaded for its handlers only, else ``None``.

    ``enschedule(...)`` asks this: in a worker's child the program runs again, and must not start a second server.
    """
    return _collecting.get()


@contextmanager
def collect() -> Iterator[Registration]:
    """Make a fresh registration the one that :func:`collecting` returns, for the length of the block."""
    registration = Registration()
    token = _collecting.set(registration)
    try:
        yield registration
    finally:
        _collecting.reset(token)
