"""What every registered check type owes, built in or not."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib.metadata import entry_points
from typing import Any

import psutil
import pytest
from pydantic import BaseModel, ValidationError

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import PluginError
from healthmgr.ports import CheckType, ProbeContext
from healthmgr.registry import CHECKS, Registry
from tests.plugins.conftest import NOW
from tests.plugins.http_servers import flood_of
from tests.plugins.memory import MEGABYTE, growth

KINDS = sorted(point.name for point in entry_points(group=CHECKS))

# For each kind that opens connections: the configuration of a target at this port of this machine.
TARGETS: dict[str, Callable[[int], dict[str, Any]]] = {
    "http": lambda port: {"url": f"http://127.0.0.1:{port}/"},
    "tcp": lambda port: {"host": "127.0.0.1", "port": port, "send": "hello", "expect": "hello"},
    "dns": lambda port: {"name": "example.org", "nameservers": ["127.0.0.1"], "port": port, "protocol": "tcp"},
    "tls": lambda port: {"host": "127.0.0.1", "port": port},
    "smtp": lambda port: {"host": "127.0.0.1", "port": port},
    "postgres": lambda port: {"url": f"postgresql://postgres@127.0.0.1:{port}/postgres"},
    "redis": lambda port: {"url": f"redis://127.0.0.1:{port}/0"},
    "celery": lambda port: {"broker_url": f"redis://127.0.0.1:{port}/0"},
}
# For the others: what makes them say that something is wrong, and whether that is "unhealthy" or "could not tell".
TROUBLES: dict[str, tuple[dict[str, Any], Status]] = {
    "host": ({"path": "/there/is/no/such/place"}, Status.UNKNOWN),
    "python": ({"function": "math:sqrt", "args": [-1]}, Status.UNHEALTHY),
    "command": ({"command": ["/there/is/no/such/program"]}, Status.UNKNOWN),
    "icmp": ({"host": "no-such-host.invalid"}, Status.UNHEALTHY),
    "process": ({"name": "there-is-no-such-program"}, Status.UNHEALTHY),
    "composite": ({"of": ["there-is-no-such-check"], "unknown_counts_as": "unhealthy"}, Status.UNHEALTHY),
    "heartbeat": ({"period": "1ms", "grace": "0s"}, Status.UNHEALTHY),
}
WITHOUT_PORTS = {"icmp"}  # kinds of the network whose targets are not at a port
HANGING_FUNCTION = {"function": f"{__name__}:never_ends"}
released = threading.Event()


def never_ends() -> None:
    released.wait(30)


@pytest.fixture
def release(carry_out: Any) -> Iterator[None]:
    """Ends the function that never ends, before the worker that runs it is closed."""
    yield
    released.set()
    released.clear()


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_type_is_found_under_its_own_kind(registry: Registry, kind: str) -> None:
    check_type = registry.check_type(kind)
    assert isinstance(check_type, CheckType)
    assert check_type.kind == kind
    assert isinstance(check_type.uses_network, bool)


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_type_says_what_its_probe_does(registry: Registry, kind: str) -> None:
    check_type = registry.check_type(kind)
    for documented in (type(check_type), check_type.Config, check_type.probe):
        assert documented.__doc__
        assert documented.__doc__.strip().endswith(".")


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_refuses_what_it_does_not_know(registry: Registry, kind: str) -> None:
    with pytest.raises(ValidationError) as caught:
        registry.check_type(kind).Config.model_validate({"no_such_field": 1})
    assert any(e["type"] == "extra_forbidden" and e["loc"] == ("no_such_field",) for e in caught.value.errors())


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_describes_every_field(registry: Registry, kind: str) -> None:
    config: type[BaseModel] = registry.check_type(kind).Config
    assert [name for name, field in config.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_configuration_has_a_json_schema(registry: Registry, kind: str) -> None:
    schema = json.loads(json.dumps(registry.check_type(kind).Config.model_json_schema()))
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(registry.check_type(kind).Config.model_fields)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_target_or_a_trouble_in_this_test(registry: Registry, kind: str) -> None:
    assert (kind in TARGETS) != (kind in TROUBLES)
    assert (kind in TARGETS or kind in WITHOUT_PORTS) == registry.check_type(kind).uses_network


@pytest.mark.parametrize("host", ["", "a..b", "x" * 64, "a b", "[::1]", "a/b", "me@there", "a\0b", "a\nb"])
@pytest.mark.parametrize(
    ("kind", "field"), [("tls", "host"), ("smtp", "host"), ("icmp", "host"), ("dns", "nameservers")]
)
def test_what_cannot_be_a_host_is_refused(registry: Registry, kind: str, field: str, host: str) -> None:
    document = {"nameservers": [host], "name": "example.org"} if field == "nameservers" else {field: host}
    with pytest.raises(ValidationError) as caught:
        registry.check_type(kind).Config.model_validate(document)
    assert [error["loc"][0] for error in caught.value.errors()] == [field]


@pytest.mark.parametrize("kind", sorted(TARGETS))
def test_a_dead_target_is_unhealthy_and_the_message_says_where(probe: Any, closed_port: int, kind: str) -> None:
    outcome = probe(kind, TARGETS[kind](closed_port))
    assert isinstance(outcome, Outcome)
    assert outcome.status is Status.UNHEALTHY
    assert "refused" in outcome.message.lower()
    assert str(closed_port) in outcome.message


@pytest.mark.parametrize("kind", sorted(TARGETS))
def test_a_server_that_talks_nonsense_is_unhealthy(probe: Any, serve: Any, kind: str) -> None:
    def talk(connection: Any) -> None:
        connection.recv(1)
        connection.sendall(b"\xff\xfe\x00nonsense\r\n\r\n")

    # A mail server speaks first: this one waits for us as we wait for it, and the short timeout ends that.
    outcome = probe(kind, TARGETS[kind](serve(talk)), timeout=timedelta(seconds=1))
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message


@pytest.mark.parametrize("kind", sorted(TARGETS))
def test_a_server_that_hangs_up_is_unhealthy(probe: Any, serve: Any, kind: str) -> None:
    assert probe(kind, TARGETS[kind](serve(lambda connection: None))).status is Status.UNHEALTHY


@pytest.mark.parametrize("kind", sorted(TARGETS))
def test_a_server_that_never_answers_costs_the_timeout_and_no_more(
    carry_out: Any, hanging_port: int, kind: str
) -> None:
    started = time.monotonic()
    result = carry_out(kind, TARGETS[kind](hanging_port), timeout=0.6)
    assert 0.5 <= time.monotonic() - started < 1.5
    assert result.status is Status.UNHEALTHY
    assert result.message


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"220-more\r\n" * 6_000, bytes(16_384), b"*1\r\n" * 12_000])
@pytest.mark.parametrize("kind", sorted(TARGETS.keys() - {"http"}))  # which has hostile servers of its own
def test_a_server_that_never_stops_talking_costs_the_timeout_and_little_memory(
    carry_out: Any, closed_port: int, kind: str, piece: bytes
) -> None:
    carry_out(kind, TARGETS[kind](closed_port))  # whatever a first call loads is not the server's doing
    with flood_of(piece, hears=False) as port, growth() as memory:
        started = time.monotonic()
        result = carry_out(kind, TARGETS[kind](port), timeout=1)
        took = time.monotonic() - started
    assert result.status is Status.UNHEALTHY
    assert len(result.message) < 1000
    assert took < 2
    assert memory.most < 96 * MEGABYTE


# Every kind whose configuration may hold a secret: where it does.
SECRETS: dict[str, Callable[[int], dict[str, Any]]] = {
    "http": lambda port: {
        "url": f"http://me:s3cret-word@127.0.0.1:{port}/?key=s3cret-word",
        "headers": {"X-Key": "s3cret-word"},
        "body": "s3cret-word",
        "proxy": f"http://me:s3cret-word@127.0.0.1:{port}",
    },
    "smtp": lambda port: {"host": "127.0.0.1", "port": port, "username": "me", "password": "s3cret-word"},
    "postgres": lambda port: {"url": f"postgresql://me:s3cret-word@127.0.0.1:{port}/postgres"},
    "redis": lambda port: {"url": f"redis://:s3cret-word@127.0.0.1:{port}/0"},
    "celery": lambda port: {"broker_url": f"redis://:s3cret-word@127.0.0.1:{port}/0"},
    "command": lambda port: {"command": ["/no/such/program"], "environment": {"PASSWORD": "s3cret-word"}},
}


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_a_secret_stands_neither_in_what_is_printed_nor_in_what_is_told(
    registry: Registry, carry_out: Any, closed_port: int, kind: str
) -> None:
    document = SECRETS[kind](closed_port)
    config = registry.check_type(kind).Config.model_validate(document)
    assert "s3cret-word" not in f"{config!r} {config}"
    assert "s3cret-word" not in carry_out(kind, document).message


@pytest.mark.parametrize("kind", sorted(SECRETS))
def test_a_secret_stands_in_no_complaint_about_a_configuration(carry_out: Any, closed_port: int, kind: str) -> None:
    result = carry_out(kind, {**SECRETS[kind](closed_port), "no_such_field": "s3cret-word"})
    assert result.status is Status.UNKNOWN
    assert "s3cret-word" not in result.message


@pytest.mark.parametrize("kind", sorted(TARGETS))
def test_a_cancelled_probe_ends_and_keeps_no_connection(registry: Registry, hanging_port: int, kind: str) -> None:
    check_type = registry.check_type(kind)
    if not inspect.iscoroutinefunction(check_type.probe):
        pytest.skip("a plain function runs in a thread of its own, where nothing can cancel it")
    config = check_type.Config.model_validate(TARGETS[kind](hanging_port))

    async def cancel_it() -> tuple[bool, int]:
        context = ProbeContext("subject", timedelta(seconds=30), NOW)
        before = len(psutil.Process().net_connections())
        task = asyncio.ensure_future(check_type.probe(config, context))
        await asyncio.wait({task}, timeout=0.1)
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        await asyncio.sleep(0)  # transports close in the loop's next round
        return task.cancelled(), len(psutil.Process().net_connections()) - before

    assert asyncio.run(cancel_it()) == (True, 0)


@pytest.mark.usefixtures("release")
def test_a_function_that_never_ends_costs_the_timeout_and_no_more(carry_out: Any) -> None:
    started = time.monotonic()
    result = carry_out("python", HANGING_FUNCTION, timeout=0.3)
    assert time.monotonic() - started < 1.3
    assert (result.status, result.message) == (Status.UNHEALTHY, "timed out after 300ms")


@pytest.mark.parametrize("kind", sorted(TROUBLES))
def test_trouble_is_told_as_a_result_or_a_plugin_error(probe: Any, kind: str) -> None:
    document, expected = TROUBLES[kind]
    view = {"armed_at": "2026-03-01T00:00:00+00:00", "last_ping_at": None, "last_kind": None, "last_detail": ""}
    if expected is Status.UNKNOWN:
        with pytest.raises(PluginError):
            probe(kind, document, view=view)
    else:
        assert probe(kind, document, view=view).status is expected
