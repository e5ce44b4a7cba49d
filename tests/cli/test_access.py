"""`healthmgr users`, `announce` and scopes of tokens, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.status_page import Group, StatusPage
from tests.cli.conftest import Terminal


@pytest.fixture
def published(engine: Engine) -> None:
    document = json.dumps(StatusPage("Status", (Group("Shop", services=("shop",)),)).to_document())
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO status_pages (name, document, managed_by, updated_at) VALUES ('public', :d, 't', now())"),
            {"d": document},
        )


def test_a_user_is_added_with_a_password_that_is_shown_once(terminal: Terminal) -> None:
    said = terminal("users", "add", "ada", "--role", "responder")
    assert said.code == 0, said.err
    password = said.out.strip()
    assert len(password) > 20
    listed = terminal("users", "list")
    assert "ada" in listed.out
    assert password not in listed.out
    assert terminal("users", "list", "--json").json["items"][0]["role"] == "responder"
    assert terminal("users", "role", "ada", "admin").out == "ada: admin, enabled\n"
    assert terminal("users", "disable", "ada").out == "ada: admin, disabled\n"
    assert terminal("users", "enable", "ada").code == 0
    assert terminal("users", "passwd", "ada").out.strip() != password
    assert terminal("users", "sign-out", "ada").out == "Ended: 0 of ada\n"
    assert terminal("users", "add", "ada").code != 0
    assert "no user 'bob'" in terminal("users", "disable", "bob").err


def test_a_token_is_held_to_scopes(terminal: Terminal) -> None:
    made = terminal("tokens", "create", "board", "--scope", "checks:read", "--json").json
    assert made["scopes"] == ["checks:read"]
    assert "checks:read" in terminal("tokens", "list").out
    assert "is no scope" in terminal("tokens", "create", "x", "--scope", "tokens:write").err


def test_everybody_is_told_from_a_terminal(terminal: Terminal, published: None, tmp_path: Path) -> None:
    said = terminal("announce", "incident", "Orders fail", "-m", "We look.", "--group", "Shop", "--impact", "partial")
    assert said.out.startswith("Published: 1, Orders fail (investigating)"), said.err
    assert "Orders fail" in terminal("announce", "list").out
    assert (
        terminal("announce", "update", "1", "resolved", "-m", "The disk.").out == "Updated: 1, Orders fail (resolved)\n"
    )
    assert "Nothing is announced" in terminal("announce", "list").out
    assert [one["state"] for one in terminal("announce", "list", "--all", "--json").json["items"]] == ["resolved"]
    assert "The disk." in terminal("announce", "show", "1").out
    work = terminal("announce", "maintenance", "Racks", "-m", "Away.", "--starts", "2099-01-01T22:00Z", "--for", "2h")
    assert "Racks (scheduled)" in work.out, work.err
    assert terminal("announce", "withdraw", "2").out == "Withdrawn: 2\n"
    assert "no group 'Nope'" in terminal("announce", "incident", "x", "-m", "y", "--group", "Nope").err


def test_without_a_page_nobody_can_be_told(terminal: Terminal) -> None:
    said = terminal("announce", "incident", "Orders fail", "-m", "We look.")
    assert said.code != 0
    assert "No status page is defined" in said.err
