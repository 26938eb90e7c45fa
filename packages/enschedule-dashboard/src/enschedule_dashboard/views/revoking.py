"""The question before a key is revoked: of Admin, and of one's own under Profile."""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, render_template

from enschedule_core.errors import NotFound
from enschedule_core.wire.types import ApiKey
from enschedule_dashboard.filters import viewer
from enschedule_dashboard.present import relative
from enschedule_dashboard.session import client

blueprint = Blueprint("revoking", __name__)


@blueprint.get("/admin/keys/<id>/revoke")
def ask(id: str) -> str:
    """Ask before a key of the server is revoked."""
    return _ask(id, "/admin/keys", "/admin/keys")


@blueprint.get("/profile/keys/<id>/revoke")
def ask_own(id: str) -> str:
    """Ask before a key of one's own is revoked."""
    return _ask(id, "/profile/keys", "/profile", own=True)


def _ask(id: str, base: str, keep: str, *, own: bool = False) -> str:
    found = _found(id, own=own)
    if found is None:
        raise NotFound(f"There is no key that begins with {id}.")
    used = f"It was last used {relative(found['used_at'], viewer())}" if found["used_at"] else "It was never used"
    return render_template(
        "admin_ask.html",
        title=f"Revoke the key {found['name']}?",
        text=f"{used}. Programs that use it are refused from then on; nobody can bring it back.",
        button="Revoke 1 key",
        path=f"{base}/{quote(id, safe='')}/revoke",
        keep=keep,
    )


def _found(id: str, *, own: bool) -> ApiKey | None:
    """Return the key that begins with this, from whichever page of the list it is on."""
    cursor = None
    while True:
        page = client().api_keys.list(own=own, limit=100, cursor=cursor)
        found = next((key for key in page["items"] if key["id"] == id), None)
        cursor = page["next_cursor"]
        if found is not None or cursor is None:
            return found
