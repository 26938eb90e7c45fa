"""Saved views: the filters of a list under a name, for everybody who uses the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from enschedule_core.errors import InvalidInput
from enschedule_core.wire.types import View
from enschedule_dashboard import listing
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import client, safe_next

blueprint = Blueprint("saved", __name__, url_prefix="/views")
PATHS = {"schedules": "/schedules", "runs": "/runs"}


@dataclass(frozen=True, slots=True)
class Saved:
    """One view: ``query`` is what follows the address of its list, ``on`` says that it is what is shown."""

    name: str
    query: str
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class Menu:
    """The views of the list ``of``, the one that is shown now, and whether what is shown can be saved."""

    of: str
    items: list[Saved]
    can_save: bool

    @property
    def current(self) -> Saved | None:
        """Return the view that is shown."""
        return next((item for item in self.items if item.on), None)


def menu(name: str, address: str, views: Sequence[View]) -> Menu:
    """Return those of all ``views`` that are of a list (``schedules``, ``runs``) beside what its ``address`` shows."""
    shown = filters_of(name, address)
    items = [
        Saved(view["name"], f"?{urlencode(filters)}", filters == shown, view["updated_by"])
        for view in views
        if view["list"] == name and (filters := _as_searched(view["filters"]))
    ]
    return Menu(name, items, bool(shown))


def _as_searched(filters: dict[str, str]) -> dict[str, str]:
    """Return the filters of a view as an address has them: what the API also calls failing and paused is a status."""
    flags = {name: filters.get(name) for name in ("failing", "paused")}
    status = next(({"status": name} for name, value in flags.items() if value in ("true", "1")), {})
    return {**{name: value for name, value in filters.items() if name not in flags}, **status}


def filters_of(name: str, address: str) -> dict[str, str]:
    """Return the query parameters of the API that an address of a list stands for, as they are saved."""
    given = listing.arguments_of(address)
    if name == "schedules":
        wanted = listing.schedules_wanted(given)
        more = {"sort": listing.sort_of(given)} if listing.sort_of(given) != listing.DEFAULT_SORT else {}
    else:
        wanted = listing.runs_wanted(given)
        more = listing.bounds_of(given, viewer())
    return {**wanted.filters, **({"q": wanted.words} if wanted.words else {}), **more}


@blueprint.post("/<list>")
def save(list: str) -> Response:
    """Save what is shown under a name; with ``old``, give a view another name."""
    name, old = request.form.get("name", "").strip(), request.form.get("old", "").strip()
    address = _address(list)
    filters = filters_of(list, address)
    if not name:
        raise InvalidInput("name: A view needs a name.", hint="For example: Night, failing.")
    if not filters:
        raise InvalidInput("This is the whole list, so there is nothing to save.", hint="Filter it first.")
    items: Any = [{"list": list, "name": name, "filters": filters}]
    if old and old != name:
        items.append({"list": list, "name": old, "filters": None})
    client().views.put(items)
    say(f"The view is called {name} now." if old else f"This is saved as {name}, for everybody.")
    return redirect(f"{request.script_root}{address}", 303)


@blueprint.post("/<list>/remove")
def remove(list: str) -> Response:
    """Forget a view; what it shows stays."""
    address, name = _address(list), request.form.get("old", "")
    filters = filters_of(list, address)
    client().views.put([{"list": list, "name": name, "filters": None}])
    undo = f"/views/{list}" if filters else None
    say(f"The view {name} is removed.", undo=undo, fields={"name": name})
    return redirect(f"{request.script_root}{address}", 303)


def _address(list: str) -> str:
    if list not in PATHS:
        raise InvalidInput(f"“{list}” is not one of: schedules, runs.")
    address = safe_next(request.form.get("next"), PATHS[list])
    return address if address.split("?")[0] == PATHS[list] else PATHS[list]
