"""Handlers of an imaginary shop, for the pictures of the documentation: they print and wait, and touch nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

from marshmallow import Schema, fields, validate

from enschedule_core import Context, handler


class Backup(Schema):
    """What is backed up, and where to."""

    database = fields.String(required=True, metadata={"description": "Name of the database"})
    compression = fields.String(load_default="zstd", validate=validate.OneOf(["none", "gzip", "zstd"]))
    keep_days = fields.Integer(load_default=14, validate=validate.Range(1, 365))
    seconds = fields.Float(load_default=0.2, metadata={"description": "How long it takes"})


class Export(Schema):
    """Which invoices go where."""

    url = fields.Url(required=True, require_tld=False, metadata={"description": "Where the invoices are sent"})
    since_days = fields.Integer(load_default=1)
    dry_run = fields.Boolean(load_default=False, metadata={"description": "Only say what would be sent"})
    reachable = fields.Boolean(load_default=True)


@handler(
    id="backup",
    title="Back up a database",
    description="Dumps a database and copies it away",
    data_schema=Backup,
    example={"database": "shop"},
)
def backup(data: dict[str, Any], context: Context) -> dict[str, int]:
    """Pretend to dump twenty tables."""
    for table in range(1, 21):
        print(f"dumping table {table} of 20 with {data['compression']}")
        context.progress(table / 20, f"table {table} of 20")
        time.sleep(data["seconds"] / 20)
    return {"tables": 20}


@handler(
    id="export",
    title="Export invoices",
    description="Sends new invoices to the ERP system",
    data_schema=Export,
    example={"url": "https://erp.internal/export"},
)
def export(data: dict[str, Any]) -> dict[str, int]:
    """Pretend to send invoices, or to reach nobody."""
    print(f"POST {data['url']}")
    print("\x1b[32m37\x1b[0m invoices since yesterday", flush=True)
    time.sleep(0.12)
    if not data["reachable"]:
        for attempt in range(1, 4):
            print(f"connect 10.4.0.17:443 refused, attempt {attempt}", file=sys.stderr)
            time.sleep(0.05)
        raise ConnectionRefusedError("connection refused: erp.internal:443")
    return {"invoices": 37}


@handler(id="report", title="Write a report", description="Sums up the orders of the last hour")
def report(data: dict[str, Any]) -> None:
    """Pretend to sum up orders."""
    time.sleep(float(data.get("seconds", 0.01)))
    print("orders 214, revenue 8,120.50, returns 3")
