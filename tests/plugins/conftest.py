"""Probing a check type as a worker does, and servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from healthmgr.domain.result import Cause, Outcome, ProbeOrder, Result
from healthmgr.ports import ProbeContext
from healthmgr.registry import Registry
from healthmgr.services.probing import Probing

Probe = Callable[..., Outcome]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry.load()


@pytest.fixture
def probe(registry: Registry) -> Probe:
    """Calls a check type once, with no help from an engine: probe("tcp", {...}, timeout=..., view=...)."""

    def call(
        kind: str,
        document: Mapping[str, Any],
        *,
        timeout: timedelta = timedelta(seconds=5),
        view: Mapping[str, Any] | None = None,
        now: datetime = NOW,
    ) -> Outcome:
        check_type = registry.check_type(kind)
        context = ProbeContext("subject", timeout, now, view or {})
        answer = check_type.probe(check_type.Config.model_validate(document), context)
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer  # type: ignore[return-value]

    return call


class Wall:
    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def carry_out(registry: Registry) -> Iterator[Any]:
    """Carries out one order as a worker does: carry_out(kind, document, timeout=..., view=...)."""
    probing = Probing(registry, Wall(), dict(os.environ), lambda results: None, worker="w")
    probing.start()

    def go(kind: str, document: dict[str, Any], timeout: float = 5, view: dict[str, Any] | None = None) -> Result:
        now = datetime.now(UTC)
        order = ProbeOrder(
            check_id=uuid4(),
            slug="subject",
            kind=kind,
            config=document,
            timeout=timedelta(seconds=timeout),
            sequence=1,
            start_by=now + timedelta(minutes=1),
            cause=Cause.REQUEST,
            view=view or {},
        )
        result = probing.answer(order)
        assert result is not None
        return result

    yield go
    probing.close(timedelta(seconds=1))


@pytest.fixture
def closed_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port where connections are accepted by the kernel and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """serve(talk) gives the port of a server that calls talk(connection) for each connection, one after another."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(talk: Callable[[socket.socket], None]) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def loop() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                # A probe that has heard enough leaves at once.
                with connection, contextlib.suppress(OSError):
                    talk(connection)

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        threads.append(thread)
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join(5)
