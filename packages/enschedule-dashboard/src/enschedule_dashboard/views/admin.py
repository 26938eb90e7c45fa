"""Admin: people, the groups they own schedules in, and keys for programs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Blueprint, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.actor import Role
from enschedule_core.errors import EnscheduleError, Forbidden
from enschedule_core.wire.types import Group, NewApiKey, User
from enschedule_dashboard import shell
from enschedule_dashboard.filters import to, viewer
from enschedule_dashboard.notices import say
from enschedule_dashboard.present import plural
from enschedule_dashboard.session import back, client

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
ROLES = tuple(role.value for role in Role)
LIFETIMES = (("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"))
_LONGEST_LIFE = 3650


def attempt(change: Callable[[], object], page: Callable[[EnscheduleError], str]) -> tuple[str, int] | None:
    """Make a change; what is wrong with its input is shown on the page that it was asked from."""
    try:
        change()
    except EnscheduleError as error:
        if error.status not in {409, 422}:
            raise
        return page(error), error.status
    return None


# ---------------------------------------------------------------- people


@blueprint.get("/")
def index() -> Response:
    """Lead to the first page that this person may see."""
    return redirect(to("/admin/users" if shell.can("admin", None) else "/admin/groups"), 303)


@blueprint.get("/users")
def users() -> str:
    """List the accounts, and make one."""
    return _users()


def _users(error: EnscheduleError | None = None) -> str:
    found = client().users.list(limit=100, cursor=request.args.get("cursor"))
    return render_template(
        "admin_users.html",
        users=found["items"],
        next_cursor=found["next_cursor"],
        sentence=sentence(found["items"]),
        roles=ROLES,
        error=error,
    )


def sentence(users: list[User]) -> str:
    """Return who gets in, as one sentence."""
    if not users:
        return (
            "Nobody has an account yet, so whoever can open this page may do everything. "
            "The first account is an admin; from then on nobody gets in without one."
        )
    admins = sum(user["role"] == "admin" and not user["disabled"] for user in users)
    closed = sum(user["disabled"] for user in users)
    parts = [f"{plural(len(users), 'person', 'people')} {'has' if len(users) == 1 else 'have'} an account"]
    parts.append(f"{admins} {'is an admin' if admins == 1 else 'are admins'}")
    return "; ".join([*parts, *([f"{closed} closed"] if closed else [])]) + "."


@blueprint.post("/users")
def create_user() -> Response | tuple[str, int]:
    """Make an account."""
    form = request.form
    name = form.get("name", "").strip()
    wrong = attempt(lambda: client().users.create(name, form.get("password", ""), form.get("role", "viewer")), _users)
    if wrong is not None:
        return wrong
    say(f"{name.lower()} has an account. Hand over the password in a safe way; Profile changes it.")
    return redirect(to("/admin/users"), 303)


@blueprint.get("/users/<name>")
def user(name: str) -> str:
    """Show one account."""
    return _user(name)


def _user(name: str, error: EnscheduleError | None = None) -> str:
    return render_template("admin_user.html", user=client().users.get(name), roles=ROLES, error=error)


@blueprint.post("/users/<name>")
def change_user(name: str) -> Response | tuple[str, int]:
    """Change a role, set a password, or close or open an account: whichever of them the form has."""
    given: dict[str, Any] = {field: request.form[field] for field in ("role", "password") if field in request.form}
    if "disabled" in request.form:
        given["disabled"] = request.form["disabled"] == "true"
    wrong = attempt(lambda: client().users.change(name, **given), lambda error: _user(name, error))
    if wrong is not None:
        return wrong
    said = {
        "role": f"{name} is {given.get('role')} now.",
        "password": f"{name} has a new password, and is logged out everywhere.",
        "disabled": f"{name} is {'closed: no sessions, no keys' if given.get('disabled') else 'open again'}.",
    }
    say(" ".join(said[field] for field in given))
    return redirect(to(f"/admin/users/{quote(name, safe='')}"), 303)


@blueprint.get("/users/<name>/delete")
def ask_delete_user(name: str) -> str:
    """Ask before an account is deleted."""
    return render_template(
        "admin_ask.html",
        title=f"Delete the account of {name}?",
        text="Its sessions end and its keys are revoked. What it did stays in the audit. This cannot be undone.",
        button="Delete 1 account",
        path=f"/admin/users/{quote(name, safe='')}/delete",
        keep=f"/admin/users/{quote(name, safe='')}",
    )


@blueprint.post("/users/<name>/delete")
def delete_user(name: str) -> Response | tuple[str, int]:
    """Delete an account."""
    wrong = attempt(lambda: client().users.delete(name), lambda error: _user(name, error))
    if wrong is not None:
        return wrong
    say(f"The account of {name} is deleted.")
    return redirect(to("/admin/users"), 303)


# ---------------------------------------------------------------- groups


@blueprint.get("/groups")
def groups() -> str:
    """List the groups, and make one."""
    return _groups()


def _groups(error: EnscheduleError | None = None) -> str:
    return render_template("admin_groups.html", groups=client().groups.list()["items"], error=error)


@blueprint.post("/groups")
def create_group() -> Response | tuple[str, int]:
    """Make a group."""
    id, title = request.form.get("id", "").strip(), request.form.get("title", "").strip()
    wrong = attempt(lambda: client().groups.create(id, title or None), _groups)
    if wrong is not None:
        return wrong
    return redirect(to(f"/admin/groups/{quote(id, safe='')}"), 303)


@blueprint.get("/groups/<id>")
def group(id: str) -> str:
    """Show one group with its members."""
    return _group(id)


def _group(id: str, error: EnscheduleError | None = None) -> str:
    found: Group = client().groups.get(id)
    return render_template("admin_group.html", group=found, roles=ROLES, error=error)


def _group_address(id: str) -> str:
    return to(f"/admin/groups/{quote(id, safe='')}")


@blueprint.post("/groups/<id>")
def rename_group(id: str) -> Response | tuple[str, int]:
    """Give a group another title."""
    title = request.form.get("title", "").strip()
    wrong = attempt(lambda: client().groups.rename(id, title), lambda error: _group(id, error))
    return wrong or redirect(_group_address(id), 303)


@blueprint.post("/groups/<id>/members")
def put_member(id: str) -> Response | tuple[str, int]:
    """Give somebody a role in a group, or end their membership."""
    name, role = request.form.get("name", "").strip(), request.form.get("role", "")
    if request.form.get("action") == "remove":
        wrong = attempt(lambda: client().groups.delete_member(id, name), lambda error: _group(id, error))
        done = f"{name} is no longer in {id}."
    else:
        wrong = attempt(lambda: client().groups.put_member(id, name, role), lambda error: _group(id, error))
        done = f"{name} is {role} in {id}."
    if wrong is not None:
        return wrong
    say(done)
    return redirect(_group_address(id), 303)


@blueprint.get("/groups/<id>/delete")
def ask_delete_group(id: str) -> str:
    """Ask before a group is deleted."""
    return render_template(
        "admin_ask.html",
        title=f"Delete the group {id}?",
        text="Its memberships and its keys end with it. A group that owns schedules stays.",
        button="Delete 1 group",
        path=f"/admin/groups/{quote(id, safe='')}/delete",
        keep=f"/admin/groups/{quote(id, safe='')}",
    )


@blueprint.post("/groups/<id>/delete")
def delete_group(id: str) -> Response | tuple[str, int]:
    """Delete a group that owns nothing."""
    wrong = attempt(lambda: client().groups.delete(id), lambda error: _group(id, error))
    if wrong is not None:
        return wrong
    say(f"The group {id} is deleted.")
    return redirect(to("/admin/groups"), 303)


# ---------------------------------------------------------------- keys


@blueprint.get("/keys")
def keys() -> str:
    """List the keys of programs, and make one."""
    return _keys()


def _keys(error: EnscheduleError | None = None, made: NewApiKey | None = None) -> str:
    if not shell.can("admin", None):
        raise Forbidden("Only an admin sees everybody's keys.", hint="Yours are in Profile.")
    found = client().api_keys.list(limit=100, cursor=request.args.get("cursor") if request.method == "GET" else None)
    return render_template(
        "admin_keys.html",
        keys=found["items"],
        next_cursor=found["next_cursor"],
        groups=client().groups.list()["items"],
        roles=ROLES,
        lifetimes=LIFETIMES,
        error=error,
        made=made,
    )


@blueprint.post("/keys")
def create_key() -> str | tuple[str, int]:
    """Make a key, and show it this once: the page that answers is the only one that has it."""
    made: list[NewApiKey] = []
    wrong = attempt(lambda: made.append(new_key(own=False)), _keys)
    return wrong or _keys(made=made[0])


def new_key(*, own: bool) -> NewApiKey:
    """Make the key that a form asks for."""
    form = request.form
    days = form.get("days", "")
    ends = viewer().now + timedelta(days=int(days)) if days.isdigit() and 0 < int(days) <= _LONGEST_LIFE else None
    return client().api_keys.create(
        form.get("name", "").strip(),
        form.get("role", ""),
        group=form.get("group") or None,
        expires_at=ends,
        own=own,
    )


@blueprint.post("/keys/<id>/revoke")
def revoke_key(id: str) -> Response:
    """End a key at once."""
    client().api_keys.revoke(id)
    say(f"The key {id}… is revoked. Programs that use it are refused from now on.")
    return back("/admin/keys")


# ---------------------------------------------------------------- settings


@blueprint.get("/settings")
def settings() -> str:
    """Show what the worker runs with, what the environment says first."""
    found = client().settings()["items"]
    return render_template(
        "admin_settings.html",
        given=[setting for setting in found if setting["given"]],
        others=[setting for setting in found if not setting["given"]],
    )
