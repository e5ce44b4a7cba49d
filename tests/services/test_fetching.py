"""Where redirects may lead, how long a server may take, and what is said of an address."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr import fetching
from healthmgr.channels.http import Answer
from healthmgr.errors import Unavailable
from tests.plugins import certificates


def redirected(first: str, location: str) -> str:
    return fetching._next(first, first, Answer(302, "", headers={"Location": location}))


@pytest.mark.parametrize(
    ("first", "location", "fault"),
    [
        ("https://93.184.216.34/a.ics", "http://93.184.216.34/a.ics", "not encrypted"),
        ("https://93.184.216.34/a.ics", "https://127.0.0.1/a.ics", "in a private network"),
        ("https://93.184.216.34/a.ics", "https://169.254.169.254/latest/meta-data", "in a private network"),
        ("https://93.184.216.34/a.ics", "https://[::1]/a.ics", "in a private network"),
        ("https://93.184.216.34/a.ics", "https://[::ffff:10.0.0.1]/a.ics", "in a private network"),
        ("https://93.184.216.34/a.ics", "ftp://93.184.216.34/a.ics", "no address"),
    ],
)
def test_a_redirect_leads_nowhere_that_it_must_not(first: str, location: str, fault: str) -> None:
    with pytest.raises(Unavailable, match=fault):
        redirected(first, location)


@pytest.mark.parametrize(
    ("first", "location", "where"),
    [
        ("http://10.0.0.1/a.ics", "https://10.0.0.2/b.ics", "https://10.0.0.2/b.ics"),  # within one's own network
        ("https://93.184.216.34/a.ics", "https://1.1.1.1/b.ics", "https://1.1.1.1/b.ics"),
        ("https://user:pass@93.184.216.34/a.ics", "/b.ics", "https://93.184.216.34/b.ics"),
    ],
)
def test_a_redirect_is_followed_without_credentials(first: str, location: str, where: str) -> None:
    assert redirected(first, location) == where


def test_validators_are_sent_and_what_has_not_changed_is_not_sent_again(httpserver: HTTPServer) -> None:
    def answer(request: Request) -> Response:
        if request.headers.get("If-Modified-Since") == "Mon, 02 Mar 2026 09:00:00 GMT":
            return Response(status=304)
        return Response("BEGIN:VCALENDAR", headers={"Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT"})

    httpserver.expect_request("/a.ics").respond_with_handler(answer)
    first = fetching.fetch_calendar(httpserver.url_for("/a.ics"))
    assert (first.text, first.etag) == ("BEGIN:VCALENDAR", "")
    assert fetching.fetch_calendar(httpserver.url_for("/a.ics"), "", first.modified).text is None


@pytest.mark.parametrize("url", ["", "calendar.ics", "file:///etc/passwd", "https://", "http://a b/"])
def test_what_is_no_address_is_not_asked(url: str) -> None:
    with pytest.raises(Unavailable, match="no address of a calendar"):
        fetching.fetch_calendar(url)


def test_a_server_that_drips_is_given_up_in_time_and_its_path_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", timedelta(seconds=1))
    listener = socket.create_server(("127.0.0.1", 0))
    is_over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nBEGIN:VCALENDAR\r\n")
            while not is_over.wait(0.1):
                try:
                    connection.sendall(b"X")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began = time.monotonic()
    try:
        found = fetching.fetch_calendar(f"http://127.0.0.1:{listener.getsockname()[1]}/s3cret.ics").text or ""
    except Unavailable as error:
        found = str(error)
    assert time.monotonic() - began < 5
    assert "END:VCALENDAR" not in found
    assert "s3cret" not in found
    is_over.set()
    thread.join(5)
    listener.close()


def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    context = certificates.server_context(certificates.self_signed("localhost"), tmp_path)
    with (
        closing(certificates.TlsServer(context)) as server,
        pytest.raises(Unavailable, match="its certificate is not valid"),
    ):
        fetching.fetch_calendar(f"webcal://localhost:{server.port}/a.ics")
