"""Mail reaches real servers, threads in the inbox, and every failure says whether trying again could help."""

from __future__ import annotations

import socket
import ssl
import time
from datetime import timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import pytest
from loopback import Inbox, mail_server, only, read_content, replies, scripted, server_context

from healthmgr.channels.email import EmailChannel, EmailConfig
from healthmgr.domain.check import Severity
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError

ALICE = "alice@example.com"


def config(port: int, **changes) -> EmailConfig:
    values = {"host": "127.0.0.1", "port": port, "from": "healthmgr <alerts@ops.example.com>"}
    return EmailConfig(**{**values, **changes})


def send(port: int, message, address: str = ALICE, timeout: float = 5, **changes):
    return EmailChannel().send(config(port, **changes), message, address, timedelta(seconds=timeout))


def failure(port: int, message, **arguments) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(port, message, **arguments)
    return caught.value


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def port(inbox):
    with mail_server(inbox) as port:
        yield port


def test_a_problem_arrives_with_text_and_html(inbox, port, compose_message):
    receipt = send(port, compose_message())
    (mail,) = inbox.mails
    assert mail["Subject"] == "[healthmgr] Critical: Session manager is unhealthy (#12)"
    assert mail["From"] == "healthmgr <alerts@ops.example.com>"
    assert mail["To"] == "Alice Meyer <alice@example.com>"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert "answers in 7.2 s" in mail.get_body(("plain",)).get_content()
    assert "answers in 7.2 s" in mail.get_body(("html",)).get_content()
    assert inbox.envelopes[0].mail_from == "alerts@ops.example.com"
    assert inbox.envelopes[0].rcpt_tos == [ALICE]
    assert receipt.provider_id == mail["Message-ID"]
    assert "queued as 4F2A" in receipt.detail


def test_the_headers_say_what_a_machine_needs(inbox, port, compose_message):
    message = compose_message()
    send(port, message)
    (mail,) = inbox.mails
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Healthmgr-Incident"] == "12"
    assert mail["X-Healthmgr-Notification"] == str(message.notification_id)
    assert (mail["X-Priority"], mail["Importance"]) == ("1", "high")
    assert parsedate_to_datetime(mail["Date"]) == message.composed_at


def test_only_critical_problems_are_marked_urgent(inbox, port, compose_message):
    send(port, compose_message(severity=Severity.HIGH))
    send(port, compose_message(MessageKind.RESOLUTION))
    send(port, compose_message(MessageKind.ACKNOWLEDGEMENT))
    send(port, compose_message(is_test=True))
    assert [mail["X-Priority"] for mail in inbox.mails] == [None] * 4


def test_updates_and_the_resolution_hang_on_the_first_mail(inbox, port, compose_message):
    for number, kind in enumerate(MessageKind):
        send(port, compose_message(kind, notification_id=UUID(int=number + 1)))
    first, update, acknowledgement, resolution, digest = inbox.mails
    assert first["Message-ID"] == "<019ab3c0-0000-7000-8000-000000000001.alice@healthmgr.ops.example.com>"
    assert first["In-Reply-To"] is None
    for mail, number in ((update, 2), (acknowledgement, 3), (resolution, 4), (digest, 5)):
        assert mail["In-Reply-To"] == mail["References"] == first["Message-ID"]
        assert mail["Message-ID"] == f"<{UUID(int=number)}@healthmgr.ops.example.com>"
    assert resolution["Subject"] == "[healthmgr] Resolved: Session manager (#12)"


def test_an_attempt_made_again_is_the_same_mail(inbox, port, compose_message):
    message = compose_message(MessageKind.UPDATE)
    send(port, message)
    send(port, message)
    first, second = inbox.envelopes
    assert first.content == second.content


def test_a_thread_key_of_any_form_makes_whole_ids(inbox, port, compose_message):
    sender = f"alerts@{'long-department.' * 5}example.com"
    for kind in (MessageKind.PROBLEM, MessageKind.UPDATE):
        send(port, compose_message(kind, thread_key="a b>\r\nBcc: x@evil.example\x00" * 20), **{"from": sender})
    raw = inbox.envelopes[1].content.decode()
    root = inbox.mails[0]["Message-ID"]
    assert f"In-Reply-To: {root}\r\n" in raw
    assert f"References: {root}\r\n" in raw
    assert f"Message-ID: {root}\r\n" in inbox.envelopes[0].content.decode()
    assert inbox.mails[0]["Bcc"] is None


def test_line_breaks_in_names_make_no_headers(inbox, port, compose_message, compose_alert):
    evil = "Zoë\r\nBcc: everyone@example.com\r\n\r\nbody\x00"
    alert = compose_alert(check_name=evil, summary=evil)
    send(port, compose_message(alerts=(alert,), recipient=evil), subject_prefix="[x]\r\nX-Evil: 1")
    (mail,) = inbox.mails
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    assert mail["Subject"].startswith("[x] X-Evil: 1 Critical: Zoë Bcc: everyone@example.com body")
    assert inbox.envelopes[0].rcpt_tos == [ALICE]
    assert b"\x00" not in inbox.envelopes[0].content


def test_names_of_all_scripts_arrive(inbox, port, compose_message, compose_alert):
    send(port, compose_message(alerts=(compose_alert(check_name="Größenprüfung 大小 🙂"),), recipient="Zoë Ünal, Ops"))
    (mail,) = inbox.mails
    assert "Größenprüfung 大小 🙂" in mail["Subject"]
    assert mail["To"].addresses[0].display_name == "Zoë Ünal, Ops"
    assert "Größenprüfung 大小 🙂" in mail.get_body(("plain",)).get_content()
    assert inbox.envelopes[0].content.isascii()


def test_lines_of_a_dot_do_not_end_the_mail(inbox, port, compose_message, compose_alert):
    send(port, compose_message(alerts=(compose_alert(description="before\n.\n..\n.after"),)))
    assert "before\r\n.\r\n..\r\n.after" in inbox.mails[0].get_body(("plain",)).get_content()


def test_huge_texts_arrive_cut(inbox, port, compose_message, compose_alert):
    send(port, compose_message(alerts=(compose_alert(summary="x" * 100_000, description="y\n" * 50_000),)))
    content = inbox.envelopes[0].content
    assert len(content) < 100_000
    assert max(len(line) for line in content.splitlines()) < 998  # RFC 5322's limit


@pytest.mark.parametrize(
    "address",
    [
        *("", "alice", "alice@", "@example.com", "a b@example.com", "a@b..c", "a@-b.c", "é@example.com"),
        *("a@b.c, d@e.f", "a@b.c\r\nRCPT TO:<d@e.f>", "x <a@b.c> <d@e.f>"),
    ],
)
def test_an_address_that_is_none_fails_for_good_before_any_connection(compose_message, address):
    error = failure(1, compose_message(), address=address)
    assert error.permanent
    assert "not an e-mail address" in str(error)


def test_a_domain_in_another_script_is_sent_in_its_ascii_form(inbox, port, compose_message):
    send(port, compose_message(), address="alice@münchen.example")
    assert inbox.envelopes[0].rcpt_tos == ["alice@xn--mnchen-3ya.example"]


@pytest.mark.parametrize("word", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "is_permanent"), [("550 5.1.1 no such user", True), ("451 4.3.0 come back later", False)]
)
def test_a_refusal_is_permanent_for_5xx_and_temporary_for_4xx(compose_message, word, reply, is_permanent):
    with mail_server(Inbox({word: reply})) as port:
        error = failure(port, compose_message())
    assert error.permanent is is_permanent
    assert not error.is_ambiguous
    assert reply in str(error)


def test_a_refused_login_is_permanent_and_keeps_the_password_to_itself(compose_message):
    with mail_server(Inbox(), **only("alerts", "right")) as port:
        error = failure(port, compose_message(), username="alerts", password="not-this-one", tls="none")
    assert error.permanent
    assert "refused the login" in str(error)
    assert "not-this-one" not in str(error)


def test_a_login_lets_the_mail_through(inbox, compose_message):
    with mail_server(inbox, **only("alerts", "right-password")) as port:
        send(port, compose_message(), username="alerts", password="right-password", tls="none")
    assert len(inbox.mails) == 1


def test_a_password_does_not_travel_in_the_clear_unless_told_to(inbox, compose_message):
    with mail_server(inbox, **only("alerts", "right-password")) as port:
        error = failure(port, compose_message(), username="alerts", password="right-password")
    assert error.permanent
    assert "STARTTLS" in str(error)
    assert inbox.mails == []


def test_a_server_that_repeats_the_password_finds_it_masked(compose_message):
    secret = "correct-horse"
    answers = ("250-scripted\r\n250 AUTH PLAIN", f"535 bad password {secret} AGFsZXJ0cwBjb3JyZWN0LWhvcnNl")
    with scripted(replies(*answers)) as port:
        error = failure(port, compose_message(), username="alerts", password=secret, tls="none")
    assert error.permanent
    assert secret not in str(error)
    assert "AGFsZXJ0cwBjb3JyZWN0LWhvcnNl" not in str(error)
    assert error.__cause__ is None


def test_a_password_beyond_ascii_is_refused_without_being_told(compose_message):
    with scripted(replies("250-scripted\r\n250 AUTH PLAIN")) as port:
        error = failure(port, compose_message(), username="alerts", password="pässwörd", tls="none")
    assert error.permanent
    assert "pässwörd" not in str(error)


def test_a_server_without_starttls_cannot_do_what_was_insisted_on(port, compose_message):
    assert failure(port, compose_message(), tls="starttls").permanent


def test_starttls_is_used_where_it_is_offered(inbox, certificate, compose_message):
    context = server_context(*certificate)
    with mail_server(inbox, tls_context=context, require_starttls=True) as port:
        send(port, compose_message(), verify_tls=False)
    assert len(inbox.mails) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(inbox, certificate, compose_message):
    with mail_server(inbox, tls_context=server_context(*certificate)) as port:
        error = failure(port, compose_message())
    assert error.permanent
    assert "certificate" in str(error)
    assert inbox.mails == []


def test_tls_from_the_start(inbox, certificate, compose_message):
    def converse(connection: socket.socket) -> None:
        with server_context(*certificate).wrap_socket(connection, server_side=True) as encrypted:
            replies("250 hello", "250 ok", "250 ok", "354 go", then=accept)(encrypted)

    def accept(connection: ssl.SSLSocket) -> None:
        read_content(connection)
        connection.sendall(b"250 taken\r\n")

    with scripted(converse) as port:
        receipt = send(port, compose_message(), tls="tls", verify_tls=False)
    assert receipt.detail == "250 taken"  # and nobody minds that it hung up before our QUIT


def test_a_refused_connection_is_temporary(compose_message):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(port, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert "refused" in str(error)


def test_a_busy_server_is_temporary(compose_message):
    with scripted(lambda connection: connection.sendall(b"421 too busy\r\n")) as port:
        error = failure(port, compose_message())
    assert not error.permanent
    assert "421 too busy" in str(error)


def test_a_connection_lost_before_the_content_is_known_not_to_have_delivered(compose_message):
    with scripted(replies("250 hello", "250 ok", "250 ok")) as port:
        error = failure(port, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)


def test_a_connection_lost_after_the_content_may_have_delivered(compose_message):
    with scripted(replies("250 hello", "250 ok", "250 ok", "354 go", then=read_content)) as port:
        error = failure(port, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, True)
    assert "may have arrived" in str(error)


def test_a_temporary_refusal_of_the_content_is_not_ambiguous(compose_message):
    def refuse(connection: socket.socket) -> None:
        read_content(connection)
        connection.sendall(b"452 disk full\r\n")

    with scripted(replies("250 hello", "250 ok", "250 ok", "354 go", then=refuse)) as port:
        error = failure(port, compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)


def test_a_silent_server_is_left_at_the_timeout(compose_message):
    with scripted(lambda connection: connection.recv(1)) as port:
        started_at = time.monotonic()
        error = failure(port, compose_message(), timeout=0.3)
    assert time.monotonic() - started_at < 2
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert "no answer in time" in str(error)


def test_a_server_that_drips_is_left_at_the_timeout_too(compose_message):
    def drip(connection: socket.socket) -> None:
        try:
            for _ in range(100):
                connection.sendall(b"220-wait\r\n")
                time.sleep(0.05)
        except OSError:
            return

    with scripted(drip) as port:
        started_at = time.monotonic()
        error = failure(port, compose_message(), timeout=0.4)
    assert time.monotonic() - started_at < 2
    assert "no answer in time" in str(error)


def test_a_server_that_falls_silent_after_the_content_is_ambiguous(compose_message):
    def swallow(connection: socket.socket) -> None:
        read_content(connection)
        connection.recv(1)

    with scripted(replies("250 hello", "250 ok", "250 ok", "354 go", then=swallow)) as port:
        error = failure(port, compose_message(), timeout=0.5)
    assert (error.permanent, error.is_ambiguous) == (False, True)


def test_a_host_that_is_no_name_is_a_channel_error(compose_message):
    assert isinstance(failure(25, compose_message(), host="a..b"), ChannelError)


def test_own_templates_word_the_mail(inbox, port, compose_message, tmp_path):
    (tmp_path / "email").mkdir()
    (tmp_path / "email" / "subject.j2").write_text("{{ message.alerts[0].service | upper }} {{ m.headline }}")
    send(port, compose_message(), templates=str(tmp_path))
    (mail,) = inbox.mails
    assert mail["Subject"] == "[healthmgr] ACCOUNTS Session manager is unhealthy"
    assert "answers in 7.2 s" in mail.get_body(("plain",)).get_content()


def test_own_templates_that_fail_lose_no_mail(inbox, port, compose_message, tmp_path):
    send(port, compose_message(), templates=str(tmp_path / "nowhere"))
    (mail,) = inbox.mails
    assert mail["Subject"] == "[healthmgr] Critical: Session manager is unhealthy (#12)"
    for part in ("plain", "html"):
        assert "is not there" in mail.get_body((part,)).get_content()


def test_a_preview_is_the_mail_without_its_encoding(inbox, port, compose_message):
    message = compose_message()
    previewed = EmailChannel().preview(config(port), message, ALICE)
    assert not inbox.mails
    send(port, message)
    (mail,) = inbox.mails
    assert f"Subject: {mail['Subject']}" in previewed.splitlines()
    assert "To: Alice Meyer <alice@example.com>" in previewed.splitlines()
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip() in previewed
    assert "Content-Type" not in previewed
