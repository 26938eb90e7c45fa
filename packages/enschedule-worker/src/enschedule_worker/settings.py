"""The worker's settings: one table, read from a given environment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from enschedule_core.addresses import AddressGuard
from enschedule_core.errors import ConfigurationError
from enschedule_core.schedule import WORKER_NAME_PATTERN, WORKER_TAG_PATTERN
from enschedule_core.settings import Setting, Values, in_force, read, unknown
from enschedule_core.wire.people import PASSWORD_MAX, USER_PATTERN
from enschedule_worker import sign_on_settings
from enschedule_worker.setting_table import ALLOW_PRIVATE, DATABASE_SETTINGS, OTHERS, SETTINGS
from enschedule_worker.store.location import Location, locate
from enschedule_worker.store.seal import VARIABLE, read_keys


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that a worker is told. Durations are in seconds; ``database`` is ``None`` where none was named.

    ``keeps_key`` has it make an encryption key beside a SQLite file where none is given.
    """

    database: Location | None
    database_wait_seconds: float = 0.0
    orm_logging: bool = False
    api_key: str | None = field(repr=False, default=None)
    admin_account: tuple[str, str] | None = field(repr=False, default=None)
    encryption_keys: tuple[str, ...] = field(repr=False, default=())
    keeps_key: bool = False
    password_login: bool = True
    sign_on: sign_on_settings.SignOnSettings | None = None
    import_handlers: str | None = None
    handlers_dir: Path | None = None
    api_endpoint: bool = False
    host: str = "127.0.0.1"
    port: int | None = None
    concurrency: int = 8
    worker_id: str = "worker"
    worker_title: str = "worker"
    default_timezone: str = "UTC"
    timeout_seconds: float = 3600.0
    lease_seconds: float = 45.0
    heartbeat_seconds: float = 10.0
    grace_seconds: float = 30.0
    poll_seconds: float = 1.0
    output_max_bytes: int = 10 * 1024 * 1024
    executor: str = "process"
    handler_env: tuple[str, ...] = ()
    memory_max_bytes: int = 0
    runs_per_child: int = 10_000
    worker_tags: tuple[str, ...] = ()
    retention_days: int = 90
    retention_min_runs: int = 20
    retention_failures_days: int = 365
    audit_days: int = 365
    notify_url: str | None = field(repr=False, default=None)
    guard: AddressGuard = field(default_factory=AddressGuard)
    base_url: str | None = None
    migrate: str = "auto"
    trusted_hosts: tuple[str, ...] = ()
    trusted_proxies: int = 0
    log_jobs: bool = False
    log_level: str = "info"
    log_format: str = "text"
    read_only: bool = False
    warnings: tuple[str, ...] = ()
    in_force: tuple[Mapping[str, Any], ...] = field(repr=False, default=())

    @property
    def is_loopback(self) -> bool:
        """True if only this machine can reach the address that the server is bound to."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def read_settings(
    environ: Mapping[str, str], *, folder: Path | None = None, other_settings: Iterable[Setting] = ()
) -> WorkerSettings:
    """Read the table from ``environ``; relative paths start at ``folder``, by default the working directory.

    ``other_settings`` are those of the program that the worker is a part of: known, but not read here.
    Raises :class:`ConfigurationError` that names the variable and shows a valid value.
    """
    values = read(SETTINGS, environ)
    here = folder or Path.cwd()
    worker_id = values.text("ENSCHEDULE_WORKER_ID") or _host_name()
    if WORKER_NAME_PATTERN.fullmatch(worker_id) is None:
        raise ConfigurationError(
            f"ENSCHEDULE_WORKER_ID: {worker_id!r} is not a name; letters, digits, '.', '_' and '-', at most 100.",
            hint="For example ENSCHEDULE_WORKER_ID=web-1",
        )
    _check_lease(values)
    handlers_dir = values.text("HANDLERS_DIR")
    port = values.text("ENSCHEDULE_PORT")
    return WorkerSettings(
        database=locate(_database_variables(values), folder=here),
        database_wait_seconds=_seconds(values, "DATABASE_WAIT"),
        orm_logging=values.flag("ORM_LOGGING"),
        api_key=values.text("API_KEY"),
        admin_account=_admin_account(values),
        encryption_keys=read_keys([values.text(VARIABLE) or ""]),
        password_login=values.flag("ENSCHEDULE_PASSWORD_LOGIN"),
        sign_on=sign_on_settings.read(values),
        import_handlers=values.text("IMPORT_HANDLERS"),
        handlers_dir=None if handlers_dir is None else (here / Path(handlers_dir).expanduser()).absolute(),
        api_endpoint=values.flag("API_ENDPOINT"),
        host=values.text("ENSCHEDULE_HOST") or "127.0.0.1",
        port=None if port is None else int(port),
        concurrency=values.number("ENSCHEDULE_CONCURRENCY"),
        worker_id=worker_id,
        worker_title=values.text("ENSCHEDULE_WORKER_TITLE") or worker_id,
        default_timezone=values.text("ENSCHEDULE_TIMEZONE") or "UTC",
        timeout_seconds=_seconds(values, "TIMEOUT"),
        lease_seconds=_seconds(values, "LEASE"),
        heartbeat_seconds=_seconds(values, "HEARTBEAT"),
        grace_seconds=_seconds(values, "GRACE"),
        poll_seconds=_seconds(values, "POLL"),
        output_max_bytes=values.number("ENSCHEDULE_OUTPUT_MAX_BYTES"),
        executor=values.text("ENSCHEDULE_EXECUTOR") or "process",
        handler_env=values.items("ENSCHEDULE_HANDLER_ENV"),
        memory_max_bytes=values.number("ENSCHEDULE_MEMORY_MAX_BYTES"),
        runs_per_child=values.number("ENSCHEDULE_RUNS_PER_CHILD"),
        worker_tags=_worker_tags(values),
        retention_days=values.number("ENSCHEDULE_RETENTION_DAYS"),
        retention_min_runs=values.number("ENSCHEDULE_RETENTION_MIN_RUNS"),
        retention_failures_days=values.number("ENSCHEDULE_RETENTION_FAILURES_DAYS"),
        audit_days=values.number("ENSCHEDULE_AUDIT_DAYS"),
        notify_url=_url(values, "ENSCHEDULE_NOTIFY_URL", "https://hooks.example.org/enschedule"),
        guard=_guard(environ),
        base_url=_url(values, "ENSCHEDULE_BASE_URL", "https://jobs.example.org"),
        migrate=values.text("ENSCHEDULE_MIGRATE") or "auto",
        trusted_hosts=tuple(name.lower() for name in values.items("ENSCHEDULE_TRUSTED_HOSTS")),
        trusted_proxies=values.number("ENSCHEDULE_TRUSTED_PROXIES"),
        log_jobs=values.flag("ENSCHEDULE_LOG_JOBS"),
        log_level=values.text("ENSCHEDULE_LOG_LEVEL") or "info",
        log_format=values.text("ENSCHEDULE_LOG_FORMAT") or "text",
        read_only=values.flag("ENSCHEDULE_READ_ONLY"),
        in_force=_in_force(environ, other_settings, worker_id, values),
        warnings=tuple(unknown((*SETTINGS, *OTHERS, *other_settings), environ)),
    )


def _admin_account(values: Values) -> tuple[str, str] | None:
    text = values.text("ADMIN_ACCOUNT")
    if text is None:
        return None
    name, colon, password = text.partition(":")
    name = name.strip().lower()
    if not colon or not USER_PATTERN.fullmatch(name) or not password or len(password) > PASSWORD_MAX:
        raise ConfigurationError(
            "ADMIN_ACCOUNT: the value is not a name, a colon and a password.",
            hint="For example ADMIN_ACCOUNT=ada:several-words-are-good",
        )
    return name, password


def _in_force(
    environ: Mapping[str, str], other_settings: Iterable[Setting], worker_id: str, values: Values
) -> tuple[Mapping[str, Any], ...]:
    """Return the settings of the worker and of the program that it is a part of, as the API shows them."""
    table = {setting.name: setting for setting in (*other_settings, ALLOW_PRIVATE, *SETTINGS)}.values()
    return in_force(
        table,
        read(table, environ),
        ENSCHEDULE_WORKER_ID=worker_id,
        ENSCHEDULE_WORKER_TITLE=values.text("ENSCHEDULE_WORKER_TITLE") or worker_id,
        ENSCHEDULE_TIMEZONE=values.text("ENSCHEDULE_TIMEZONE") or "UTC",
    )


def _guard(environ: Mapping[str, str]) -> AddressGuard:
    try:
        return AddressGuard.parse(read((ALLOW_PRIVATE,), environ).text(ALLOW_PRIVATE.name) or "")
    except ValueError as problem:
        raise ConfigurationError(
            f"{str(problem).partition(';')[0]}.", hint=f"For example {AddressGuard.VARIABLE}=10.0.0.0/8,::1"
        ) from None


def _worker_tags(values: Values) -> tuple[str, ...]:
    tags = tuple(sorted(set(values.items("ENSCHEDULE_WORKER_TAGS"))))
    for tag in tags:
        if WORKER_TAG_PATTERN.fullmatch(tag) is None:
            raise ConfigurationError(
                f"ENSCHEDULE_WORKER_TAGS: {tag!r} is not a tag; letters, digits, '.', '_' and '-', at most 50.",
                hint="For example ENSCHEDULE_WORKER_TAGS=gpu,stockholm",
            )
    return tags


def _url(values: Values, name: str, example: str) -> str | None:
    text = values.text(name)
    if text is not None and re.fullmatch(r"https?://[!-~]+", text) is None:
        raise ConfigurationError(f"{name} is not an http or https URL.", hint=f"For example {name}={example}")
    return None if text is None else text.rstrip("/")


def _database_variables(values: Values) -> dict[str, str]:
    texts = {setting.name: values.text(setting.name) for setting in DATABASE_SETTINGS}
    return {name: text for name, text in texts.items() if text is not None}


def _seconds(values: Values, name: str) -> float:
    return values.duration(f"ENSCHEDULE_{name}_SECONDS").total_seconds()


def _check_lease(values: Values) -> None:
    lease, heartbeat = _seconds(values, "LEASE"), _seconds(values, "HEARTBEAT")
    if lease < 2 * heartbeat:
        raise ConfigurationError(
            f"ENSCHEDULE_LEASE_SECONDS ({lease:g} s) must be at least twice "
            f"ENSCHEDULE_HEARTBEAT_SECONDS ({heartbeat:g} s), or one late heartbeat loses runs.",
            hint=f"For example ENSCHEDULE_LEASE_SECONDS={4 * heartbeat:g}",
        )


def _host_name() -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()).lstrip("._-")[:100]
    return name or f"worker-{os.getpid()}"
