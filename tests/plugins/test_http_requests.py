"""What the http kind sends, through whom, where it is led, and how long each part takes."""

from __future__ import annotations

import asyncio
import base64
import re
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from healthmgr.checks.http import HttpCheck, HttpConfig
from healthmgr.domain.check import Status
from healthmgr.ports import ProbeContext
from tests.plugins.conftest import NOW
from tests.plugins.http_servers import heard, saying, tunnelling

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_PHASES = {"connect_time", "first_byte_time", "total_time"}


@pytest.fixture
def echo(httpserver: HTTPServer) -> str:
    """Answers with the authorization that it was sent."""

    def answer(request: Request) -> Response:
        return Response(f"you said <{request.headers.get('Authorization', '')}>")

    httpserver.expect_request("/").respond_with_handler(answer)
    return httpserver.url_for("/")


@pytest.mark.parametrize(
    ("auth", "sent"),
    [
        ({"username": "ann", "password": "s3cret-word"}, "Basic " + base64.b64encode(b"ann:s3cret-word").decode()),
        ({"username": "änn"}, "Basic " + base64.b64encode("änn:".encode()).decode()),
        ({"token": "tok-123456"}, "Bearer tok-123456"),
    ],
)
def test_who_we_are_is_sent(probe: Any, echo: str, auth: dict[str, str], sent: str) -> None:
    assert probe("http", {"url": echo, "auth": auth, "expect_body": f"<{sent}>"}).status is Status.HEALTHY


def test_a_name_and_password_in_the_address_are_sent_and_never_told(probe: Any, echo: str, closed_port: int) -> None:
    address = echo.replace("http://", "http://ann:s3cret-word@")
    assert probe("http", {"url": address, "expect_body": "<Basic YW5uOn"}).status is Status.HEALTHY
    down = probe("http", {"url": f"http://ann:s3cret-word@127.0.0.1:{closed_port}/"})
    assert "s3cret-word" not in down.message


def test_a_secret_that_the_answer_repeats_is_masked(probe: Any, echo: str) -> None:
    by_auth = probe("http", {"url": echo, "auth": {"token": "tok-123456"}, "assertions": ["body == 'x'"]})
    by_header = probe("http", {"url": echo, "headers": {"Authorization": "Custom abc-987"}, "assertions": "body == ''"})
    assert by_auth.message == "answered 200 OK, expected body == 'x', found body = \"you said <***>\""
    assert by_header.message.endswith('found body = "you said <***>"')


def test_no_secret_stands_in_what_is_printed_of_a_configuration() -> None:
    config = HttpConfig.model_validate(
        {
            "url": "http://ann:in-the-url@127.0.0.1/",
            "headers": {"X-Api-Key": "in-a-header"},
            "body": {"password": "in-the-body"},
            "proxy": "http://bob:in-the-proxy@127.0.0.1:3128",
        }
    )
    printed = f"{config!r} {config} {config.plan!r} {config.model_dump()}"
    for secret in ("in-a-header", "in-the-proxy"):
        assert secret not in printed
    for secret in ("in-the-url", "in-the-body"):
        assert secret not in f"{config!r} {config} {config.plan!r}"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"headers": {"X-A": "b\r\nX-Evil: 1"}}, "not a header"),
        ({"headers": {"X-A\r\nX-Evil": "1"}}, "not a header"),
        ({"headers": {"X-A": "b\x00"}}, "not a header"),
        ({"headers": {"": "b"}}, "not a header"),
        ({"headers": {"Content-Length": "5"}}, "set by healthmgr itself"),
        ({"headers": {"transfer-encoding": "chunked"}}, "set by healthmgr itself"),
        ({"method": "GET / HTTP/1.1\r\nX-Evil: 1"}, "method"),
        ({"method": "get"}, "method"),
        ({"auth": {}}, "either username and password, or token"),
        ({"auth": {"username": "a", "token": "b"}}, "either username and password, or token"),
        ({"auth": {"password": "b"}}, "either username and password, or token"),
        ({"auth": {"username": "a:b", "password": "c"}}, "no colon"),
        ({"auth": {"token": "a\r\nX-Evil: 1"}}, "does not allow"),
        ({"auth": {"token": "t"}, "headers": {"authorization": "x"}}, "exclude each other"),
        ({"auth": {"token": "t"}, "url": "http://a:b@127.0.0.1/"}, "exclude each other"),
        ({"headers": {"authorization": "x"}, "url": "http://a:b@127.0.0.1/"}, "exclude each other"),
        ({"proxy": "socks5://127.0.0.1:1080"}, "address of an HTTP proxy"),
        ({"proxy": "proxy.example.org"}, "address of an HTTP proxy"),
        ({"client_key": "/k.pem"}, "client_key needs client_certificate"),
        ({"max_redirects": 0}, "max_redirects"),
        ({"minimum_tls": "1.1"}, "minimum_tls"),
    ],
)
def test_a_request_that_cannot_be_sent_is_refused(document: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({"url": "http://127.0.0.1/", **document})
    assert why in str(caught.value)


@pytest.mark.parametrize("tail", ["\r\nX-Evil: 1", " HTTP/1.1\r\nX-Evil: 1", "a b"])
def test_an_address_smuggles_no_header_in(probe: Any, serve: Any, tail: str) -> None:
    seen: list[bytes] = []

    def talk(connection: Any) -> None:
        seen.append(heard(connection))
        connection.sendall(_OK)

    assert probe("http", {"url": f"http://127.0.0.1:{serve(talk)}/{tail}"}).status is Status.HEALTHY
    assert not any(line.startswith(b"X-Evil") for line in seen[0].split(b"\r\n"))


def test_the_last_address_of_redirects_is_told_without_its_secrets(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/old").respond_with_data("", status=302, headers={"Location": "/new?token=abc"})
    httpserver.expect_request("/new").respond_with_data("here")
    outcome = probe("http", {"url": httpserver.url_for("/old")})
    assert outcome.message == f"200 OK at {httpserver.url_for('/new')}"
    assert outcome.metrics["redirects"] == 1


@pytest.mark.parametrize(("most", "healthy"), [(2, False), (3, True)])
def test_no_more_redirects_are_followed_than_allowed(
    probe: Any, httpserver: HTTPServer, most: int, healthy: bool
) -> None:
    for step in range(3):
        httpserver.expect_request(f"/{step}").respond_with_data("", status=302, headers={"Location": f"/{step + 1}"})
    httpserver.expect_request("/3").respond_with_data("here")
    outcome = probe("http", {"url": httpserver.url_for("/0"), "max_redirects": most})
    assert (outcome.status is Status.HEALTHY) is healthy
    assert healthy or f"redirected more than {most} times" in outcome.message


@pytest.mark.parametrize(
    ("secret", "name"),
    [
        ({"auth": {"token": "tok-123456"}}, b"authorization"),
        ({"headers": {"X-Api-Key": "tok-123456", "X-Plain": "stays"}}, b"x-api-key"),
        ({"headers": {"Cookie": "tok-123456"}}, b"cookie"),
    ],
)
def test_a_secret_does_not_follow_to_another_server(
    probe: Any, serve: Any, secret: dict[str, Any], name: bytes
) -> None:
    seen: list[bytes] = []

    def other(connection: Any) -> None:
        seen.append(heard(connection))
        connection.sendall(_OK)

    there = f"http://127.0.0.1:{serve(other)}/"
    here = serve(saying(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + there.encode() + b"\r\n\r\n"))
    assert probe("http", {"url": f"http://127.0.0.1:{here}/", **secret}).status is Status.HEALTHY
    assert b"tok-123456" not in seen[0]
    assert name not in seen[0].lower()
    assert (b"X-Plain" in seen[0]) is ("X-Plain" in secret.get("headers", {}))


def leading_to(there: str, status: bytes = b"307 Temporary Redirect") -> Any:
    """Answers with a redirect."""
    return saying(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nLocation: " + there.encode() + b"\r\n\r\n")


@pytest.fixture
def elsewhere(serve: Any) -> tuple[str, list[bytes]]:
    """Another server: its address, and all that it is sent."""
    seen: list[bytes] = []

    def other(connection: Any) -> None:
        head = heard(connection)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(head.partition(b"\r\n\r\n")[2]) < int(length[1]):
            head += connection.recv(65_536)
        seen.append(head)
        connection.sendall(_OK)

    return f"http://127.0.0.1:{serve(other)}/there", seen


@pytest.mark.parametrize("status", [b"307 Temporary Redirect", b"308 Permanent Redirect"])
@pytest.mark.parametrize("body", ["pin=1234", {"pin": 1234}])
def test_a_body_is_not_sent_to_another_server(
    probe: Any, serve: Any, elsewhere: tuple[str, list[bytes]], status: bytes, body: Any
) -> None:
    there, seen = elsewhere
    here = serve(leading_to(there, status))
    outcome = probe("http", {"url": f"http://127.0.0.1:{here}/", "method": "POST", "body": body})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == (
        f"127.0.0.1:{here} redirected to {there}, another server, to which the body may not go: ask that one, "
        "or set resend_to_other_origins"
    )
    assert seen == []


def test_a_redirect_that_drops_the_body_is_followed(probe: Any, serve: Any, elsewhere: tuple[str, list[bytes]]) -> None:
    there, seen = elsewhere
    document = {"url": f"http://127.0.0.1:{serve(leading_to(there, b'303 See Other'))}/", "method": "POST", "body": "x"}
    assert probe("http", document).status is Status.HEALTHY
    assert seen[0].startswith(b"GET /there HTTP/1.1\r\n")


def test_a_body_follows_on_the_same_server(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/old").respond_with_data("", status=307, headers={"Location": "/new"})
    httpserver.expect_request("/new", method="POST", data="pin=1234").respond_with_data("here")
    document = {"url": httpserver.url_for("/old"), "method": "POST", "body": "pin=1234"}
    assert probe("http", document).status is Status.HEALTHY


def test_all_of_it_goes_to_another_server_if_that_is_said(
    probe: Any, serve: Any, elsewhere: tuple[str, list[bytes]]
) -> None:
    there, seen = elsewhere
    document = {
        "url": f"http://127.0.0.1:{serve(leading_to(there))}/",
        "method": "POST",
        "body": "pin=1234",
        "auth": {"token": "tok-123456"},
        "headers": {"Cookie": "a=b", "X-Api-Key": "key-123456"},
        "resend_to_other_origins": True,
    }
    assert probe("http", document).status is Status.HEALTHY
    assert seen[0].endswith(b"\r\n\r\npin=1234")
    for line in (b"Authorization: Bearer tok-123456", b"Cookie: a=b", b"X-Api-Key: key-123456"):
        assert seen[0].count(line) == 1


def test_a_secret_follows_on_the_same_server(probe: Any, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/old").respond_with_data("", status=302, headers={"Location": "/new"})
    httpserver.expect_request("/new", headers={"X-Api-Key": "tok-123456"}).respond_with_data("here")
    document = {"url": httpserver.url_for("/old"), "headers": {"X-Api-Key": "tok-123456"}}
    assert probe("http", document).status is Status.HEALTHY


def test_a_request_goes_through_a_proxy_with_its_password(probe: Any, serve: Any) -> None:
    seen: list[bytes] = []

    def proxy(connection: Any) -> None:
        seen.append(heard(connection))
        connection.sendall(_OK)

    through = f"http://ann:s3cret-word@127.0.0.1:{serve(proxy)}"
    assert probe("http", {"url": "http://shop.invalid/health", "proxy": through}).status is Status.HEALTHY
    assert seen[0].startswith(b"GET http://shop.invalid/health HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"ann:s3cret-word") in seen[0]


def test_a_proxy_that_is_down_is_told_as_the_proxy(probe: Any, closed_port: int) -> None:
    proxy = f"http://ann:s3cret-word@127.0.0.1:{closed_port}"
    outcome = probe("http", {"url": "http://shop.invalid/", "proxy": proxy})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == f"the proxy does not work: connection refused by 127.0.0.1:{closed_port}"


def test_a_proxy_that_refuses_a_tunnel_is_told_as_the_proxy(probe: Any, serve: Any) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    proxy = f"http://127.0.0.1:{serve(tunnelling([], refusal))}"
    outcome = probe("http", {"url": "https://shop.invalid/", "proxy": proxy})
    assert outcome.status is Status.UNHEALTHY
    assert (
        outcome.message == "the proxy answered 407 Proxy Authentication Required and did not lead to shop.invalid:443"
    )


def test_the_phases_are_measured_when_asked(probe: Any, echo: str) -> None:
    timed = probe("http", {"url": echo.replace("127.0.0.1", "localhost"), "timing": True}).metrics
    assert set(timed) == {"status_code", "body_bytes", "dns_time", *_PHASES}
    parts = timed["dns_time"] + timed["connect_time"] + timed["first_byte_time"]
    assert 0 < parts <= timed["total_time"] + 1e-5
    assert set(probe("http", {"url": echo}).metrics) == {"status_code", "body_bytes"}


def test_the_time_until_the_first_byte_is_the_servers(probe: Any, serve: Any) -> None:
    def slow(connection: Any) -> None:
        heard(connection)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.sendall(_OK)

    timed = probe("http", {"url": f"http://127.0.0.1:{serve(slow)}/", "timing": True}).metrics
    assert timed["connect_time"] < 0.2
    assert 0.3 <= timed["first_byte_time"] <= timed["total_time"]


def test_a_worker_shares_one_client_for_timed_and_plain_probes(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("fine")

    async def both() -> tuple[set[str], set[str]]:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as shared:
            context = ProbeContext("subject", timedelta(seconds=5), NOW, {}, shared)
            check, url = HttpCheck(), httpserver.url_for("/")
            timed = [await check.probe(HttpConfig(url=url, timing=True), context) for _ in range(2)]
            plain = await check.probe(HttpConfig(url=url), context)
            return set(timed[1].metrics), set(plain.metrics)

    timed, plain = asyncio.run(both())
    assert timed == {"status_code", "body_bytes", *_PHASES}
    assert plain == {"status_code", "body_bytes"}
