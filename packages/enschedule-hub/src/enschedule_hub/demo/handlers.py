"""The handlers of the demonstration: they print and wait, and touch nothing."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import Any

from marshmallow import Schema, fields, validate

from enschedule_core import Context, handler
from enschedule_hub.demo.scenes import SCENES


def _seconds(usual: float) -> fields.Float:
    told = {"title": "Seconds", "description": "About how long it takes"}
    return fields.Float(load_default=usual, validate=validate.Range(0, 7200), metadata=told)


def _trouble(share: float) -> fields.Float:
    told = {"title": "Trouble", "description": "The share of runs that fail, from 0 to 1"}
    return fields.Float(load_default=share, validate=validate.Range(0, 1), metadata=told)


def _text(title: str, description: str) -> dict[str, Any]:
    return {"required": True, "metadata": {"title": title, "description": description}}


class Backup(Schema):
    """What is backed up, and how."""

    database = fields.String(**_text("Database", "Its name"))
    compression = fields.String(load_default="zstd", validate=validate.OneOf(["none", "gzip", "zstd"]))
    keep_days = fields.Integer(load_default=14, validate=validate.Range(1, 365), metadata={"title": "Keep, in days"})
    seconds = _seconds(20)


class Verification(Schema):
    """Which backup is read back."""

    database = fields.String(**_text("Database", "Its name"))
    seconds = _seconds(5)


class Page(Schema):
    """Which page is asked for."""

    url = fields.Url(required=True, require_tld=False, metadata={"title": "Address"})
    seconds = _seconds(0.2)
    trouble = _trouble(0)


class Export(Schema):
    """Where invoices go."""

    url = fields.Url(
        required=True, require_tld=False, metadata={"title": "Address", "description": "Where invoices are sent"}
    )
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only say what would be sent"})
    seconds = _seconds(2)


class Sync(Schema):
    """Which system the contacts come from."""

    system = fields.String(**_text("System", "Where the contacts come from"))
    seconds = _seconds(8)
    trouble = _trouble(0)


class Report(Schema):
    """Which report, and who gets it."""

    title = fields.String(**_text("Title", "What stands above the table"))
    recipients = fields.List(fields.Email(), load_default=list, metadata={"title": "Recipients"})
    seconds = _seconds(3)


class Pictures(Schema):
    """How large the small pictures are."""

    width = fields.Integer(load_default=320, validate=validate.OneOf([160, 320, 640]), metadata={"title": "Width, px"})
    seconds = _seconds(9)


class Index(Schema):
    """Which index is built."""

    index = fields.String(**_text("Index", "Its name"))
    seconds = _seconds(30)


class Orders(Schema):
    """Which folder is read."""

    folder = fields.String(**_text("Folder", "Where partners leave their files"))
    seconds = _seconds(4)
    trouble = _trouble(0)


def _play(scene: str, data: dict[str, Any], context: Context) -> Any:
    """Play a scene in real time, and return its result."""
    lines = SCENES[scene](data, Random())  # noqa: S311 - nothing is secret here
    while True:
        try:
            line = next(lines)
        except StopIteration as over:
            return over.value
        time.sleep(line.after)
        print(line.text, file=sys.stderr if line.wrong else sys.stdout, flush=True)
        if line.done is not None:
            context.progress(line.done, line.text.split("\x1b")[0].strip())


@handler(
    id="backup-database",
    title="Back up a database",
    description="Dumps a database table by table and copies it away",
    data_schema=Backup,
    example={"database": "shop"},
    idempotent=True,
)
def backup_database(data: dict[str, Any], context: Context) -> Any:
    """Pretend to dump a database."""
    return _play("backup-database", data, context)


@handler(
    id="verify-backup",
    title="Verify a backup",
    description="Reads the newest backup back and compares checksums",
    data_schema=Verification,
    example={"database": "shop"},
    idempotent=True,
)
def verify_backup(data: dict[str, Any], context: Context) -> Any:
    """Pretend to read a backup."""
    return _play("verify-backup", data, context)


@handler(
    id="check-page",
    title="Check a page",
    description="Asks a page whether it is there, and how fast",
    data_schema=Page,
    example={"url": "https://shop.example/"},
    idempotent=True,
)
def check_page(data: dict[str, Any], context: Context) -> Any:
    """Pretend to ask for a page."""
    return _play("check-page", data, context)


@handler(
    id="export-invoices",
    title="Export invoices",
    description="Sends new invoices to the ERP system",
    data_schema=Export,
    example={"url": "https://erp.internal/invoices"},
)
def export_invoices(data: dict[str, Any], context: Context) -> Any:
    """Pretend to send invoices, or to reach nobody."""
    return _play("export-invoices", data, context)


@handler(
    id="sync-contacts",
    title="Sync contacts",
    description="Copies contacts that have changed, page by page",
    data_schema=Sync,
    example={"system": "crm"},
    idempotent=True,
)
def sync_contacts(data: dict[str, Any], context: Context) -> Any:
    """Pretend to copy contacts."""
    return _play("sync-contacts", data, context)


@handler(
    id="sales-report",
    title="Sales report",
    description="Adds up the orders of each region and sends a table",
    data_schema=Report,
    example={"title": "Sales of the last hour", "recipients": ["sales@shop.example"]},
)
def sales_report(data: dict[str, Any], context: Context) -> Any:
    """Pretend to add up sales."""
    return _play("sales-report", data, context)


@handler(
    id="resize-pictures",
    version=2,
    title="Resize pictures",
    description="Makes small pictures of what was uploaded",
    data_schema=Pictures,
    example={"width": 320},
    idempotent=True,
)
def resize_pictures(data: dict[str, Any], context: Context) -> Any:
    """Pretend to resize pictures."""
    return _play("resize-pictures", data, context)


@handler(
    id="rebuild-index",
    title="Rebuild a search index",
    description="Builds an index anew beside the one that serves",
    data_schema=Index,
    example={"index": "products"},
    idempotent=True,
)
def rebuild_index(data: dict[str, Any], context: Context) -> Any:
    """Pretend to build an index."""
    return _play("rebuild-index", data, context)


@handler(
    id="import-orders",
    title="Import orders",
    description="Reads the order files that partners have left",
    data_schema=Orders,
    example={"folder": "/srv/incoming"},
)
def import_orders(data: dict[str, Any], context: Context) -> Any:
    """Pretend to read order files."""
    return _play("import-orders", data, context)
