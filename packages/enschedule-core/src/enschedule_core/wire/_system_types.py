"""What the API says about handlers, plugins, workers, and who is asking."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from enschedule_core.wire._people_types import OwnUser, RoleName
from enschedule_core.wire._shared_types import HandlerRef, Instant, JsonObject, Pause, Ref


class Source(TypedDict):
    """Where a handler or plugin comes from, as :class:`enschedule_core.source.Source` says it."""

    kind: str
    name: str
    attribute: str | None
    path: str | None
    distribution: str | None
    version: str | None


class HandlerWorker(TypedDict):
    """A worker that offers a handler."""

    id: str
    instance_id: str
    status: str


class HandlerAccess(TypedDict):
    """Who may use a handler: from which role on (``declared_role`` is what its code says), within which groups.

    ``groups`` are those that one sees; ``None`` is no limit. ``usable``: whether whoever asks may use it anywhere.
    """

    minimum_role: RoleName | None
    declared_role: RoleName | None
    groups: list[str] | None
    usable: bool


class Handler(TypedDict):
    """A handler version, its data schema as JSON Schema, and who offers it."""

    id: str
    version: int
    versions: list[int]
    title: str
    description: str
    schema: JsonObject | None
    example: JsonObject | None
    idempotent: bool
    max_running: int | None
    access: HandlerAccess
    source: Source
    workers: list[HandlerWorker]
    registered_at: Instant


class PluginWorker(TypedDict):
    """The worker on which a plugin was loaded."""

    id: str


class Plugin(TypedDict):
    """A plugin on one worker, also one that broke (then with ``error`` and ``traceback``)."""

    source: Source
    worker: PluginWorker
    status: Literal["loaded", "broken"]
    error: str | None
    traceback: str | None
    handlers: list[str]


class RunningRun(TypedDict):
    """What a worker is busy with."""

    id: int
    schedule: Ref | None
    handler: HandlerRef
    started_at: Instant


class Worker(TypedDict):
    """A worker process: how it is, what it runs, what it can run (``handlers``: ``fetch@1``)."""

    id: str
    instance_id: str
    title: str
    status: Literal["up", "late", "down", "stopped"]
    host: str
    pid: int
    version: str
    executor: str
    places: int
    used: int
    stuck: int
    tags: list[str]
    started_at: Instant
    heartbeat_at: Instant
    running: list[RunningRun]
    handlers: list[str]


class View(TypedDict):
    """A saved view: the filters of a list under a name. ``filters`` are the list's query parameters, as text."""

    list: Literal["schedules", "runs"]
    name: str
    filters: dict[str, str]
    updated_at: Instant
    updated_by: str


class SettingInForce(TypedDict):
    """A setting and the value that this server runs with.

    ``value`` is text, a whole number, true or false, a list of texts, or, for durations, seconds; ``None`` where there
    is none, and ``***`` for a secret that is set. ``given`` says that the environment has it.
    """

    name: str
    kind: str
    value: Any
    default: Any
    given: bool
    unit: str | None
    help: str
    secret: bool


class AuthInfo(TypedDict):
    """Whether this address asks for a key or a session, and whether there are accounts to log in with."""

    required: bool
    accounts: bool


class ActorInfo(TypedDict):
    """Who the worker takes the caller for; ``groups`` are the permissions within groups, by the group's id.

    ``groups`` is ``None`` where the same permissions hold in every group.
    """

    kind: str
    name: str
    permissions: list[str]
    groups: dict[str, list[str]] | None


class ServerState(TypedDict):
    """How a server stands: the pause of everything, the places of its workers, and how many schedules need somebody."""

    pause: Pause | None
    places: int
    failing: int
    broken: int


class Me(TypedDict):
    """Who is asking, and the server's own facts; one that is ``read_only`` refuses every change."""

    actor: ActorInfo
    version: str
    server_time: Instant
    default_timezone: str
    read_only: bool
    auth: AuthInfo
    user: OwnUser | None
    server: ServerState


class NewSession(TypedDict):
    """The token of a session, shown once."""

    token: str
    expires_at: Instant


class Health(TypedDict):
    """The process is there."""

    status: str
    version: str


class ReadyCheck(TypedDict):
    """One part that has to work."""

    name: str
    ok: bool
    detail: str


class Readiness(TypedDict):
    """Whether the worker can do its work, and what is in the way."""

    status: Literal["ready", "not_ready"]
    checks: list[ReadyCheck]
