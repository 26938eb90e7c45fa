"""The table of the worker's settings: name, kind, default and help of each."""

from __future__ import annotations

from datetime import timedelta

from enschedule_core.addresses import AddressGuard
from enschedule_core.settings import Kind, Setting
from enschedule_worker import sign_on_settings
from enschedule_worker.store.location import SERVERS
from enschedule_worker.store.seal import VARIABLE

DATABASE_SETTINGS = (
    Setting("SQLITE", Kind.TEXT, None, "The database file, :memory:, or true to take the path from DB_DATABASE."),
    *(
        Setting(
            name,
            Kind.TEXT,
            None,
            f"{server.title}: a URI, or true to take the parts from DB_USER and so on.",
            example=server.example,
            secret=True,
        )
        for name, server in SERVERS.items()
    ),
    Setting(
        "DATABASE_URL",
        Kind.TEXT,
        None,
        "The URI of a database, where none of the variables above is set.",
        example=SERVERS["POSTGRES"].example,
        secret=True,
    ),
    Setting("DB_USER", Kind.TEXT, None, "The user of the database.", example="enschedule"),
    Setting("DB_PASSWORD", Kind.TEXT, None, "The password of that user; any character is allowed.", secret=True),
    Setting("DB_HOST", Kind.TEXT, None, "The server; localhost without it.", example="db.example.org"),
    Setting("DB_PORT", Kind.PORT, None, "The port of the server; the usual one without it.", example="5432"),
    Setting("DB_DATABASE", Kind.TEXT, None, "The name of the database; the file, where SQLITE is true."),
    Setting("ORM_LOGGING", Kind.FLAG, False, "true: the log shows every SQL statement, without its values."),
    Setting(
        "ENSCHEDULE_DATABASE_WAIT_SECONDS",
        Kind.DURATION,
        timedelta(0),
        "How long a start waits for a database server that does not answer yet.",
        minimum=0,
    ),
)

SETTINGS = (
    *DATABASE_SETTINGS,
    Setting(
        "API_KEY", Kind.TEXT, None, "The shared key that opens the REST API; a random one without it.", secret=True
    ),
    Setting(
        "ADMIN_ACCOUNT",
        Kind.TEXT,
        None,
        "name:password of an admin, who is made at the start unless there is somebody of that name.",
        secret=True,
        example="ada:several-words-are-good",
    ),
    *sign_on_settings.SETTINGS,
    Setting(
        VARIABLE,
        Kind.TEXT,
        None,
        "Keys that encrypt secrets, apart by commas or lines: the first encrypts, all decrypt.",
        secret=True,
        example="4cFzVD5cN3Yq0cZ6xqkqzPqXk0m2Wv8jT1bYl6o9r5A=",
    ),
    Setting(
        "IMPORT_HANDLERS",
        Kind.TEXT,
        None,
        "Comma-separated handlers to load: distributions, modules, module:name, files.",
    ),
    Setting("HANDLERS_DIR", Kind.TEXT, None, "A folder of .py files with handlers, loaded besides."),
    Setting("API_ENDPOINT", Kind.FLAG, False, "true: the standalone worker serves its REST API."),
    Setting("ENSCHEDULE_HOST", Kind.TEXT, "127.0.0.1", "The address to listen on.", aliases=("HOST",)),
    Setting("ENSCHEDULE_PORT", Kind.PORT, None, "The port to listen on.", aliases=("PORT",), example="8080"),
    Setting("ENSCHEDULE_CONCURRENCY", Kind.INTEGER, 8, "How many runs go on at once.", minimum=1),
    Setting("ENSCHEDULE_EXECUTOR", Kind.TEXT, "process", "What runs handlers: process, thread, or a plugin's."),
    Setting(
        "ENSCHEDULE_HANDLER_ENV",
        Kind.LIST,
        (),
        "Variables that handlers in child processes see besides; * stands for the rest of a name.",
        example="AWS_*,SMTP_HOST",
    ),
    Setting(
        "ENSCHEDULE_MEMORY_MAX_BYTES",
        Kind.INTEGER,
        0,
        "How much memory a run in a child process may take; 0 is no limit.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_RUNS_PER_CHILD", Kind.INTEGER, 10_000, "After how many runs a child process is replaced.", minimum=1
    ),
    Setting(
        "ENSCHEDULE_WORKER_ID", Kind.TEXT, None, "The name of this worker; the host name without it.", example="web-1"
    ),
    Setting(
        "ENSCHEDULE_WORKER_TITLE", Kind.TEXT, None, "How pages call this worker; its id without it.", example="Web 1"
    ),
    Setting(
        "ENSCHEDULE_WORKER_TAGS",
        Kind.LIST,
        (),
        "What schedules may ask a worker for, apart by commas.",
        example="gpu,stockholm",
    ),
    Setting(
        "ENSCHEDULE_TIMEZONE", Kind.TIMEZONE, "UTC", "The zone of schedules that name none.", example="Europe/Stockholm"
    ),
    Setting(
        "ENSCHEDULE_TIMEOUT_SECONDS", Kind.DURATION, timedelta(hours=1), "When a run ends at the latest.", minimum=0.1
    ),
    Setting(
        "ENSCHEDULE_LEASE_SECONDS",
        Kind.DURATION,
        timedelta(seconds=45),
        "How long a silent worker keeps its runs.",
        minimum=1,
    ),
    Setting(
        "ENSCHEDULE_HEARTBEAT_SECONDS",
        Kind.DURATION,
        timedelta(seconds=10),
        "How often a worker is heard.",
        minimum=0.2,
    ),
    Setting(
        "ENSCHEDULE_GRACE_SECONDS",
        Kind.DURATION,
        timedelta(seconds=30),
        "How long runs may go on when asked to stop.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_POLL_SECONDS", Kind.DURATION, timedelta(seconds=1), "How often an idle worker looks.", minimum=0.05
    ),
    Setting(
        "ENSCHEDULE_OUTPUT_MAX_BYTES", Kind.INTEGER, 10 * 1024 * 1024, "How much output of a run is kept.", minimum=1024
    ),
    Setting("ENSCHEDULE_RETENTION_DAYS", Kind.INTEGER, 90, "How long runs are kept; 0 keeps them for ever.", minimum=0),
    Setting(
        "ENSCHEDULE_RETENTION_MIN_RUNS",
        Kind.INTEGER,
        20,
        "The newest runs of each schedule stay, whatever their age.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_RETENTION_FAILURES_DAYS",
        Kind.INTEGER,
        365,
        "How long runs that did not succeed are kept; 0 keeps them for ever.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_AUDIT_DAYS",
        Kind.INTEGER,
        365,
        "How long the audit is kept; 0 keeps it for ever.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_NOTIFY_URL",
        Kind.TEXT,
        None,
        "Is told when a schedule starts failing and when it recovers.",
        secret=True,
        example="https://hooks.example.org/enschedule",
    ),
    Setting(
        "ENSCHEDULE_BASE_URL",
        Kind.TEXT,
        None,
        "Where people find the pages: the beginning of links in messages.",
        example="https://jobs.example.org",
    ),
    Setting(
        "ENSCHEDULE_LOG_JOBS", Kind.FLAG, False, "true: standard output repeats what runs print, with whose it is."
    ),
    Setting(
        "ENSCHEDULE_MIGRATE",
        Kind.CHOICE,
        "auto",
        "auto: a start brings the tables up to date; check: it refuses to start where they are not.",
        choices=("auto", "check"),
    ),
    Setting(
        "ENSCHEDULE_TRUSTED_HOSTS",
        Kind.LIST,
        (),
        "Names that a Host header may have; empty means any.",
        example="jobs.example.org",
    ),
    Setting(
        "ENSCHEDULE_TRUSTED_PROXIES",
        Kind.INTEGER,
        0,
        "How many proxies in front set X-Forwarded-For, -Proto, -Host.",
        minimum=0,
    ),
    Setting(
        "ENSCHEDULE_LOG_LEVEL",
        Kind.CHOICE,
        "info",
        "How much the log says.",
        choices=("debug", "info", "warning", "error"),
    ),
    Setting(
        "ENSCHEDULE_LOG_FORMAT",
        Kind.CHOICE,
        "text",
        "text: the log is lines to read; json: each of them is a JSON object.",
        choices=("text", "json"),
    ),
    Setting(
        "ENSCHEDULE_READ_ONLY",
        Kind.FLAG,
        False,
        "true: pages and REST API show everything and change nothing; schedules go on.",
    ),
)

ALLOW_PRIVATE = Setting(
    AddressGuard.VARIABLE, Kind.TEXT, "false", "Read by the fetch handler, and for notices of schedules."
)
OTHERS = (
    ALLOW_PRIVATE,
    Setting("ENSCHEDULE_URL", Kind.TEXT, None, "Read by the command line."),
    Setting("ENSCHEDULE_API_KEY", Kind.TEXT, None, "Read by the command line.", secret=True),
    Setting("ENSCHEDULE_CONTEXT_FILE", Kind.TEXT, None, "Read by the command line."),
)
