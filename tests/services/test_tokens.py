"""Access tokens over real rows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.tokens import Principal, Role, Tokens
from healthmgr.storage.tables import access_tokens, audit_entries
from healthmgr.storage.token_repository import TokenRepository
from tests.builders import NOW


@pytest.fixture
def tokens(engine: Engine) -> Tokens:
    return Tokens(TokenRepository(engine))


def test_a_created_token_is_known_by_its_name_and_role(tokens: Tokens) -> None:
    token = tokens.create("grafana", "viewer", NOW)
    assert token.startswith("hm_")
    assert len(token) == 46
    assert tokens.verify(token, NOW) == Principal("grafana", Role.VIEWER)


def test_the_token_itself_lies_in_no_row(engine: Engine, tokens: Tokens) -> None:
    token = tokens.create("grafana", "viewer", NOW)
    with engine.connect() as connection:
        rows = [*connection.execute(select(access_tokens)), *connection.execute(select(audit_entries))]
    assert rows
    assert all(token not in str(row) and token[3:] not in str(row) for row in rows)


@pytest.mark.parametrize("token", ["", "hm_", "hm_" + "a" * 43, "Bearer hm_x", "x"])
def test_a_token_that_was_never_made_is_nobody(tokens: Tokens, token: str) -> None:
    tokens.create("grafana", "viewer", NOW)
    assert tokens.verify(token, NOW) is None


def test_a_token_ends_at_its_expiry(tokens: Tokens) -> None:
    token = tokens.create("visitor", "viewer", NOW, NOW + timedelta(hours=1))
    assert tokens.verify(token, NOW + timedelta(minutes=59))
    assert tokens.verify(token, NOW + timedelta(hours=1)) is None


def test_a_revoked_token_is_nobody_at_once(tokens: Tokens) -> None:
    token = tokens.create("visitor", "viewer", NOW)
    tokens.revoke("visitor", now=NOW)
    assert tokens.verify(token, NOW) is None
    with pytest.raises(NotFound, match="no token 'visitor'"):
        tokens.revoke("visitor", now=NOW)


def test_a_taken_name_is_refused_and_the_first_token_stays(tokens: Tokens) -> None:
    token = tokens.create("grafana", "viewer", NOW)
    with pytest.raises(Conflict, match="'grafana' exists"):
        tokens.create("grafana", "admin", NOW)
    assert tokens.verify(token, NOW) == Principal("grafana", Role.VIEWER)


def test_every_fault_of_a_wish_is_told_at_once(tokens: Tokens) -> None:
    with pytest.raises(DefinitionError) as caught:
        tokens.create(" ", "king", NOW, NOW)
    assert [problem.path for problem in caught.value.problems] == ["name", "role", "expires_at"]


def test_an_expiry_without_an_offset_is_refused(tokens: Tokens) -> None:
    with pytest.raises(DefinitionError, match="UTC offset"):
        tokens.create("visitor", "viewer", NOW, datetime(2099, 1, 1))  # noqa: DTZ001


def test_an_expiry_beyond_every_calendar_is_refused(tokens: Tokens) -> None:
    with pytest.raises(DefinitionError, match="leave it out"):
        tokens.create("visitor", "viewer", NOW, datetime.fromisoformat("9999-12-31T23:59:00-12:00"))


def test_ensuring_twice_changes_nothing_and_leaves_one_audit_entry(engine: Engine, tokens: Tokens) -> None:
    token = tokens.ensure("machine", "admin", None, NOW)
    assert tokens.ensure("machine", "admin", token, NOW + timedelta(days=1)) == token
    assert [view.created_at for view in tokens.list()] == [NOW]
    with engine.connect() as connection:
        assert connection.execute(select(audit_entries.c.action)).scalars().all() == ["token.ensure"]


def test_ensuring_another_token_replaces_the_one_of_that_name(tokens: Tokens) -> None:
    old = tokens.ensure("machine", "admin", None, NOW)
    new = tokens.ensure("machine", "admin", "hm_" + "n" * 43, NOW)
    assert tokens.verify(old, NOW) is None
    assert tokens.verify(new, NOW) == Principal("machine", Role.ADMIN)


def test_ensuring_lifts_an_expiry(tokens: Tokens) -> None:
    token = tokens.create("machine", "admin", NOW, NOW + timedelta(hours=1))
    tokens.ensure("machine", "admin", token, NOW)
    assert tokens.verify(token, NOW + timedelta(days=1))


def test_a_token_moves_to_the_name_it_is_ensured_under(tokens: Tokens) -> None:
    token = tokens.create("old", "admin", NOW)
    tokens.ensure("new", "admin", token, NOW)
    assert tokens.verify(token, NOW) == Principal("new", Role.ADMIN)
    assert [view.name for view in tokens.list()] == ["new"]


def test_a_token_that_is_too_short_to_be_safe_is_not_ensured(tokens: Tokens) -> None:
    with pytest.raises(DefinitionError, match="32 more"):
        tokens.ensure("machine", "admin", "hm_short", NOW)


def test_use_is_noted_at_most_once_a_minute(tokens: Tokens) -> None:
    token = tokens.create("grafana", "viewer", NOW)

    def noted_after(seconds: int) -> datetime | None:
        tokens.verify(token, NOW + timedelta(seconds=seconds))
        return tokens.list()[0].last_used_at

    assert noted_after(0) == NOW
    assert noted_after(59) == NOW
    assert noted_after(60) == NOW + timedelta(seconds=60)


def test_making_and_revoking_are_on_the_audit_log_with_who_did_it(engine: Engine, tokens: Tokens) -> None:
    tokens.create("grafana", "viewer", NOW, actor="ann", origin="cli")
    tokens.revoke("grafana", now=NOW, actor="bob", origin="api")
    with engine.connect() as connection:
        rows = connection.execute(
            select(audit_entries.c.actor, audit_entries.c.origin, audit_entries.c.action, audit_entries.c.target)
            .order_by(audit_entries.c.id)
        ).all()  # fmt: skip
    assert rows == [("ann", "cli", "token.create", "grafana"), ("bob", "api", "token.revoke", "grafana")]


@pytest.mark.parametrize(
    ("role", "enough_for"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.RESPONDER, {Role.VIEWER, Role.RESPONDER}),
        (Role.ADMIN, {Role.VIEWER, Role.RESPONDER, Role.ADMIN, Role.INGEST}),
        (Role.INGEST, {Role.INGEST}),
    ],
)
def test_each_role_is_enough_for_exactly_these(role: Role, enough_for: set[Role]) -> None:
    assert {needed for needed in Role if role.includes(needed)} == enough_for
