"""What single sign-on and the limits of handlers store, on every database."""

from __future__ import annotations

from typing import Any

import pytest

from enschedule_core.actor import Role
from enschedule_worker.service import handler_access, sessions, users
from enschedule_worker.service.claims import ClaimRules
from enschedule_worker.service.oidc import Client
from enschedule_worker.service.sign_on import SignOn, Whence
from enschedule_worker.store import handler_access as access_store
from enschedule_worker.store import identities

ISSUER = "https://id.example.org/realms/main/"
RULES = ClaimRules("groups", {"staff": Role.VIEWER}, None, "groups", {"sre": (("ops", Role.EDITOR),)})


def log_in(database: Any, sign_on: SignOn, **claims: Any) -> str:
    """Let somebody in whose claims were checked, and return the account's name."""
    attempt = sessions.count_try(database, "192.0.2.1", None)
    opened = sign_on._let_in(database, claims, Role.VIEWER, attempt, Whence("192.0.2.1", "a browser"))
    return sessions.authenticate(database, opened["token"]).name


def test_accounts_are_found_by_issuer_and_subject_and_their_case_counts(database: Any, actor: Any) -> None:
    sign_on = SignOn(Client(ISSUER, "c"), RULES)
    assert log_in(database, sign_on, sub="X1", preferred_username="ada", groups=["sre"]) == "ada"
    assert log_in(database, sign_on, sub="x1", preferred_username="ada", groups=[]) == "ada-2"
    assert log_in(database, sign_on, sub="X1", preferred_username="else", groups=[]) == "ada"
    other = SignOn(Client(ISSUER.rstrip("/"), "c"), RULES)
    assert log_in(database, other, sub="X1", preferred_username="ada") == "ada-3"
    found, _ = users.listing(database, actor)
    assert [(one["name"], one["issuer"], one["groups"]) for one in found] == [
        ("ada", ISSUER, {}),
        ("ada-2", ISSUER, {}),
        ("ada-3", ISSUER.rstrip("/"), {}),
    ]
    users.change(database, actor, "ada-3", {"role": "admin"})
    users.remove(database, actor, "ada")
    assert log_in(database, sign_on, sub="X1", preferred_username="ada", groups=["sre"]) == "ada"


def test_two_who_come_for_the_first_time_at_once_are_one_account(
    database: Any, actor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is second finds, where it would enter who it is, that the first has done so."""
    sign_on, claims = SignOn(Client(ISSUER, "c"), RULES), {"sub": "X1", "preferred_username": "ada"}
    monkeypatch.setattr(sign_on, "_taken", lambda *_: (None, "", 0))
    monkeypatch.setattr(sign_on.provider, "exchange", lambda *_, **__: {**claims, "groups": ["staff"]})
    log_in(database, sign_on, **claims)
    real, looks = identities.find, iter([None])
    monkeypatch.setattr(identities, "find", lambda *given, **more: next(looks, real(*given, **more)))
    opened = sign_on.finish(database, "t", {"code": "c"}, Whence())
    assert sessions.authenticate(database, opened["token"]).name == "ada"
    assert [one["name"] for one in users.listing(database, actor)[0]] == ["ada"]


def test_a_ticket_is_used_once_and_forgotten_when_it_is_over(database: Any, clock: Any) -> None:
    def use() -> bool:
        with database.write() as tx:
            return identities.use_ticket(tx, "ticket", tx.now + 600_000_000)

    assert [use(), use()] == [True, False]
    clock.advance(seconds=601)
    assert use()


def test_limits_of_handlers_are_replaced_as_a_whole(database: Any, stage: Any, actor: Any) -> None:
    with database.read() as tx:
        assert access_store.of(tx) == {}
    for groups in ([1, 2], [2, 3], [], None):
        with database.write() as tx:
            access_store.put(tx, "echo", "admin", groups)
        with database.read() as tx:
            said = access_store.of(tx, "echo")["echo"]
            assert said == access_store.Said((), "admin", None if groups is None else frozenset(groups))
            assert access_store.of(tx)["echo"] == said
    handler_access.change(database, actor, "echo", minimum_role=None, groups=None)
    with database.read() as tx:
        assert handler_access.of(tx, "echo").minimum_role is None
