"""What the handlers of the demonstration print, how long they take, and how they fail.

A scene yields lines and returns the result, or raises. The handlers play it in real time; the past is written from the
same lines, so what a schedule did three weeks ago and what it does when somebody presses Run now look alike. Nothing
here touches a network, a disk or a database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

GREEN, RED, YELLOW, BOLD, FAINT, PLAIN = ("\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[1m", "\x1b[2m", "\x1b[0m")
UNREACHABLE = "erp-new.internal"
"""A host that refuses connections, so that a schedule can be broken by naming it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: ``after`` seconds since the one before it, on stderr if ``wrong``; ``done`` is a share from 0 to 1."""

    text: str
    after: float = 0.0
    wrong: bool = False
    done: float | None = None


Scene = Callable[[Mapping[str, Any], Random], Generator[Line, None, Any]]


class ServiceError(Exception):
    """Another service answered with something that cannot be used."""


def _span(data: Mapping[str, Any], chance: Random) -> float:
    """Return how long this run takes: near what its data says, seldom a good deal longer."""
    return float(data["seconds"]) * chance.lognormvariate(0.0, 0.16) * (1.6 if chance.random() < 0.03 else 1.0)


def backup(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Dump a database table by table."""
    tables = ("customers", "addresses", "orders", "order_lines", "products", "prices", "stock", "invoices", "payments",
              "shipments", "returns", "sessions", "reviews", "audit")  # fmt: skip
    span, total = _span(data, chance), 0.0
    yield Line(f"{BOLD}pg_dump{PLAIN} {data['database']} with {data['compression']}, kept for {data['keep_days']} days")
    for number, table in enumerate(tables, 1):
        size = chance.uniform(2, 900)
        total += size
        text = f"{FAINT}{number:2d}/{len(tables)}{PLAIN} {table:<12} {size:8.1f} MB  {GREEN}ok{PLAIN}"
        yield Line(text, after=span / (len(tables) + 1), done=number / (len(tables) + 1))
        if table == "sessions" and chance.random() < 0.3:
            yield Line(f"{YELLOW}warning:{PLAIN} table sessions changed while it was read; read again", wrong=True)
    yield Line(f"copied {total / 1000:.2f} GB to backup-2:/srv/backup/{data['database']}", after=span / 16, done=1.0)
    return {"tables": len(tables), "megabytes": round(total, 1)}


def verify(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Read a backup back."""
    span = _span(data, chance)
    yield Line(f"restoring the newest backup of {data['database']} into a scratch database")
    yield Line("14 of 14 tables restored", after=span * 0.7, done=0.7)
    yield Line(f"checksums {GREEN}match{PLAIN}", after=span * 0.3, done=1.0)
    return {"tables": 14, "ok": True}


def check(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Ask a page whether it is there."""
    span = _span(data, chance)
    yield Line(f"GET {data['url']}")
    if chance.random() < data["trouble"]:
        yield Line(f"{RED}503{PLAIN} Service Unavailable after {span * 4:.2f} s", after=span * 4, wrong=True)
        raise ServiceError(f"503 from {data['url']}")
    size = chance.randrange(18_000, 22_000)
    yield Line(
        f"{GREEN}200{PLAIN} OK in {span * 1000:.0f} ms, {size:,} bytes, certificate good for 61 days", after=span
    )
    return {"status": 200, "milliseconds": round(span * 1000)}


def export(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Send new invoices to the ERP system."""
    span = _span(data, chance)
    count = chance.randrange(3, 40)
    yield Line(f"{count} invoices since yesterday")
    yield Line(f"POST {data['url']}", after=span * 0.2)
    if UNREACHABLE in data["url"]:
        for number in range(1, 4):
            yield Line(f"connect 10.4.0.17:443 refused, try {number} of 3", after=span * 0.6, wrong=True)
        raise ConnectionRefusedError(f"connection refused: {UNREACHABLE}:443")
    for number in range(0, count, 10):
        last = min(number + 10, count)
        yield Line(f"  {GREEN}accepted{PLAIN} {number + 1} to {last}", after=span * 0.8 / (count // 10 + 1))
    return {"invoices": count}


def sync(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Copy contacts page by page."""
    span = _span(data, chance)
    pages = chance.randrange(4, 9)
    fails_at = chance.randrange(1, pages + 1) if chance.random() < data["trouble"] else 0
    for page in range(1, pages + 1):
        if page == fails_at:
            yield Line(
                f"page {page}: {RED}429 Too Many Requests{PLAIN}, Retry-After: 60", after=span / pages, wrong=True
            )
            raise ServiceError(f"429 Too Many Requests from {data['system']}.example, page {page} of {pages}")
        changed = chance.randrange(0, 12)
        yield Line(f"page {page} of {pages}: 200 contacts, {changed} changed", after=span / pages, done=page / pages)
    return {"pages": pages}


def report(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Add up sales and print a table."""
    span = _span(data, chance)
    yield Line(f"{BOLD}{data['title']}{PLAIN}")
    total = 0
    for region in ("Nordics", "Benelux", "DACH", "Iberia", "British Isles"):
        orders = chance.randrange(20, 400)
        total += orders
        change = chance.uniform(-12, 15)
        tone = GREEN if change >= 0 else RED
        yield Line(f"  {region:<14} {orders:5d} orders  {tone}{change:+6.1f} %{PLAIN}", after=span / 5)
    yield Line(f"  {'total':<14} {total:5d} orders")
    return {"orders": total}


def resize(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Make small pictures of large ones."""
    span, count = _span(data, chance), chance.randrange(2, 14)
    for number in range(1, count + 1):
        name = f"product-{chance.randrange(1000, 9999)}.jpg"
        yield Line(f"{name} → {data['width']} px", after=span / count, done=number / count)
    return {"pictures": count}


def reindex(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Build the search index anew."""
    span, steps = _span(data, chance), 24
    yield Line(f"building {data['index']}, the old one serves meanwhile")
    for number in range(1, steps + 1):
        text = f"{number * 5_000:>8,} of {steps * 5_000:,} documents"
        yield Line(text, after=span / steps, done=number / steps)
    yield Line(f"switched to the new index {GREEN}✓{PLAIN}")
    return {"documents": steps * 5_000}


def take_in(data: Mapping[str, Any], chance: Random) -> Generator[Line, None, Any]:
    """Read order files that partners have left."""
    span, files = _span(data, chance), chance.randrange(0, 6)
    if not files:
        yield Line("nothing new", after=span * 0.1)
        return {"files": 0, "orders": 0}
    orders = 0
    for number in range(1, files + 1):
        found = chance.randrange(1, 60)
        orders += found
        yield Line(f"partner-{number}.csv: {found} orders", after=span / files, done=number / files)
        if chance.random() < data["trouble"]:
            yield Line(f"partner-{number}.csv, line {found + 1}: no such customer 40{found:02d}", wrong=True)
            raise ValueError(f"no such customer: 40{found:02d}")
    return {"files": files, "orders": orders}


SCENES: dict[str, Scene] = {
    "backup-database": backup,
    "verify-backup": verify,
    "check-page": check,
    "export-invoices": export,
    "sync-contacts": sync,
    "sales-report": report,
    "resize-pictures": resize,
    "rebuild-index": reindex,
    "import-orders": take_in,
}
"""By the id of the handler that plays it."""
