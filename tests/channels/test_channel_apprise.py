"""A hundred more services through Apprise: within the timeout, in words that tell no secret."""

from __future__ import annotations

import json
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from loopback import scripted
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr.channels.apprise import AppriseChannel, AppriseConfig
from healthmgr.channels.apprise_service import Service
from healthmgr.domain.check import Severity
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError

HIDDEN = "hidden-hidden"


def address(server: HTTPServer, path: str = f"/{HIDDEN}", query: str = "") -> str:
    """Apprise's address of this server: json:// POSTs what Apprise makes of a message."""
    return f"json://{urlsplit(server.url_for('/')).netloc}{path}{query}"


def answer(server: HTTPServer, status: int, body: str = "", path: str = f"/{HIDDEN}") -> None:
    server.expect_request(path, method="POST").respond_with_response(Response(body, status))


def send(message, urls=(), contact: str = "", timeout: float = 5):
    return AppriseChannel().send(AppriseConfig(urls=urls), message, contact, timedelta(seconds=timeout))


def failure(message, urls=(), **arguments) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        send(message, urls, **arguments)
    assert HIDDEN not in str(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


def sent(server: HTTPServer) -> list[dict]:
    return [json.loads(request.get_data()) for request, _ in server.log]


def test_a_problem_tells_what_the_mail_tells(httpserver, compose_message):
    answer(httpserver, 200)
    receipt = send(compose_message(), address(httpserver))
    (document,) = sent(httpserver)
    assert document["title"] == "Critical: Session manager is unhealthy (#12)"
    assert "answers in 7.2 s, sign-ins time out" in document["message"]
    assert "healthmgr alerts ack 12" in document["message"]
    assert document["type"] == "failure"
    assert receipt.detail == f"JSON at {urlsplit(httpserver.url_for('/')).netloc}: accepted"


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        (MessageKind.PROBLEM, {"severity": Severity.HIGH}, "failure"),
        (MessageKind.PROBLEM, {"severity": Severity.MEDIUM}, "warning"),
        (MessageKind.PROBLEM, {"is_test": True}, "info"),
        (MessageKind.UPDATE, {}, "info"),
        (MessageKind.ACKNOWLEDGEMENT, {}, "info"),
        (MessageKind.DIGEST, {}, "info"),
        (MessageKind.RESOLUTION, {}, "success"),
    ],
)
def test_apprise_is_told_how_bad_it_is(httpserver, compose_message, kind, changes, expected):
    answer(httpserver, 200)
    send(compose_message(kind, **changes), address(httpserver))
    assert sent(httpserver)[0]["type"] == expected


def test_a_service_that_takes_little_gets_little(httpserver, compose_message, monkeypatch):
    # json:// takes any length: its bound is put down to that of a text message.
    monkeypatch.setattr(type(Service.at(address(httpserver)).plugin), "body_maxlen", 160)
    answer(httpserver, 200)
    send(compose_message(), address(httpserver))
    assert sent(httpserver)[0]["message"] == "answers in 7.2 s, sign-ins time out"


def test_the_recipients_contact_may_be_the_address_or_a_part_of_it(httpserver, compose_message):
    answer(httpserver, 200, path="/alice smith")
    send(compose_message(), contact=address(httpserver, "/alice%20smith"))
    send(compose_message(), address(httpserver, "/{contact}"), contact="alice smith")
    assert [request.path for request, _ in httpserver.log] == ["/alice smith"] * 2


def test_a_contact_cannot_change_the_address_that_it_is_put_into(httpserver, compose_message):
    httpserver.expect_request("/x").respond_with_response(Response("", 200))
    failure(compose_message(), address(httpserver, "/to-{contact}"), contact="../x?y")
    assert [request.path for request, _ in httpserver.log] != ["/x"]


@pytest.mark.parametrize("urls", [(), "json://127.0.0.1:1/{contact}"])
def test_without_any_address_it_fails_for_good(compose_message, urls):
    error = failure(compose_message(), urls)
    assert error.permanent
    assert "give the recipient a contact" in str(error)


def test_one_acceptance_is_enough_and_the_others_are_told(httpserver, compose_message):
    answer(httpserver, 200)
    answer(httpserver, 500, path="/broken")
    receipt = send(compose_message(), [address(httpserver), address(httpserver, "/broken")])
    assert "accepted" in receipt.detail
    assert "500" in receipt.detail


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
def test_a_refusal_is_temporary_and_told_with_its_status(httpserver, compose_message, status):
    answer(httpserver, status, HIDDEN)
    error = failure(compose_message(), address(httpserver))
    assert (error.permanent, error.is_ambiguous) == (False, False)
    assert str(status) in str(error)


def test_an_address_marked_optional_does_not_hide_a_failure(httpserver, compose_message):
    answer(httpserver, 500)
    failure(compose_message(), address(httpserver, query="?optional=yes"))


def test_a_redirect_is_not_followed(httpserver, compose_message):
    httpserver.expect_request(f"/{HIDDEN}").respond_with_response(
        Response("", 307, headers={"Location": httpserver.url_for("/elsewhere")})
    )
    failure(compose_message(), address(httpserver))
    assert [request.path for request, _ in httpserver.log] == [f"/{HIDDEN}"]


@pytest.mark.parametrize("url", ["hidden-hidden", "nosuch://hidden-hidden", "discord://hidden-hidden", "", "https://"])
def test_an_address_that_apprise_cannot_use_is_refused_without_being_told(compose_message, url):
    with pytest.raises(ValidationError, match="address 1 is none that Apprise can use") as caught:
        AppriseConfig(urls=url)
    assert HIDDEN not in str(caught.value)
    if url:
        assert failure(compose_message(), contact=url).permanent


def test_an_address_that_is_still_a_reference_is_judged_later():
    assert AppriseConfig(urls=["${NTFY_URL}", "tgram://${TOKEN}/{contact}"]).addresses[0] == "${NTFY_URL}"


def test_addresses_are_kept_secret(httpserver):
    config = AppriseConfig(urls=[address(httpserver)])
    assert HIDDEN not in f"{config!r} {config} {config.model_dump_json()}"


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


def _fall_silent(connection: socket.socket) -> None:
    _read_request(connection)
    connection.recv(1)


@pytest.mark.parametrize("conversation", [_hang_up, _reset, _fall_silent])
def test_without_an_answer_the_message_may_have_arrived(compose_message, conversation):
    started_at = time.monotonic()
    with scripted(conversation) as port:
        error = failure(compose_message(), f"json://127.0.0.1:{port}/{HIDDEN}", timeout=0.5)
    assert time.monotonic() - started_at < 2
    assert (error.permanent, error.is_ambiguous) == (False, True)
    assert f"127.0.0.1:{port}" in str(error)


def test_a_service_that_answers_drop_by_drop_costs_the_timeout_and_no_more(compose_message):
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        _read_request(connection)
        try:
            while not done.wait(0.05):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:
            return

    with scripted(drip) as port:
        started_at = time.monotonic()
        error = failure(compose_message(), f"json://127.0.0.1:{port}/", timeout=0.4)
        took = time.monotonic() - started_at
        done.set()
    assert took < 1
    assert error.is_ambiguous


def test_slow_services_are_called_at_once(compose_message):
    arrived = threading.Barrier(3, timeout=5)

    def meet(_request: Request) -> Response:
        arrived.wait()
        return Response("", 200)

    with HTTPServer(threaded=True) as server:
        server.expect_request(f"/{HIDDEN}").respond_with_handler(meet)
        receipt = send(compose_message(), [address(server, query=f"?-n={n}") for n in range(3)])
    assert receipt.detail.count("accepted") == 3


def test_nothing_of_an_address_or_a_message_is_logged(httpserver, compose_message, capfd):
    logged: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = logged.append
    root = logging.getLogger()
    root.addHandler(handler)
    answer(httpserver, 500, HIDDEN)
    try:
        failure(compose_message(), address(httpserver))
        with pytest.raises(ValidationError):
            AppriseConfig(urls=f"discord://{HIDDEN}")
    finally:
        root.removeHandler(handler)
    # The server that plays the provider logs what it is asked, where another test has set logging up.
    said = "".join(line for said in capfd.readouterr() for line in said.splitlines() if "werkzeug" not in line)
    assert [record for record in logged if record.name.startswith("apprise")] == []
    assert HIDDEN not in said
    assert "Session manager" not in said


def test_the_command_line_does_not_pay_for_the_library():
    program = "import sys, healthmgr.cli.main; sys.exit('apprise' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
