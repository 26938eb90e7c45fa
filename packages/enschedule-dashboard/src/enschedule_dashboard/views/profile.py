"""Profile: what is one's own. Theme, time zone, password, sessions, keys."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

from enschedule_core.errors import EnscheduleError, FieldError, InvalidInput
from enschedule_core.wire.types import NewApiKey
from enschedule_dashboard import session, when_form
from enschedule_dashboard.filters import to
from enschedule_dashboard.notices import say
from enschedule_dashboard.session import client
from enschedule_dashboard.shell import actor, read_only
from enschedule_dashboard.views.admin import LIFETIMES, ROLES, attempt, new_key

blueprint = Blueprint("profile", __name__, url_prefix="/profile")


@blueprint.get("/")
def index() -> str:
    """Show what is one's own."""
    return _page()


def _page(error: EnscheduleError | None = None, made: NewApiKey | None = None) -> str:
    me = client().me()
    has_account = me["user"] is not None and actor()["kind"] == "session"
    return render_template(
        "profile.html",
        user=me["user"] if has_account else None,
        accounts=me["auth"]["accounts"],
        sessions=client().sessions.list()["items"] if has_account else [],
        keys=client().api_keys.list(own=True, limit=100)["items"] if has_account else [],
        groups=client().groups.list()["items"] if has_account else [],
        roles=ROLES[: _highest()],
        lifetimes=LIFETIMES,
        zones=when_form.zone_names(),
        chosen_zone=me["user"]["timezone"] if me["user"] and has_account else session.chosen_zone(),
        error=error,
        made=made,
    )


def _highest() -> int:
    """Return how many of the roles this person may give a key."""
    groups = actor()["groups"] or {}
    return max([len(actor()["permissions"]), *(len(held) for held in groups.values())])


@blueprint.post("/password")
def password() -> Response | tuple[str, int]:
    """Change the password; other sessions end."""
    form = request.form
    given = {"current_password": form.get("current_password", ""), "password": form.get("password", "")}
    wrong = attempt(lambda: client().sessions.change_own(**given), _page)
    if wrong is not None:
        return wrong
    say("The password is changed. Your other sessions have ended.")
    return redirect(to("/profile"), 303)


@blueprint.post("/timezone")
def timezone() -> Response | tuple[str, int]:
    """Keep the zone in which pages show times; empty is the browser's. Without an account this browser keeps it."""
    wanted = request.form.get("timezone", "").strip() or None
    has_account = client().me()["user"] is not None and actor()["kind"] == "session" and not read_only()
    wrong = attempt(lambda: _keep_zone(wanted, has_account=has_account), _page)
    if wrong is not None:
        return wrong
    say(f"Times are shown in {wanted}." if wanted else "Times are shown in the zone of the browser.")
    response = redirect(to("/profile"), 303)
    if has_account or wanted is None:
        response.delete_cookie(session.CHOSEN_ZONE_COOKIE, path="/")
    else:
        response.set_cookie(
            session.CHOSEN_ZONE_COOKIE, wanted, max_age=session.YEAR_SECONDS, samesite="Lax", path="/", httponly=True
        )
    return response


def _keep_zone(wanted: str | None, *, has_account: bool) -> None:
    if has_account:
        client().sessions.change_own(timezone=wanted)
    elif wanted is not None and session.zone_of(wanted, "").key != wanted:
        message = f"{wanted} is not a time zone. Write for example Europe/Stockholm."
        raise InvalidInput(f"timezone: {message}", errors=[FieldError("timezone", message)])


@blueprint.post("/sessions/<id>/end")
def end_session(id: str) -> Response:
    """End another of one's sessions."""
    client().sessions.delete(id)
    say("That session has ended.")
    return redirect(to("/profile"), 303)


@blueprint.post("/sessions/end")
def end_all() -> Response:
    """Sign out everywhere, here too."""
    client().sessions.delete_all()
    response = redirect(to("/login"), 303)
    session.forget(response)
    return response


@blueprint.post("/keys")
def create_key() -> str | tuple[str, int]:
    """Make a key of one's own, and show it this once."""
    made: list[NewApiKey] = []
    wrong = attempt(lambda: made.append(new_key(own=True)), _page)
    return wrong or _page(made=made[0])


@blueprint.post("/keys/<id>/revoke")
def revoke_key(id: str) -> Response:
    """End a key of one's own."""
    client().api_keys.revoke(id)
    say(f"The key {id}… is revoked. Programs that use it are refused from now on.")
    return redirect(to("/profile"), 303)
