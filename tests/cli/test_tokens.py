"""`healthmgr tokens`: made once, shown once, and this machine's own kept in a file."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from healthmgr.services.tokens import Role, Tokens
from healthmgr.storage.token_repository import TokenRepository
from tests.cli.conftest import Terminal


def role_of(engine: Engine, token: str) -> Role | None:
    principal = Tokens(TokenRepository(engine)).verify(token, datetime.now(UTC))
    return principal.role if principal else None


def test_a_new_token_works_and_is_never_shown_again(terminal: Terminal, engine: Engine) -> None:
    terminal.set(COLUMNS="20")
    token = terminal("tokens", "create", "grafana", "--role", "responder").out.strip()
    assert token.startswith("hm_")
    assert role_of(engine, token) is Role.RESPONDER
    listed = terminal("tokens", "list", "--json")
    assert [item["name"] for item in listed.json["items"]] == ["grafana"]
    assert token not in listed.out


def test_a_token_can_end_by_itself(terminal: Terminal, engine: Engine) -> None:
    made = terminal("tokens", "create", "ci", "--expires-in", "2h", "--json").json
    ends_at = datetime.fromisoformat(made["expires_at"])
    assert timedelta(minutes=119) < ends_at - datetime.now(UTC) < timedelta(minutes=121)
    assert "in 1 h 59 min" in terminal("tokens", "list").out
    assert terminal("tokens", "create", "ci2", "--expires-in", "soon").code == 2


def test_a_revoked_token_is_worth_nothing(terminal: Terminal, engine: Engine) -> None:
    token = terminal("tokens", "create", "grafana").out.strip()
    assert terminal("tokens", "create", "grafana").code == 1
    assert terminal("tokens", "revoke", "grafana").out == "Revoked: grafana\n"
    assert role_of(engine, token) is None
    assert terminal("tokens", "revoke", "grafana").code == 1


def test_the_admin_token_is_made_once_and_kept_for_its_owner_alone(
    terminal: Terminal, engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "deep" / "admin-token"
    token = terminal("tokens", "ensure-admin", "--file", str(path)).out.strip()
    assert role_of(engine, token) is Role.ADMIN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == token + "\n"
    assert [child.name for child in path.parent.iterdir()] == ["admin-token"]
    assert terminal("tokens", "ensure-admin", "--file", str(path)).out.strip() == token
    assert len(terminal("tokens", "list", "--json").json["items"]) == 1


def test_a_kept_token_is_put_into_a_new_database(terminal: Terminal, engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "admin-token"
    token = "hm_" + "k" * 43
    path.write_text(token)
    path.chmod(0o644)
    said = terminal("tokens", "ensure-admin", "--file", str(path))
    assert said.out.strip() == token
    assert role_of(engine, token) is Role.ADMIN
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "readable by others" in said.err


def test_by_default_the_admin_token_lies_in_the_data_folder(terminal: Terminal, tmp_path: Path) -> None:
    made = terminal("tokens", "ensure-admin", "--json").json
    assert (tmp_path / "data" / "admin-token").read_text().strip() == made["token"]


def test_a_file_that_holds_no_token_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "admin-token"
    path.write_text("secret\n")
    said = terminal("tokens", "ensure-admin", "--file", str(path))
    assert (said.code, said.out) == (2, "")
    assert "hm_" in said.err
    assert path.read_text() == "secret\n"


def test_a_file_that_cannot_be_written_is_said_in_one_line(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = terminal("tokens", "ensure-admin", "--file", str(tmp_path / "file" / "token"))
    assert (said.code, said.out) == (1, "")
    assert "file" in said.err
