"""`healthmgr notify preview`: what would be told, and telling nobody."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from healthmgr.domain.links import read
from healthmgr.domain.message import MessageKind
from healthmgr.storage.tables import audit_entries, channels, deliveries, notifications, recipients
from tests.builders import NOW, make_alert, make_check, make_incident
from tests.cli.conftest import Terminal, Trouble


@pytest.fixture
def inbox(engine: Engine) -> None:
    make_channel(engine, "inbox", "email", {"host": "127.0.0.1", "port": 1, "from": "alerts@example.com"})
    with engine.begin() as connection:
        row = {"name": "ops", "display_name": "Operations", "contacts": {"inbox": "ops@example.com"}}
        connection.execute(insert(recipients).values(**row, is_enabled=True, managed_by="test", updated_at=NOW))


def make_channel(engine: Engine, name: str, kind: str, config: dict[str, Any], is_enabled: bool = True) -> None:
    row = {"name": name, "kind": kind, "config": config, "max_concurrency": 4, "is_enabled": is_enabled}
    with engine.begin() as connection:
        connection.execute(insert(channels).values(**row, managed_by="test", updated_at=NOW))


def rows(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return [
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (notifications, deliveries, audit_entries)
        ]


def test_a_preview_tells_of_the_open_alert(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("notify", "preview")
    assert said.code == 0, said.err
    for words in (
        "Subject: Critical: Session manager is unhealthy (#1)",
        "active sessions 3, unhealthy at < 5",
        "https://wiki.example.com/session-manager",
        "connection refused",
    ):
        assert words in said.out, words
    assert not said.err


def test_a_preview_shows_where_to_answer_and_nobody_can_answer_with_it(terminal: Terminal, trouble: Trouble) -> None:
    text = terminal("notify", "preview").out
    (token,) = set(re.findall(r"https://health.example.com/answer/([^/]+)/acknowledge", text))
    assert read(token, "0123456789abcdef0123456789abcdef", trouble.now) is None
    terminal.set(HEALTHMGR_SECRET_KEY="")
    assert "/answer/" not in terminal("notify", "preview").out


@pytest.mark.parametrize("kind", list(MessageKind))
@pytest.mark.parametrize("form", ["text", "html", "json"])
def test_every_kind_has_every_form_and_leaves_no_trace(
    kind: MessageKind, form: str, terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    before = rows(engine)
    said = terminal("notify", "preview", "--kind", kind.value, "--format", form)
    assert (said.code, said.err) == (0, "")
    assert "Session manager" in said.out
    assert said.out.startswith({"text": "Subject: ", "html": "<!DOCTYPE html>", "json": "{"}[form])
    if form == "json":
        assert said.json["kind"] == kind.value
        assert said.json["is_example"] is False
    assert rows(engine) == before


def test_a_resolution_is_told_as_if_all_were_well_now(terminal: Terminal, trouble: Trouble) -> None:
    out = terminal("notify", "preview", "--kind", "resolution").out
    assert "Subject: Resolved: Session manager (#1)" in out
    assert "Lasted 5 min" in out


def test_an_acknowledgement_is_told_in_the_name_of_whoever_asks(terminal: Terminal, trouble: Trouble) -> None:
    assert "Acknowledged by bob" in terminal("notify", "preview", "--kind", "acknowledgement").out


def test_a_digest_lists_what_is_open(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    incident = make_incident(engine, severity="low", opened_at=trouble.now - timedelta(minutes=1))
    make_alert(engine, make_check(engine, "shop", status="unhealthy"), incident_id=incident, severity="low")
    shown = terminal("notify", "preview", "--kind", "digest", "--json").json
    assert shown["subject"] == "2 more incidents (#2 and #1)"
    assert "Session manager is unhealthy" in shown["text"]
    assert "Shop is unhealthy" in shown["text"]


def test_while_nothing_is_open_an_example_is_shown_and_called_one(terminal: Terminal) -> None:
    for kind in MessageKind:
        said = terminal("notify", "preview", "--kind", kind.value)
        assert said.code == 0
        assert said.out.startswith("Subject: ")
        assert said.err == "No alert is open: this is an example.\n"
    assert terminal("notify", "preview", "--json").json["is_example"] is True


def test_a_channel_is_shown_with_its_headers_and_recipient(terminal: Terminal, trouble: Trouble, inbox: None) -> None:
    out = terminal("notify", "preview", "--channel", "inbox").out
    assert "Subject: [healthmgr] Critical: Session manager is unhealthy (#1)" in out
    assert "To: ops <ops@example.com>" in out
    assert "To: bob <bob@example.com>" not in out
    assert "carol@example.com" in terminal("notify", "preview", "--channel", "inbox", "--to", "carol@example.com").out
    wrong = terminal("notify", "preview", "--channel", "inbox", "--to", "nobody here")
    assert wrong.code == 2
    assert "not an e-mail address" in wrong.err


def test_own_templates_are_shown_and_their_faults_told(
    terminal: Terminal, trouble: Trouble, engine: Engine, tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "subject.j2").write_text("Look: {{ m.headline }}")
    config = {"host": "h", "from": "a@example.com", "templates": "${HEALTHMGR_TEMPLATES:-}"}
    make_channel(engine, "inbox", "email", config)
    terminal.set(HEALTHMGR_TEMPLATES=str(folder))
    assert terminal("notify", "preview", "--channel", "inbox", "--json").json["subject"].startswith("Look: Session ")
    (folder / "message.txt.j2").write_text("{{ oops }}")
    said = terminal("notify", "preview", "--channel", "inbox")
    assert said.code == 1
    assert "own template message.txt.j2, line 1: UndefinedError: 'oops' is undefined" in said.err
    assert "Subject: [healthmgr] Look: Session manager is unhealthy" in said.out
    assert "Measured" in said.out


def test_an_alert_that_nobody_is_told_of_yet_says_so(terminal: Terminal, engine: Engine) -> None:
    make_alert(engine, make_check(engine, "fresh", status="unhealthy"))
    said = terminal("notify", "preview", "--alert", "fresh")
    assert said.code == 1
    assert "in no incident" in said.err


def test_a_channel_that_is_not_there_is_answered_with_those_that_are(terminal: Terminal, inbox: None) -> None:
    said = terminal("notify", "preview", "--channel", "inbx")
    assert (said.code, said.out) == (1, "")
    assert "'inbx'" in said.err
    assert "inbox" in said.err
