"""Single sign-on: from a browser that wants in to its session, by way of a provider.

Beginning one stores nothing: the ticket that the browser keeps is signed, and the state, the nonce and the verifier of
PKCE are made from it and a secret of the database, so that any process on this database can bring it to its end. A
ticket is good for ten minutes and once, and only in the browser that has it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import Row

from enschedule_core.actor import Actor, ActorKind, Role
from enschedule_core.errors import EnscheduleError, Forbidden, Unauthenticated
from enschedule_worker.service import oidc, sessions, users
from enschedule_worker.service.claims import ClaimRules, account_name
from enschedule_worker.store import attempts, audit, identities, state
from enschedule_worker.store import users as store
from enschedule_worker.store.database import Database, Transaction

TICKET_SECONDS = 600
_SECRET = "secret:sign-on"  # noqa: S105 - the name of it
_MICROS = 1_000_000
_CODE = re.compile(r"[a-z_]{1,50}")
_ERRORS = {
    "access_denied": "The provider did not let you in, or you have cancelled there.",
    "login_required": "The provider wants you to log in there first.",
    "interaction_required": "The provider wants to ask you something first.",
    "consent_required": "The provider wants your consent first.",
    "server_error": "The provider has failed.",
    "temporarily_unavailable": "The provider cannot log anybody in right now.",
    "invalid_scope": "The provider does not know the scopes that are asked for (ENSCHEDULE_OIDC_SCOPES).",
    "unauthorized_client": "The provider does not let this server log anybody in.",
}
_BY = Actor(ActorKind.SYSTEM, "single sign-on")


class _JustMadeError(Exception):
    """Somebody logs in twice at once for the first time, and the other one has made the account."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A log-in that was begun: ``text`` is for the browser to keep, ``url`` is where to send it."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Whence:
    """Where a request comes from."""

    address: str | None = None
    agent: str | None = None


class SignOn:
    """Single sign-on with one provider.

    ``title`` is what its button says. ``base_url`` is where the pages are, if the settings say so: the provider then
    sends browsers back to there, whatever the request says.
    """

    def __init__(
        self, client: oidc.Client, rules: ClaimRules, *, title: str = "Single sign-on", base_url: str | None = None
    ) -> None:
        self.provider = oidc.Provider(client)
        self.issuer = client.issuer
        self.title = title
        self._rules = rules
        self._base_url = base_url

    def logout_url(self) -> str | None:
        """Return where a browser ends its session at the provider too; ``None`` where that is not known."""
        return self.provider.logout_url(f"{self._base_url}/login" if self._base_url else None)

    def begin(self, database: Database, redirect_uri: str) -> Ticket:
        """Begin a log-in; ``redirect_uri`` is where the provider sends the browser back to.

        Raises :class:`Unavailable` if the provider does not answer.
        """
        back = f"{self._base_url}/login/callback" if self._base_url else redirect_uri
        with database.read() as tx:
            secret, until = state.get(tx, _SECRET), tx.now + TICKET_SECONDS * _MICROS
        if secret is None:
            secret = database.retrying(lambda tx: state.get_or_create(tx, _SECRET, lambda: secrets.token_urlsafe(32)))
        name = secrets.token_urlsafe(24)
        text = URLSafeSerializer(secret, salt="ticket").dumps([name, back, until])
        assert isinstance(text, str)
        return Ticket(text, self.provider.authorization_url(_made_of(secret, name), back))

    def finish(self, database: Database, ticket: str, came_back: Mapping[str, str], whence: Whence) -> dict[str, Any]:
        """Open a session for who came back from the provider: ``{token, expires_at}``.

        ``came_back`` is what the provider sent along: ``state``, and ``code`` or ``error``. The account is made at the
        first log-in, by issuer and subject; its role, and its roles in the groups that the settings name, are each
        time what the provider says. Raises :class:`Unauthenticated` for a ticket that is not this browser's, over or
        used, and for what the provider says and that does not hold; :class:`Forbidden` for who has no role here or a
        closed account; :class:`Unavailable` if the provider does not answer; :class:`RateLimited`.
        """
        attempt = sessions.count_try(database, whence.address, None)
        try:
            made, back, now_seconds = self._taken(database, ticket, came_back)
            claims = self.provider.exchange(
                came_back["code"], made, back, now_seconds=now_seconds, wanted=self._rules.wanted
            )
            role = self._rules.role(claims)
            if role is None:
                raise Forbidden(
                    f"{account_name(claims)} is known to the provider, and has no role here.",
                    hint="Ask an admin to put you into a group there that has one.",
                )
            try:
                return self._let_in(database, claims, role, attempt, whence)
            except _JustMadeError:
                return self._let_in(database, claims, role, attempt, whence)
        except (Unauthenticated, Forbidden) as refusal:
            _record_refused(database, whence, refusal)
            raise

    def _taken(self, database: Database, ticket: str, came_back: Mapping[str, str]) -> tuple[oidc.Secrets, str, int]:
        """Use a ticket up; return what its log-in is told apart by, where it went back to, and the time in seconds."""
        with database.write() as tx:
            now = tx.now
            made, back, until = _read_ticket(state.get(tx, _SECRET), ticket)
            if not sessions.same(came_back.get("state", ""), made.state):
                raise Unauthenticated("This answer of the provider belongs to another log-in.", hint=_ONCE_MORE)
            if until <= now:
                raise Unauthenticated("This log-in took longer than ten minutes.", hint=_ONCE_MORE)
            if not identities.use_ticket(tx, ticket, until):
                raise Unauthenticated("This log-in has been used already.", hint=_ONCE_MORE)
        if "code" not in came_back:
            _say_no(came_back.get("error", ""))
        return made, back, now // _MICROS

    def _let_in(
        self, database: Database, claims: Mapping[str, Any], role: Role, attempt: int, whence: Whence
    ) -> dict[str, Any]:
        subject = claims["sub"]
        with database.write() as tx:
            row = identities.find(tx, self.issuer, subject, lock=True)
            if row is None:
                key = users.enter(tx, _BY, _free_name(tx, account_name(claims)), role, "")
                if not identities.add(tx, key, self.issuer, subject):
                    raise _JustMadeError
                row = store.by_key(tx, key)
                assert row is not None
            elif row.disabled:
                raise Forbidden(f"The account {row.name} is closed.", hint="An admin can open it again.")
            self._refresh(tx, row, role, claims)
            attempts.take_back(tx, attempt)
            return sessions.begin(tx, row.name, row.key, address=whence.address, agent=whence.agent)

    def _refresh(self, tx: Transaction, row: Row[Any], role: Role, claims: Mapping[str, Any]) -> None:
        """Give an account the role, and the roles in groups, that the provider says it has."""
        if row.role != role:
            detail = {"before": {"role": row.role}, "after": {"role": role.value}}
            audit.record(tx, _BY, "user.update", "user", row.name, detail=detail)
        store.change(tx, row.key, {"role": role.value, "login_at": tx.now})
        wanted = self._rules.groups(claims)
        held = store.roles_in_groups(tx, row.key)
        for id in sorted(self._rules.groups_named):
            group = store.group(tx, id)
            if group is None and id not in wanted:
                continue
            group_key = _new_group(tx, id) if group is None else group.key
            before, after = held.get(group_key), wanted.get(id)
            if before == after:
                continue
            if after is None:
                store.remove_member(tx, group_key, row.key)
            else:
                store.set_member(tx, group_key, row.key, after.value)
            changed = {"user": row.name, "before": before, "after": after and after.value}
            audit.record(tx, _BY, "group.member", "group", id, group_id=group_key, detail=changed)


_ONCE_MORE = "Log in once more, in one window."


def _made_of(secret: str, name: str) -> oidc.Secrets:
    """Return what a log-in is told apart by; only who has the database's secret can make it of the ticket's name."""

    def part(what: str) -> str:
        made = hmac.new(secret.encode(), f"{what}\n{name}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    return oidc.Secrets(part("state"), part("nonce"), part("verifier"))


def _read_ticket(secret: str | None, ticket: str) -> tuple[oidc.Secrets, str, int]:
    try:
        if secret is None:
            raise BadData("no ticket was ever made")
        name, back, until = URLSafeSerializer(secret, salt="ticket").loads(ticket)
    except BadData:
        raise Unauthenticated(
            "This log-in was not begun in this browser, or its cookie is gone.", hint=_ONCE_MORE
        ) from None
    return _made_of(secret, name), back, until


def _say_no(error: str) -> NoReturn:
    known = _ERRORS.get(error)
    word = f" ({error})" if _CODE.fullmatch(error) else ""
    raise Unauthenticated(known or f"The provider did not log you in{word}.", hint="Log in again.")


def _free_name(tx: Transaction, wanted: str) -> str:
    """Return a name that no account has: somebody of the same name elsewhere is somebody else."""
    name, number = wanted, 1
    while store.find(tx, name) is not None:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _new_group(tx: Transaction, id: str) -> int:
    values = {"id": id, "title": id, "created_at": tx.now, "created_by": _BY.name}
    key = store.add_group(tx, values)
    audit.record(tx, _BY, "group.create", "group", id, group_id=key, detail={"title": id})
    return key


def _record_refused(database: Database, whence: Whence, refusal: EnscheduleError) -> None:
    nobody = Actor(ActorKind.LOCAL, "nobody", frozenset(), address=whence.address, via="single sign-on")
    with database.write() as tx:
        detail = {"reason": refusal.detail}
        audit.record(tx, nobody, "session.create", "user", "unknown", detail=detail, refused=True)
