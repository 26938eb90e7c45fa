"""The schedules of an imaginary web shop, and what its people did to them in the last three weeks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from enschedule_core.clock import format_instant
from enschedule_hub.demo.plan import Change, Pause, Plan
from enschedule_hub.demo.scenes import UNREACHABLE

SPAN = timedelta(days=21)
ZONE = "Europe/Stockholm"
GONE_ZONE = "US/Pacific-New"
"""A time zone that was taken out of the zone data in 2020; what still names it cannot be fired."""
GROUPS = {"finance": "Finance", "shop": "Web shop", "ops": "Operations"}


def _hours(*ago: float, who: str = "olaf") -> tuple[tuple[timedelta, str], ...]:
    return tuple((timedelta(hours=hours), who) for hours in ago)


def _wire(id: str, title: str, handler: str, when: str | None, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    trigger: dict[str, Any] = {"trigger": {"kind": "manual"}} if when is None else {"schedule": when, "timezone": ZONE}
    return {"id": id, "title": title, "handler": handler, "data": data, **trigger, **more}


def _once(id: str, title: str, handler: str, at: datetime, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    trigger = {"kind": "once", "at": format_instant(at), "timezone": ZONE}
    return {"id": id, "title": title, "handler": handler, "data": data, "trigger": trigger, **more}


def plans(now: datetime) -> list[Plan]:
    """Return the schedules of the shop, as seen at ``now``."""
    return [*_backups(), *_upkeep(), *_pages(), *_stock(), *_prices(now), *_finance(), *_sales(), *_others(now)]


def _backups() -> list[Plan]:
    return [
        Plan(
            wire=_wire(
                *("nightly-backup", "Nightly backup", "backup-database", "every day at 02:00"),
                {"database": "shop", "compression": "zstd", "keep_days": 14, "seconds": 1020},
                description="Everything the shop knows, to the machine in the other building.",
                on_success="verify-backup",
                tags=["backup", "ops"],
                group="ops",
                timeout_seconds=7200,
                runbook="https://wiki.shop.example/backup",
            ),
            turns={5: "slow"},
            changes=(Change(timedelta(days=12), "ada", {"timeout_seconds": 10_800}),),
        ),
        Plan(
            wire=_wire(
                *("verify-backup", "Verify the backup", "verify-backup", None),
                {"database": "shop", "seconds": 190},
                description="Runs after each backup.",
                tags=["backup", "ops"],
                group="ops",
            ),
            by_hand=_hours(150),
        ),
    ]


def _upkeep() -> list[Plan]:
    from_file = {"managed_by": "file jobs/ops.yml"}
    return [
        Plan(
            wire=_wire(
                *("vacuum-db", "Vacuum database", "shell", "sundays at 04:30"),
                {"command": "echo vacuumed"},
                tags=["ops"],
                group="ops",
            ),
            pause=Pause(timedelta(days=4, hours=3), "olaf", "vendor maintenance", timedelta(days=3)),
        ),
        Plan(
            wire=_wire(
                *("tidy-up", "Tidy up temporary files", "shell", "every day at 04:10"),
                {"command": "echo removed 214 files"},
                tags=["ops"],
                group="ops",
                **from_file,
            ),
            maker="deploys",
        ),
        Plan(
            wire=_wire(
                *("certificates", "Check certificates", "check-page", "every day at 06:00"),
                {"url": "https://shop.example/", "seconds": 0.4, "trouble": 0},
                tags=["ops"],
                group="ops",
                **from_file,
            ),
            maker="deploys",
        ),
        Plan(
            wire=_wire("deploy", "Deploy", "log-job", None, {"message": "deployed"}, tags=["ops"], group="ops"),
            by_hand=(*_hours(6, 29, 77, 150, who="olaf"), *_hours(53, 219, 301, who="edith")),
        ),
    ]


def _pages() -> list[Plan]:
    return [
        Plan(
            wire=_wire(
                *("check-web-shop", "Check web shop", "check-page", "every 10 minutes"),
                {"url": "https://shop.example/", "seconds": 0.18, "trouble": 0.002},
                description="Is the front page there, and how fast?",
                tags=["health", "shop"],
                group="shop",
                retry={"max_attempts": 3, "delay_seconds": 30},
            ),
        ),
        Plan(
            wire=_wire(
                *("check-login", "Check login page", "check-page", "every 15 minutes"),
                {"url": "https://shop.example/login", "seconds": 0.26, "trouble": 0.003},
                tags=["health", "shop"],
                group="shop",
                retry={"max_attempts": 3, "delay_seconds": 30},
            ),
        ),
    ]


def _stock() -> list[Plan]:
    return [
        Plan(
            wire=_wire(
                *("resize-uploads", "Resize uploads", "resize-pictures", "every 15 minutes"),
                {"width": 320, "seconds": 9},
                description="Small pictures of what was uploaded; needs the machine with the fast disks.",
                tags=["shop"],
                group="shop",
                worker={"tags": ["media"]},
            ),
            worker="media-1",
            silent_since=timedelta(minutes=41),
        ),
        Plan(
            wire=_wire(
                *("rebuild-search", "Rebuild search index", "rebuild-index", "every day at 03:30"),
                {"index": "products", "seconds": 840},
                tags=["shop", "search"],
                group="shop",
                timeout_seconds=3600,
            ),
            turns={2: "timed_out"},
        ),
        Plan(
            wire=_wire(
                *("import-orders", "Import orders", "import-orders", "every 30 minutes between 7 and 20"),
                {"folder": "/srv/incoming", "seconds": 4, "trouble": 0.012},
                tags=["shop", "partners"],
                group="shop",
                retry={"max_attempts": 2, "delay_seconds": 120},
                on_lost="retry",
            ),
            turns={33: "lost", 61: "cancelled"},
        ),
    ]


def _prices(now: datetime) -> list[Plan]:
    return [
        Plan(
            wire=_once(
                *("winter-prices", "Switch to winter prices", "log-job", now - timedelta(days=9, hours=5)),
                {"message": "prices of 1,204 products changed"},
                tags=["shop"],
                group="shop",
            ),
            maker="edith",
        ),
        Plan(
            wire=_once(
                *("sale-prices", "Switch to sale prices", "log-job", now + timedelta(days=2, hours=9)),
                {"message": "prices of 310 products changed"},
                tags=["shop"],
                group="shop",
            ),
            maker="edith",
        ),
    ]


def _finance() -> list[Plan]:
    invoices = {"url": "https://erp.internal/invoices", "dry_run": False, "seconds": 2.1}
    moved = {"data": {**invoices, "url": f"https://{UNREACHABLE}/invoices"}}
    return [
        Plan(
            wire=_wire(
                *("invoice-export", "Invoice export", "export-invoices", "every 15 minutes"),
                invoices,
                description="New invoices go to the ERP system; finance waits for them at 17:00.",
                tags=["finance"],
                group="finance",
                priority=5,
                retry={"max_attempts": 3, "delay_seconds": 180},
                runbook="https://wiki.shop.example/invoices",
            ),
            changes=(
                Change(timedelta(days=15, hours=2), "vera", {"priority": 10}),
                Change(timedelta(minutes=94), "vera", moved),
            ),
            by_hand=_hours(0.2, who="vera"),
        ),
        Plan(
            wire=_wire(
                *("exchange-rates", "Fetch exchange rates", "log-job", "every weekday at 08:15"),
                {"message": "EUR 11.42, GBP 13.31, NOK 0.98, USD 10.57"},
                tags=["finance"],
                group="finance",
                managed_by="file jobs/finance.yml",
            ),
            maker="deploys",
            changes=(Change(timedelta(days=2, hours=4), "vera", {"schedule": "every weekday at 07:45"}),),
        ),
        Plan(
            wire=_wire(
                *("month-end", "Close the month", "sales-report", "last friday of the month at 17:00"),
                {"title": "Sales of the month", "recipients": ["finance@shop.example"], "seconds": 42},
                tags=["finance", "reports"],
                group="finance",
            ),
        ),
    ]


def _sales() -> list[Plan]:
    return [
        Plan(
            wire=_wire(
                *("hourly-report", "Hourly report", "sales-report", "every hour"),
                {"title": "Sales of the last hour", "recipients": ["sales@shop.example"], "seconds": 3},
                tags=["reports", "sales"],
            ),
            maker="edith",
        ),
        Plan(
            wire=_wire(
                *("sync-crm", "Sync CRM contacts", "sync-contacts", "every 20 minutes"),
                {"system": "crm", "seconds": 160, "trouble": 0.07},
                description="The CRM system limits how often it may be asked, so some attempts fail.",
                tags=["crm", "sales"],
                retry={"max_attempts": 4, "delay_seconds": 60, "backoff": "exponential"},
            ),
            turns={17: "slow", 201: "slow", 202: "slow", 640: "slow"},
            maker="edith",
        ),
        Plan(
            wire=_wire(
                *("newsletter", "Send newsletter", "log-job", "mondays at 09:30"),
                {"message": "sent to 1,204 people"},
                tags=["sales"],
            ),
            maker="edith",
        ),
    ]


def _others(now: datetime) -> list[Plan]:
    return [
        Plan(
            wire=_wire(
                *("us-prices", "Prices for the US", "log-job", "every day at 6 am"),
                {"message": "prices of 880 products sent"},
                tags=["shop", "sales"],
            )
            | {"timezone": "US/Pacific"},
            maker="edith",
            is_broken=True,
        ),
        Plan(
            wire=_wire(
                *("still-here", "Still here", "log-job", "every 30 minutes"),
                {"message": f"still here, since {now:%B}"},
                tags=["ops"],
            ),
        ),
    ]
