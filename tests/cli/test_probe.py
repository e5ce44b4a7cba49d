"""`healthmgr probe`: without database and definitions."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from tests.cli.conftest import Terminal


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_healthy_target_is_told_with_its_numbers(bare_terminal: Terminal, port: int) -> None:
    said = bare_terminal("probe", "tcp", f"127.0.0.1:{port}")
    assert said.code == 0
    assert f"127.0.0.1:{port} is healthy" in said.out
    assert "connect_time" in said.out


def test_a_bad_target_exits_with_1_and_speaks_to_programs(bare_terminal: Terminal) -> None:
    said = bare_terminal("probe", "tcp", "127.0.0.1:1", "--json")
    assert said.code == 1
    assert (said.json["kind"], said.json["target"], said.json["status"]) == ("tcp", "127.0.0.1:1", "unhealthy")
    assert "refused" in said.json["message"]


def test_options_are_read_as_yaml(bare_terminal: Terminal, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/health").respond_with_data("gone", status=404)
    address = httpserver.url_for("/health")
    assert bare_terminal("probe", "http", address).code == 1
    assert bare_terminal("probe", "http", address, "-o", "expected_status=[200, 404]").code == 0


def test_a_host_with_a_port_may_be_given_in_options(bare_terminal: Terminal, port: int) -> None:
    assert bare_terminal("probe", "tcp", "-o", "host=127.0.0.1", "-o", f"port={port}").code == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("htp", "x"), 1, "Did you mean 'http'"),
        (("tcp",), 2, "host"),
        (("tcp", "127.0.0.1:1", "-o", "colour"), 2, "NAME=VALUE"),
        (("tcp", "127.0.0.1:1", "-o", "colour=red"), 2, "colour"),
        (("tcp", "127.0.0.1:1", "-o", "port=[1"), 2, "cannot be read"),
        (("tcp", "127.0.0.1:1", "--timeout", "soon"), 2, "not a duration"),
        (("tcp", "127.0.0.1:1", "--timeout", "0s"), 2, "more than nothing"),
        (("heartbeat", "db"), 2, "takes no target"),
        (("redis", "${NO_SUCH_URL}"), 2, "NO_SUCH_URL"),
    ],
)
def test_bad_usage_says_what_is_wrong(bare_terminal: Terminal, words: tuple[str, ...], code: int, said: str) -> None:
    answer = bare_terminal("probe", *words)
    assert answer.code == code
    assert said in " ".join(answer.err.replace("│", "").split())


def test_a_password_in_an_address_is_not_shown(bare_terminal: Terminal) -> None:
    said = bare_terminal("probe", "redis", "redis://:hunter2hunter2@127.0.0.1:1/0")
    assert said.code == 1
    assert "hunter2" not in said.out + said.err
