"""Handlers: plugin code with an id, a version, a data schema and an example.

``@handler`` is what plugin authors use; :class:`Handler` is what the rest of Enschedule sees.

``enschedule_core`` is imported by everything, the command line too, which has 0.2 s to start: marshmallow, apispec
and asyncio are imported where they are needed.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from enschedule_core.declaration import (
    arguments,
    check_example,
    check_identity,
    check_max_running,
    role_of,
    schema_instance,
    summary,
)
from enschedule_core.errors import InvalidData
from enschedule_core.schema import check_data, invalid_data, not_an_object

if TYPE_CHECKING:
    from marshmallow import Schema

    from enschedule_core.context import Context
    from enschedule_core.source import Source

Migration = Callable[[dict[str, Any]], dict[str, Any]]
_Step = TypeVar("_Step", bound=Migration)


class Retry(Exception):
    """Raised by a handler: this attempt failed, try again.

    ``after_seconds`` is how long to wait; left out, the schedule's policy says. The number of attempts
    stays the policy's. ``exit_code`` is that of a program whose end it was.
    """

    def __init__(self, after_seconds: float | None = None, message: str = "", *, exit_code: int | None = None) -> None:
        if after_seconds is not None and not 0 <= after_seconds < float("inf"):
            raise ValueError(f"after_seconds must be 0 or more, for example 30, not {after_seconds}")
        super().__init__(message)
        self.after_seconds = after_seconds
        self.message = message
        self.exit_code = exit_code


class Fail(Exception):
    """Raised by a handler: the run failed, and trying again would not help."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Cancel(Exception):
    """Raised by a handler: the run ends as cancelled, which is no failure."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message


class Registrar(Protocol):
    """Anything that handlers can be registered with: a registry, a scheduler, a worker."""

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
    ) -> Any:
        """Register ``job`` as the handler ``id`` in ``version``; the arguments are those of :func:`handler`."""


class Handler:
    """One version of a handler. Calling it calls its function, so it can still be used and tested as such."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        id: str,
        version: int = 1,
        title: str | None = None,
        description: str = "",
        data_schema: Schema | type[Schema] | None = None,
        example: Mapping[str, Any] | None = None,
        idempotent: bool = False,
        max_running: int | None = None,
        minimum_role: str | None = None,
    ) -> None:
        check_identity(id, version)
        check_max_running(max_running, id)
        self.id = id
        self.version = version
        self.title = title or id
        self.description = description or summary(function)
        self.function = function
        self.data_schema = schema_instance(data_schema, id)
        self.example = check_example(example, id)
        self.idempotent = idempotent
        self.max_running = max_running
        self.minimum_role = role_of(minimum_role, id)
        self.migrations: dict[int, Migration] = {}
        self.source: Source | None = None
        self._takes = arguments(function, id)
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself: no checks, no context."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Handler {self.id}@{self.version}>"

    def load(self, data: Any) -> Any:
        """Return ``data`` as the function gets it: checked, defaults filled in, converted by the schema.

        Raises :class:`InvalidData` with one :class:`FieldError` per mistake, its path from the top of the
        data (``data.url``, ``data.items.0.name``); unknown fields are refused unless the schema's ``Meta``
        says otherwise. Without a schema any JSON object passes.
        """
        if not isinstance(data, Mapping):
            raise not_an_object(data)
        if self.data_schema is None:
            return data
        from marshmallow import ValidationError  # noqa: PLC0415 - already there with the schema

        try:
            return self.data_schema.load(data)
        except ValidationError as error:
            from enschedule_core.json_schema import field_errors  # noqa: PLC0415

            raise invalid_data(field_errors(error.messages, self.data_schema)) from None

    def json_schema(self) -> dict[str, Any] | None:
        """Return the schema as a JSON Schema (2020-12) object, or ``None`` if any JSON object is taken.

        Fields keep their order, defaults, descriptions, enums and ``x-`` metadata; nested schemas are
        written in place, only recursive ones are referenced in ``$defs``.
        """
        return self._json_schema

    @cached_property
    def _json_schema(self) -> dict[str, Any] | None:
        if self.data_schema is None:
            return None
        from enschedule_core.json_schema import to_json_schema  # noqa: PLC0415

        return to_json_schema(self.data_schema)

    def migrate(self, *, from_version: int) -> Callable[[_Step], _Step]:
        """Decorate a function that turns data of ``from_version`` into that of the next version.

        The next version is the next higher one with a step of its own, else the handler's: steps from 1
        and 2 on version 3 make the chain 1 → 2 → 3, a lone step from 1 leads straight to 3.
        """
        if not 1 <= from_version < self.version:
            raise ValueError(
                f"handler {self.id}@{self.version}: from_version must be 1 to {self.version - 1}, not {from_version}"
            )
        if from_version in self.migrations:
            raise ValueError(f"handler {self.id}@{self.version} has two migrations from version {from_version}")

        def add(step: _Step) -> _Step:
            self.migrations[from_version] = step
            return step

        return add

    def migrates_from(self) -> frozenset[int]:
        """Return the older versions whose data this handler can turn into its own."""
        return frozenset(self.migrations)

    def upgrade(self, data: dict[str, Any], from_version: int) -> dict[str, Any]:
        """Return ``data`` of ``from_version`` as data of this version, through the migrations.

        Raises :class:`InvalidData` if there is no way from that version, or a step does not give a JSON
        object; what a step itself raises passes through.
        """
        if from_version == self.version:
            return data
        if from_version not in self.migrations:
            raise InvalidData(f"{self.id}@{self.version} has no migration for data of version {from_version}.")
        for version in sorted(step for step in self.migrations if step >= from_version):
            data = check_data(self.migrations[version](data))
        return data

    def call(self, data: Any, context: Context) -> Any:
        """Call the function with loaded data; ``context`` only if it takes one; an ``async def`` runs to its end."""
        args, kwargs = (data, context)[: self._takes.positional], {}
        if self._takes.context_by_name:
            kwargs["context"] = context
        result = self.function(*args, **kwargs)
        return _complete(result) if inspect.isawaitable(result) else result

    def register_with(self, registrar: Registrar) -> None:
        """Register this handler through ``register_job`` of a scheduler, worker or registry."""
        registrar.register_job(
            id=self.id,
            version=self.version,
            title=self.title,
            description=self.description,
            data_schema=self.data_schema,
            example=self.example,
            job=self,
        )


def handler(
    *,
    id: str,
    version: int = 1,
    title: str | None = None,
    description: str = "",
    data_schema: Schema | type[Schema] | None = None,
    example: Mapping[str, Any] | None = None,
    idempotent: bool = False,
    max_running: int | None = None,
    minimum_role: str | None = None,
) -> Callable[[Callable[..., Any]], Handler]:
    """Make a function a handler.

    The function takes the data and, if it wants, ``context`` (:class:`enschedule_core.Context`); it may
    be ``async``. What it prints is the run's output, what it returns, if JSON, the run's result.

    ``id`` follows the pattern of schedule ids (``[a-z0-9][a-z0-9._-]{0,99}``); ``version`` counts up when
    the data changes its shape; ``title`` defaults to the id, ``description`` to the first paragraph of the
    docstring; ``data_schema`` is a marshmallow schema; ``example`` is data to start from; ``idempotent``
    says that running twice does no harm, so a run whose worker vanished is tried again by default;
    ``max_running`` is how many runs of this handler go on at once, on all workers together; ``minimum_role``
    (``viewer operator editor admin``) is what somebody must be to save schedules with it and to run it by hand, once
    there are accounts: for what can do more than its data say. An admin may decide otherwise.

    A wrong argument raises ``ValueError`` or ``TypeError`` where the handler is defined.
    """

    def make(function: Callable[..., Any]) -> Handler:
        return Handler(
            function,
            id=id,
            version=version,
            title=title,
            description=description,
            data_schema=data_schema,
            example=example,
            idempotent=idempotent,
            max_running=max_running,
            minimum_role=minimum_role,
        )

    return make


def _complete(awaitable: Awaitable[Any]) -> Any:
    import asyncio  # noqa: PLC0415

    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())
