"""`healthmgr channels`: what was met on each, and one message that says it is a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pytest_httpserver import HTTPServer
from sqlalchemy import Engine, func, select

from healthmgr.storage.tables import audit_entries, deliveries, notifications
from tests.builders import make_delivery, make_notification
from tests.cli.conftest import Terminal, Trouble
from tests.cli.test_notify import inbox, make_channel

__all__ = ["inbox"]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Mailbox:
    """Keeps the mails that arrive."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 queued as 4F2A"


class AnyPort(Controller):
    """A mail server that lets the system choose the port, and then knows which one it is."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox(engine: Engine) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = AnyPort(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    make_channel(engine, "post", "email", {"host": "127.0.0.1", "port": controller.port, "from": "alerts@example.com"})
    yield mailbox
    controller.stop()


@pytest.fixture
def hook(engine: Engine, httpserver: HTTPServer) -> HTTPServer:
    make_channel(engine, "hook", "webhook", {"url": httpserver.url_for("/hook"), "secret": "${HOOK_SECRET}"})
    return httpserver


def test_no_channel_is_said_in_words(terminal: Terminal) -> None:
    assert terminal("channels", "list").out.startswith("There are no channels")


def test_channels_are_listed_with_what_was_last_met(
    terminal: Terminal, trouble: Trouble, engine: Engine, inbox: None
) -> None:
    make_channel(engine, "hook", "webhook", {"url": "https://example.com"})
    make_channel(engine, "old", "slack", {}, is_enabled=False)
    row = make_notification(engine, trouble.incident_id, channel="hook", state="pending", sent_at=None)
    make_delivery(
        engine, row, attempt=1, outcome="retry", detail="503 Service Unavailable",
        started_at=trouble.now - timedelta(minutes=3), finished_at=trouble.now - timedelta(minutes=3),
    )  # fmt: skip
    lines = [line.split() for line in terminal("channels", "list").out.splitlines()]
    assert [line[0] for line in lines] == ["NAME", "hook", "inbox", "old"]
    assert lines[1][1:4] == ["webhook", "failing", "-"]
    assert "503" in lines[1]
    assert lines[2][1:4] == ["email", "in", "use"]
    assert "disabled" in lines[3]
    shown = {item["name"]: item for item in terminal("channels", "list", "--json").json["items"]}
    assert shown["inbox"]["last_accepted_at"]
    assert shown["hook"]["last_fault"] == "503 Service Unavailable"
    assert shown["old"]["is_enabled"] is False


def test_a_test_arrives_says_that_it_is_one_and_is_on_no_ledger(
    terminal: Terminal, mailbox: Mailbox, engine: Engine
) -> None:
    said = terminal("channels", "test", "post", "--to", "ops@example.com", "--as", "alice")
    assert said.code == 0, said.err
    assert "post (email) accepted it: 250 queued as 4F2A" in said.out
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[healthmgr] Test: Channel post is healthy"
    assert mail["To"] == '"ops@example.com" <ops@example.com>'
    assert mail["X-Priority"] is None
    for part in ("plain", "html"):
        content = mail.get_body((part,)).get_content()
        assert "Nothing is wrong, and nobody has to do anything." in content
        assert "asked for by alice" in content
    with engine.connect() as connection:
        entry = connection.execute(select(audit_entries)).mappings().one()
        for table in (notifications, deliveries):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert (entry["actor"], entry["origin"], entry["action"], entry["target"]) == (
        "alice", "cli", "channel.test", "post",
    )  # fmt: skip


def test_a_recipient_is_reached_at_the_address_of_the_definitions(
    terminal: Terminal, inbox: None, engine: Engine
) -> None:
    said = terminal("channels", "test", "inbox", "--to", "ops")
    assert said.code == 1
    assert "inbox (email) did not accept it" in said.err
    assert "127.0.0.1:1" in said.err
    assert "This may pass" in said.err
    assert not said.out


def test_a_channel_that_needs_an_address_says_whom_it_can_reach(terminal: Terminal, inbox: None) -> None:
    said = terminal("channels", "test", "inbox")
    assert said.code == 1
    assert "ops can be reached over it" in said.err


def test_a_secret_is_resolved_where_the_test_is_sent(terminal: Terminal, hook: HTTPServer) -> None:
    hook.expect_request("/hook").respond_with_data("thanks")
    assert terminal("channels", "test", "hook").code == 2, "the secret is not set"
    assert not hook.log
    terminal.set(HOOK_SECRET=SECRET)
    said = terminal("channels", "test", "hook", "--json")
    assert said.code == 0, said.err
    assert said.json["is_accepted"] is True
    request, _ = hook.log[0]
    assert request.headers["webhook-signature"]
    assert "Channel hook" in json.loads(request.data)["data"]["title"]
    assert SECRET not in said.out


@pytest.mark.parametrize(
    ("status", "advice"), [(404, "Trying again will not help"), (503, "This may pass"), (429, "This may pass")]
)
def test_a_refusal_exits_with_1_and_says_whether_trying_again_could_help(
    status: int, advice: str, terminal: Terminal, hook: HTTPServer
) -> None:
    terminal.set(HOOK_SECRET=SECRET)
    hook.expect_request("/hook").respond_with_data("no", status=status)
    said = terminal("channels", "test", "hook")
    assert (said.code, said.out) == (1, "")
    assert str(status) in said.err
    assert advice in said.err
    shown = terminal("channels", "test", "hook", "--json")
    assert shown.code == 1
    assert shown.json["is_permanent"] is (status == 404)


def test_what_a_test_opened_can_be_closed(terminal: Terminal, hook: HTTPServer) -> None:
    terminal.set(HOOK_SECRET=SECRET)
    hook.expect_request("/hook").respond_with_data("thanks")
    assert terminal("channels", "test", "hook").code == 0
    assert terminal("channels", "test", "hook", "--kind", "resolution").code == 0
    first, second = (json.loads(request.data) for request, _ in hook.log)
    assert [first["type"], second["type"]] == ["incident.problem", "incident.resolution"]
    assert first["data"]["incident"]["id"] == second["data"]["incident"]["id"]


def test_a_channel_that_is_gone_or_was_never_there_is_not_tried(terminal: Terminal, engine: Engine) -> None:
    make_channel(engine, "old", "webhook", {"url": "http://127.0.0.1:1/"}, is_enabled=False)
    for name, words in (("old", "disabled"), ("new", "There is no channel 'new'")):
        said = terminal("channels", "test", name)
        assert said.code == 1
        assert words in said.err


def test_a_configuration_that_is_not_valid_here_is_told_without_its_values(terminal: Terminal, engine: Engine) -> None:
    make_channel(engine, "hook", "webhook", {"url": "${HOOK_URL}", "secret": "hush"})
    terminal.set(HOOK_URL="nonsense-hunter2")
    said = terminal("channels", "test", "hook")
    assert said.code == 1
    assert "The configuration of hook is not valid here: " in said.err
    assert "hunter2" not in said.err
