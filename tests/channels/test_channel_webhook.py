"""Webhooks reach real HTTP servers, signed and small, and every failure says whether trying again could help."""

from __future__ import annotations

import base64
import json
import socket
import struct
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from loopback import scripted, server_context
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug import Request, Response

from healthmgr.channels.http import retry_after
from healthmgr.channels.payload_alertmanager import fingerprint
from healthmgr.channels.webhook import WebhookChannel, WebhookConfig, signer
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOW = datetime(2026, 11, 24, 3, 24, tzinfo=UTC)


def config(url: str, **changes) -> WebhookConfig:
    return WebhookConfig(**{"url": url, "secret": SECRET, **changes})


def send(url: str, message, timeout: float = 5, **changes):
    return WebhookChannel().send(config(url, **changes), message, "", timedelta(seconds=timeout))


def failure(url: str, message, **arguments) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(url, message, **arguments)
    return caught.value


def answer(server: HTTPServer, status: int, body: str = "", **headers: str) -> str:
    """Makes the server answer so, and returns the address to POST to."""
    server.expect_request("/hook").respond_with_response(
        Response(body, status, headers={k.replace("_", "-"): v for k, v in headers.items()})
    )
    return server.url_for("/hook")


def received(server: HTTPServer) -> list[Request]:
    return [request for request, _ in server.log]


def test_the_receiver_can_verify_what_it_got(httpserver, compose_message):
    message = compose_message()
    receipt = send(answer(httpserver, 204), message)
    (request,) = received(httpserver)
    document = Webhook(SECRET).verify(request.get_data(), dict(request.headers))
    assert document["type"] == "incident.problem"
    assert request.headers["webhook-id"] == str(message.notification_id) == receipt.provider_id
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("healthmgr/")
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 10


def test_a_changed_body_does_not_verify(httpserver, compose_message):
    send(answer(httpserver, 200), compose_message())
    (request,) = received(httpserver)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.get_data().replace(b"critical", b"harmless"), dict(request.headers))


@pytest.mark.parametrize(
    "secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
)  # fmt: skip
def test_the_signature_is_the_standards_own(secret):
    at = datetime.fromtimestamp(1614265330, UTC)
    signature = signer(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, '{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_plain_text_is_the_key_itself(httpserver, compose_message):
    secret = "correct horse battery staple!"
    send(answer(httpserver, 200), compose_message(), secret=secret)
    (request,) = received(httpserver)
    Webhook(secret.encode()).verify(request.get_data(), dict(request.headers))


@pytest.mark.parametrize("secret", ["", "short", "whsec_", "whsec_c2hvcnQ=", "whsec_a", "x" * 23])
def test_a_weak_secret_is_refused_without_being_told(secret):
    with pytest.raises(ValidationError, match="secret") as caught:
        config("https://hooks.example.com/", secret=secret)
    assert not secret or f"'{secret}'" not in str(caught.value)


NEW, OLD = "whsec_" + base64.b64encode(b"n" * 32).decode(), "the old one, plain text for years"


@pytest.mark.parametrize("known", [NEW, OLD.encode()])
def test_while_a_secret_is_changed_either_verifies(httpserver, compose_message, known):
    send(answer(httpserver, 204), compose_message(), secret=[NEW, OLD])
    (request,) = received(httpserver)
    assert len(request.headers["webhook-signature"].split(" ")) == 2
    Webhook(known).verify(request.get_data(), dict(request.headers))


def test_a_third_secret_does_not_verify(httpserver, compose_message):
    send(answer(httpserver, 204), compose_message(), secret=[NEW, OLD])
    (request,) = received(httpserver)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.get_data(), dict(request.headers))


def test_the_newest_secret_signs_first(httpserver, compose_message):
    send(answer(httpserver, 204), compose_message(), secret=[NEW, OLD])
    send(answer(httpserver, 204), compose_message(), secret=NEW)
    both, one = received(httpserver)
    at = datetime.fromtimestamp(int(both.headers["webhook-timestamp"]), UTC)
    alone = signer(NEW).sign(both.headers["webhook-id"], at, both.get_data().decode())
    assert both.headers["webhook-signature"].split(" ")[0] == alone
    assert len(one.headers["webhook-signature"].split(" ")) == 1


def test_an_old_secret_that_is_no_longer_set_signs_nothing():
    assert config("https://hooks.example.com/", secret=[NEW, ""]).secrets == (NEW,)


@pytest.mark.parametrize("secret", [[], [""], [NEW, "short"], [NEW] * 6])
def test_a_weak_one_among_several_secrets_and_none_at_all_are_refused(secret):
    with pytest.raises(ValidationError, match="secret") as caught:
        config("https://hooks.example.com/", secret=secret)
    assert NEW not in str(caught.value)


def test_without_a_secret_nothing_is_configured():
    with pytest.raises(ValidationError, match="every message is signed"):
        WebhookConfig(url="https://hooks.example.com/")


def test_a_secret_that_is_still_a_reference_is_judged_later():
    config("https://${HOST}/hook", secret="${HOOK_SECRET}")


def test_every_attempt_has_the_same_id_and_a_signature_of_its_own_time(httpserver, compose_message):
    url, message = answer(httpserver, 200), compose_message()
    send(url, message)
    send(url, message)
    first, second = received(httpserver)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.get_data() == second.get_data()
    for request in (first, second):
        Webhook(SECRET).verify(request.get_data(), dict(request.headers))


def test_further_headers_are_sent_but_never_shown(httpserver, compose_message):
    url = answer(httpserver, 400, "who is Bearer t0ken-of-mine?")
    error = failure(url, compose_message(), headers={"Authorization": "Bearer t0ken-of-mine"})
    (request,) = received(httpserver)
    assert request.headers["Authorization"] == "Bearer t0ken-of-mine"
    assert "t0ken-of-mine" not in str(error)
    assert "who is" in str(error)


@pytest.mark.parametrize(
    "headers",
    [{"webhook-id": "x"}, {"Content-Type": "x"}, {"X-A": "a\r\nX-B: b"}, {"X A": "a"}, {"": "a"}, {"X-A": "小"}],
)
def test_headers_that_are_ours_or_no_headers_are_refused(headers):
    with pytest.raises(ValidationError, match="headers"):
        config("https://hooks.example.com/", headers=headers)


@pytest.mark.parametrize(
    "url", ["", "hooks.example.com", "ftp://a/b", "https://", "https://a b/", "https://a:x/", "file:///etc"]
)
def test_a_url_that_cannot_be_posted_to_is_refused(url):
    with pytest.raises(ValidationError, match="url"):
        config(url)


def test_a_netrc_of_this_machine_adds_nothing(httpserver, compose_message, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("default login root password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    send(answer(httpserver, 200), compose_message())
    assert "Authorization" not in received(httpserver)[0].headers


def test_user_and_password_of_the_address_are_used_but_not_shown(httpserver, compose_message):
    url = answer(httpserver, 403).replace("http://", "http://hooks:pa55word@")
    error = failure(url, compose_message())
    assert received(httpserver)[0].authorization.password == "pa55word"
    assert "pa55word" not in str(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_4xx_is_permanent(httpserver, compose_message, status):
    error = failure(answer(httpserver, status, "no"), compose_message())
    assert (error.permanent, error.is_ambiguous) == (True, False)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_5xx_or_a_please_wait_is_temporary(httpserver, compose_message, status):
    error = failure(answer(httpserver, status, Retry_After="120"), compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert error.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("status", [502, 504])
def test_what_a_gateway_could_not_answer_for_may_have_arrived(httpserver, compose_message, status):
    error = failure(answer(httpserver, status), compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, True)


@pytest.mark.parametrize("status", [502, 504])
def test_an_overloaded_gateway_gets_fewer_messages(httpserver, compose_message, status):
    assert failure(answer(httpserver, status), compose_message()).retry_after == timedelta(seconds=30)
    httpserver.clear()
    error = failure(answer(httpserver, status, Retry_After="7"), compose_message())
    assert error.retry_after == timedelta(seconds=7)


def test_an_address_that_is_gone_says_what_to_do(httpserver, compose_message):
    error = failure(answer(httpserver, 410, "closed since May"), compose_message())
    assert error.permanent
    assert "410 closed since May" in str(error)
    assert "correct `url`, or remove the channel" in str(error)


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", timedelta(0)),
        (" 30 ", timedelta(seconds=30)),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), timedelta(minutes=5)),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), timedelta(0)),
        ("99999999999999999999", timedelta(days=1)),
        ("9" * 5000, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text, wait):
    assert retry_after(text, NOW) == wait


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(httpserver, compose_message, status):
    error = failure(answer(httpserver, status, Location=httpserver.url_for("/elsewhere")), compose_message())
    assert error.permanent
    assert [request.path for request in received(httpserver)] == ["/hook"]


def test_a_refused_connection_is_temporary_and_keeps_the_path_to_itself(compose_message):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}/t0ken?key=s3cret", compose_message())
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert f"http://127.0.0.1:{port}" in str(error)
    assert "t0ken" not in str(error)
    assert "s3cret" not in str(error)
    assert error.__cause__ is None


def _read_request(connection: socket.socket) -> None:
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += connection.recv(65536)
    head, _, body = taken.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)


def _hang_up(connection: socket.socket) -> None:
    _read_request(connection)


def _reset(connection: socket.socket) -> None:
    _read_request(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _say_nonsense(connection: socket.socket) -> None:
    _read_request(connection)
    connection.sendall(b"\x00\x01 what?\r\n\r\n")


def _fall_silent(connection: socket.socket) -> None:
    _read_request(connection)
    connection.recv(1)


def _drip(connection: socket.socket) -> None:
    _read_request(connection)
    try:
        for _ in range(100):
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize("conversation", [_hang_up, _reset, _say_nonsense, _fall_silent, _drip])
def test_without_an_answer_the_message_may_have_arrived(compose_message, conversation):
    started_at = time.monotonic()
    with scripted(conversation) as port:
        error = failure(f"http://127.0.0.1:{port}/t0ken", compose_message(), timeout=0.5)
    assert time.monotonic() - started_at < 2.5
    assert (error.permanent, error.is_ambiguous) == (False, True)
    assert "t0ken" not in str(error)


def test_an_accepted_message_stays_accepted_when_the_reply_breaks_off(compose_message):
    def break_off(connection: socket.socket) -> None:
        _read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf")

    with scripted(break_off) as port:
        receipt = send(f"http://127.0.0.1:{port}/", compose_message())
    assert receipt.detail.startswith("200 half")


def test_only_the_beginning_of_a_reply_is_read(compose_message):
    def pour(connection: socket.socket) -> None:
        _read_request(connection)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)
        except OSError:
            return

    with scripted(pour) as port:
        receipt = send(f"http://127.0.0.1:{port}/", compose_message())
    assert len(receipt.detail) < 300


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate, compose_message):
    def converse(connection: socket.socket) -> None:
        try:
            server_context(*certificate).wrap_socket(connection, server_side=True)
        except OSError:
            return

    with scripted(converse) as port:
        error = failure(f"https://127.0.0.1:{port}/", compose_message())
    assert error.permanent
    assert "certificate" in str(error)


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_a_certificate_need_not_be_valid_where_that_is_wanted(certificate, compose_message):
    def converse(connection: socket.socket) -> None:
        with server_context(*certificate).wrap_socket(connection, server_side=True) as encrypted:
            _read_request(encrypted)
            encrypted.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with scripted(converse) as port:
        assert send(f"https://127.0.0.1:{port}/", compose_message(), verify_tls=False).detail == "204"


def test_a_message_without_alerts_fails_for_good(compose_message):
    assert failure("http://127.0.0.1:1/", compose_message(alerts=())).permanent


def test_a_receiver_of_alertmanagers_gets_what_it_was_written_for(httpserver, compose_message):
    receipt = send(answer(httpserver, 200), compose_message(), format="alertmanager")
    (request,) = received(httpserver)
    document = Webhook(SECRET).verify(request.get_data(), dict(request.headers))
    assert receipt.detail == "200"
    assert set(document) == {
        "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels",
        "commonAnnotations", "externalURL", "notification_reason", "alerts",
    }  # fmt: skip
    assert (document["version"], document["status"], document["truncatedAlerts"]) == ("4", "firing", 0)
    assert (document["externalURL"], document["receiver"]) == ("https://health.example.com", "Alice Meyer")
    (alert,) = document["alerts"]
    labels = alert["labels"]
    assert (labels["alertname"], labels["check"], labels["severity"]) == (
        "Session manager", "session-manager", "critical",
    )  # fmt: skip
    assert labels["team"] == "identity"
    assert document["groupLabels"] == {"alertname": "Session manager"}
    assert document["commonLabels"] == labels
    assert alert["annotations"]["summary"] == "answers in 7.2 s, sign-ins time out"
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-11-24T03:12:05Z", "0001-01-01T00:00:00Z")
    assert alert["generatorURL"] == "https://health.example.com/incidents/12"
    assert alert["fingerprint"] == fingerprint(labels)


def test_acknowledgements_are_told_to_our_receivers_and_not_to_alertmanagers(httpserver, compose_message):
    acknowledged = compose_message(MessageKind.ACKNOWLEDGEMENT, actor="alice")
    url = answer(httpserver, 204)
    assert "not sent" in send(url, acknowledged, format="alertmanager").detail
    assert received(httpserver) == []
    send(url, acknowledged)
    assert json.loads(received(httpserver)[0].get_data())["type"] == "incident.acknowledgement"


def test_alertmanagers_form_may_go_unsigned(httpserver, compose_message):
    plain = WebhookConfig(url=answer(httpserver, 200), format="alertmanager")
    WebhookChannel().send(plain, compose_message(), "", timedelta(seconds=5))
    assert "webhook-signature" not in received(httpserver)[0].headers
