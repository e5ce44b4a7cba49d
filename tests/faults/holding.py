"""Servers that take an order and never answer it: whoever gave it is in the midst of a step until it dies."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_READ = 65_536


@dataclass(frozen=True)
class Holding:
    """Between a client and a real server, or alone: once `order` is among what the client says, no answer comes.

    Each time that it is said is written down in a file that is only appended to.
    """

    name: str
    order: bytes
    ledger: Path
    upstream: tuple[str, int] | str | None = None  # a host and a port, or the path of a socket

    @contextmanager
    def listening(self) -> Iterator[int]:
        """The port."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=self._accept, args=(server,), daemon=True).start()
            yield server.getsockname()[1]

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        held = threading.Event()
        with client, suppress(OSError):
            if self.upstream is None:
                self._hear(client, None, held)
                return
            with _connected(self.upstream) as server:
                threading.Thread(target=_answer, args=(server, client, held), daemon=True).start()
                self._hear(client, server, held)
                server.shutdown(socket.SHUT_RDWR)

    def _hear(self, client: socket.socket, server: socket.socket | None, held: threading.Event) -> None:
        heard = b""
        while data := client.recv(_READ):
            heard += data
            if self.order in heard:
                held.set()
                self._note()
                heard = b""
            if server is not None:
                server.sendall(data)

    def _note(self) -> None:
        descriptor = os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"begin {self.name}\n".encode())
        os.close(descriptor)


def _connected(upstream: tuple[str, int] | str) -> socket.socket:
    if not isinstance(upstream, str):
        return socket.create_connection(upstream)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(upstream)
    return connection


def _answer(server: socket.socket, client: socket.socket, held: threading.Event) -> None:
    with suppress(OSError):
        while data := server.recv(_READ):
            if not held.is_set():
                client.sendall(data)
