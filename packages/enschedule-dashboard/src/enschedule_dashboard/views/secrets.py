"""Admin, Secrets: values that data refer to by name; set, replaced and deleted here, and never shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Blueprint, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.errors import EnscheduleError
from enschedule_core.wire.types import Secret
from enschedule_dashboard.filters import to
from enschedule_dashboard.notices import say
from enschedule_dashboard.present import plural
from enschedule_dashboard.session import client
from enschedule_dashboard.views.admin import attempt

blueprint = Blueprint("secrets", __name__, url_prefix="/admin")
_NAMED = 5


def _address(name: str, rest: str = "") -> str:
    return f"/admin/secrets/{quote(name, safe='')}{rest}"


@blueprint.get("/secrets")
def index() -> str:
    """List the secrets, and set one."""
    return _page()


def _page(error: EnscheduleError | None = None) -> str:
    return render_template(
        "admin_secrets.html",
        secrets=client().secrets.list()["items"],
        groups=client().groups.list()["items"],
        error=error,
    )


@blueprint.post("/secrets")
def create() -> Response | tuple[str, int]:
    """Keep a new secret, or another value under a name that is there."""
    name, value = request.form.get("name", "").strip(), request.form.get("value", "")
    chosen: dict[str, Any] = {"group": request.form["group"] or None} if "group" in request.form else {}
    wrong = attempt(lambda: client().secrets.put(name, value, **chosen), _page)
    if wrong is not None:
        return wrong
    say(f"{name} is kept, encrypted. Nobody can read it back.")
    return redirect(to("/admin/secrets"), 303)


@blueprint.get("/secrets/<name>")
def one(name: str) -> str:
    """Show one secret: who uses it, and a form for another value."""
    return _one(name)


def _one(name: str, error: EnscheduleError | None = None) -> str:
    found: Secret = client().secrets.get(name)
    return render_template("admin_secret.html", secret=found, groups=client().groups.list()["items"], error=error)


@blueprint.post("/secrets/<name>")
def replace(name: str) -> Response | tuple[str, int]:
    """Keep another value under the name."""
    chosen: dict[str, Any] = {"group": request.form["group"] or None} if "group" in request.form else {}
    wrong = attempt(
        lambda: client().secrets.put(name, request.form.get("value", ""), **chosen), lambda error: _one(name, error)
    )
    if wrong is not None:
        return wrong
    say(f"{name} has another value. Runs that begin from now on get it.")
    return redirect(to(_address(name)), 303)


@blueprint.get("/secrets/<name>/delete")
def ask_delete(name: str) -> str:
    """Ask before a secret is deleted, and say whom that would hurt."""
    return render_template(
        "admin_ask.html",
        title=f"Delete the secret {name}?",
        text=consequence(client().secrets.get(name)),
        button="Delete 1 secret",
        path=_address(name, "/delete"),
        keep=_address(name),
    )


def consequence(secret: Secret) -> str:
    """Return what deleting a secret would mean: for which schedules, by their titles."""
    used = [found["title"] for found in secret["used_by"]]
    if not used:
        return "No schedule uses it. Its value is gone then; nobody can bring it back."
    more = len(used) - _NAMED
    *first, last = used[:_NAMED] if more <= 0 else [*used[:_NAMED], plural(more, "other", "others")]
    shown = f"{', '.join(first)} and {last}" if first else last
    verb = "uses" if len(used) == 1 else "use"
    return f"{shown} {verb} it: their runs fail from then on, until they are edited. Nobody can bring its value back."


@blueprint.post("/secrets/<name>/delete")
def delete(name: str) -> Response | tuple[str, int]:
    """Delete a secret."""
    wrong = attempt(lambda: client().secrets.delete(name), lambda error: _one(name, error))
    if wrong is not None:
        return wrong
    say(f"The secret {name} is deleted.")
    return redirect(to("/admin/secrets"), 303)
