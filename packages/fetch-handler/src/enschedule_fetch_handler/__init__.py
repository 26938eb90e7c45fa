"""The handler ``fetch``: requests a URL, prints the answer, and fails on what was not expected.

It is guarded against private addresses unless ``ENSCHEDULE_FETCH_ALLOW_PRIVATE`` allows them.
"""

from __future__ import annotations

import os
from typing import Any

from enschedule_core import AddressGuard, Context, Fail, Registrar, Registration, handler, hookimpl
from enschedule_fetch_handler.connection import Limit
from enschedule_fetch_handler.data import FetchData
from enschedule_fetch_handler.fetching import fetch_url

__all__ = ["FetchData", "enschedule_register_handlers", "fetch", "fetch_handler"]


@handler(
    id="fetch",
    version=1,
    title="Fetch a URL",
    description="Requests a URL and prints status, headers and body; fails on a network error or an unexpected status",
    data_schema=FetchData,
    example={"url": "https://www.example.com/", "method": "GET"},
)
def fetch(data: dict[str, Any], context: Context) -> dict[str, Any]:
    """Fetch what ``data`` says; see :func:`enschedule_fetch_handler.fetching.fetch_url`."""
    try:
        guard = AddressGuard.parse(os.environ.get(AddressGuard.VARIABLE, ""))
    except ValueError as error:
        raise Fail(str(error)) from None
    limit = Limit.after(data["timeout_seconds"], lambda: context.cancelled)
    return fetch_url(data, guard=guard, limit=limit)


def fetch_handler(scheduler: Registrar) -> None:
    """Register ``fetch`` with a scheduler: ``fetch_handler(scheduler)``."""
    fetch.register_with(scheduler)


@hookimpl
def enschedule_register_handlers(registry: Registration) -> None:
    """Register ``fetch`` where the package is loaded as a plugin."""
    registry.register(fetch)
