"""What every request is held to, as a hostile client meets it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.serving import Client, ServedApp


def answer_to(address: tuple[str, int], sent: Iterator[bytes]) -> bytes:
    """The beginning of the answer; sending stops when the server has had enough."""
    with socket.create_connection(address, timeout=10) as connection:
        try:
            for chunk in sent:
                connection.sendall(chunk)
            return connection.recv(4096)
        except (BrokenPipeError, ConnectionResetError):
            return b""


def endless(chunk: bytes, megabytes: int, beginning: bytes) -> Iterator[bytes]:
    yield beginning
    for _ in range(megabytes * 1024 * 1024 // len(chunk)):
        yield chunk


@pytest.mark.parametrize(
    ("beginning", "chunk"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65536),
        (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n" * 8192),
        (b"GET /", b"a" * 65536),
    ],
    ids=["one-header", "many-headers", "address"],
)
def test_a_head_that_does_not_end_is_cut_off(served: ServedApp, beginning: bytes, chunk: bytes) -> None:
    began_at = time.monotonic()
    said = answer_to(served.address, endless(chunk, 16, beginning))
    assert said == b"" or said.startswith(b"HTTP/1.1 400")
    assert time.monotonic() - began_at < 5


def test_requests_after_another_on_one_connection_are_each_given_their_room(client_as: Client) -> None:
    client = client_as("viewer")
    for _ in range(8):
        assert client.get("/api/v1/status", headers={"X-Long": "a" * 60_000}).status_code == 200


def test_a_body_that_says_that_it_is_too_large_is_refused_unread(served: ServedApp) -> None:
    head = b"POST /api/v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n"
    assert answer_to(served.address, iter([head])).startswith(b"HTTP/1.1 413")


def test_a_body_of_unsaid_length_is_read_no_further_than_a_mebibyte(client_as: Client) -> None:
    read = 0

    def sent() -> Iterator[bytes]:
        nonlocal read
        for _ in range(64):
            read += 65536
            yield b" " * 65536

    answer = client_as("admin").post("/api/v1/tokens", data=sent(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "1 MiB" in answer.json()["detail"]
    assert read >= 1024 * 1024


def test_a_nested_body_is_refused_without_being_followed_to_its_end(client_as: Client) -> None:
    deep = "[" * 200_000 + "]" * 200_000
    began_at = time.monotonic()
    answer = client_as("admin").post("/api/v1/tokens", data=deep, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert json.loads(answer.text)["status"] == answer.status_code
    assert time.monotonic() - began_at < 2
