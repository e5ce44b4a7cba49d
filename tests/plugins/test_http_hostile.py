"""The http kind against servers that mean harm or are broken: a clear result, in time, in little memory."""

from __future__ import annotations

import time
import zlib
from datetime import timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Status
from tests.plugins.http_servers import dripping, flood_of, heard, repeating, saying
from tests.plugins.memory import MEGABYTE, growth

_OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def ask(probe: Any, serve: Any) -> Any:
    """ask(talk, **config) probes a server that talks so, within 1.5 seconds by default."""

    def go(talk: Any, timeout: float = 1.5, slack: float = 0.7, **config: Any) -> Any:
        document = {"url": f"http://127.0.0.1:{serve(talk)}/", "timing": True, **config}
        started = time.monotonic()
        outcome = probe("http", document, timeout=timedelta(seconds=timeout))
        assert time.monotonic() - started < timeout + slack
        return outcome

    return go


def test_a_body_of_a_gigabyte_costs_no_more_than_what_is_read_of_it(ask: Any) -> None:
    head = _OK + b"Content-Length: 1073741824\r\n\r\n"
    with growth() as memory:
        outcome = ask(repeating(head, b"x" * 65_536, 16_384), expect_body="needle", timeout=5)
    assert outcome.message == "answered 200 OK, without 'needle' in the first 1048576 bytes"
    assert outcome.metrics["body_bytes"] == MEGABYTE
    assert memory.most < 24 * MEGABYTE


def test_headers_without_end_are_refused_early(ask: Any) -> None:
    with growth() as memory:
        outcome = ask(repeating(_OK, b"X-More: " + b"y" * 1000 + b"\r\n"), timeout=4)
    assert outcome.status is Status.UNHEALTHY
    assert "did not answer in HTTP" in outcome.message
    assert memory.most < 24 * MEGABYTE


def test_one_header_without_end_is_refused_early(ask: Any) -> None:
    with growth() as memory:
        outcome = ask(repeating(_OK + b"X-Long: ", b"y" * 65_536), timeout=4)
    assert outcome.status is Status.UNHEALTHY
    assert "did not answer in HTTP" in outcome.message
    assert len(outcome.message) < 400
    assert memory.most < 24 * MEGABYTE


@pytest.mark.parametrize("timing", [True, False])
def test_provisional_answers_without_end_are_given_up_on_early(carry_out: Any, timing: bool) -> None:
    with flood_of(b"HTTP/1.1 100 Continue\r\n\r\n" * 500) as port, growth() as memory:
        started = time.monotonic()
        result = carry_out("http", {"url": f"http://127.0.0.1:{port}/", "timing": timing}, timeout=1)
        took = time.monotonic() - started
    assert result.status is Status.UNHEALTHY
    assert result.message == f"127.0.0.1:{port} did not answer in HTTP: more than 100 provisional answers"
    assert took < 1.2
    assert memory.most < 24 * MEGABYTE


def test_provisional_answers_that_drip_cost_the_timeout(ask: Any) -> None:
    outcome = ask(dripping(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.05), timeout=1, slack=0.2)
    assert outcome.message.startswith("timed out after 1s")


def test_an_answer_after_some_provisional_ones_is_the_answer(ask: Any) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    answer = _OK + b"Content-Length: 2\r\n\r\nok"
    assert ask(saying(hint * 20, answer), expect_body="ok").status is Status.HEALTHY


def test_a_body_that_drips_costs_the_timeout_and_is_told(ask: Any) -> None:
    outcome = ask(dripping(_OK + b"Content-Length: 1000\r\n\r\nab", b"c", 0.2), timeout=1)
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.startswith("timed out after 1s: 127.0.0.1:")
    assert "began to answer" in outcome.message
    assert "bytes of the body came" in outcome.message


def test_headers_that_drip_cost_the_timeout_and_are_told(ask: Any) -> None:
    outcome = ask(dripping(_OK, b"X", 0.1), timeout=0.6)
    assert outcome.status is Status.UNHEALTHY
    assert "timed out after 600ms" in outcome.message
    assert "took the request and did not answer" in outcome.message


def test_chunks_of_one_byte_are_put_together(ask: Any) -> None:
    chunks = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    outcome = ask(saying(_OK + b"Transfer-Encoding: chunked\r\n\r\n", chunks), expect_body="x" * 20_000, timeout=4)
    assert outcome.status is Status.HEALTHY


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xff\xfe\x01 no such thing \r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nno size\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200",
        b"",
        b"\r\n" * 3000,
    ],
)
def test_what_is_no_whole_answer_is_unhealthy_and_says_so(ask: Any, answer: bytes) -> None:
    outcome = ask(saying(answer))
    assert outcome.status is Status.UNHEALTHY
    assert "127.0.0.1:" in outcome.message
    assert len(outcome.message) < 400


def test_more_than_was_announced_is_left_unread(ask: Any) -> None:
    outcome = ask(saying(_OK + b"Content-Length: 2\r\n\r\nok and more"), expect_body="more")
    assert outcome.status is Status.UNHEALTHY


def test_text_that_is_no_utf8_is_looked_into_all_the_same(ask: Any) -> None:
    answer = _OK + b"Content-Length: 9\r\nX-Odd: \xff\xfe\r\n\r\n\xff\xfe fine \x80"
    looks = {"expect_body": "fine", "match_body": "f.ne", "assertions": ["body.contains('fine')", "size(headers) > 0"]}
    assert ask(saying(answer), **looks).status is Status.HEALTHY


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_a_compressed_bomb_unfolds_no_further_than_max_body(ask: Any, encoding: bytes) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == b"gzip" else 15)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(80)) + packer.flush()
    head = _OK + b"Content-Encoding: " + encoding + b"\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with growth() as memory:
        outcome = ask(saying(head, packed), expect_body="needle", timeout=4)
    assert outcome.metrics["body_bytes"] == MEGABYTE
    assert memory.most < 24 * MEGABYTE


def test_what_only_pretends_to_be_compressed_is_taken_as_it_is(ask: Any) -> None:
    answer = _OK + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\x1f\x8bnot packed"
    assert ask(saying(answer), expect_body="not packed").status is Status.HEALTHY


@pytest.mark.parametrize(
    "location",
    [
        b"ftp://127.0.0.1/",
        b"file:///etc/passwd",
        b"http://",
        b"http://127.0.0.1:99999/",
        b"http://[::1/",
        b"http://" + b"a" * 300 + b".invalid/",
        b"http://exa mple.invalid/",
        b"http://\xff\xfe.invalid/",
        b"javascript:alert(1)",
    ],
)
def test_a_redirect_that_leads_nowhere_is_unhealthy(ask: Any, location: bytes) -> None:
    outcome = ask(saying(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n"))
    assert outcome.status is Status.UNHEALTHY
    assert len(outcome.message) < 500


@pytest.mark.parametrize("location", [b"/", b"?again=1", b"//127.0.0.1:%d/"])
def test_redirects_that_go_round_in_circles_are_followed_no_further_than_allowed(
    probe: Any, serve: Any, location: bytes
) -> None:
    asked: list[bytes] = []

    def talk(connection: Any) -> None:
        asked.append(heard(connection).split(b"\r\n")[0])
        port = connection.getsockname()[1]
        there = location % port if b"%" in location else location
        connection.sendall(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + there + b"\r\n\r\n")

    port = serve(talk)
    outcome = probe("http", {"url": f"http://127.0.0.1:{port}/"})
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == f"127.0.0.1:{port} redirected more than 5 times"
    assert len(asked) == 6


def test_json_that_is_nested_without_end_is_told_not_followed(ask: Any) -> None:
    bomb = b"[" * 500_000
    answer = _OK + b"Content-Length: %d\r\n\r\n" % len(bomb)
    outcome = ask(saying(answer, bomb), assertions=["json.ok"], metrics_from_body=True, metrics={"a": "json.a"})
    assert outcome.status is Status.UNHEALTHY
    assert "the body is not JSON" in outcome.message


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"[" * 500 + b"]" * 500, "nested deeper than 64"), (b"[" + b"0," * 150_000 + b"0]", "more than 100000 values")],
)
def test_json_that_is_too_much_is_told_and_not_looked_into(ask: Any, body: bytes, why: str) -> None:
    answer = _OK + b"Content-Length: %d\r\n\r\n" % len(body)
    outcome = ask(saying(answer, body), assertions=["size(json) > 0"], timeout=3)
    assert outcome.status is Status.UNHEALTHY
    assert why in outcome.message


def test_a_list_that_makes_an_assertion_dear_holds_nothing_up(ask: Any) -> None:
    body = b"[" + b"1," * 2_000 + b"1]"
    dear = "json.all(a, json.all(b, json.all(c, a + b + c > 0)))"
    outcome = ask(saying(_OK + b"Content-Length: %d\r\n\r\n" % len(body), body), assertions=[dear], timeout=2)
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.startswith(f"answered 200 OK, expected {dear}, but this took longer than")
