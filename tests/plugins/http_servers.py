"""Raw servers for the http kind: they read a request and say exactly what a test wants."""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Talk = Callable[[socket.socket], None]


def heard(connection: socket.socket) -> bytes:
    """The head of a request."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65_536)
        if not piece:
            break
        head += piece
    return head


def saying(*pieces: bytes) -> Talk:
    """Answers every request with these bytes, and closes."""

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            heard(connection)
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            while connection.recv(65_536):
                pass

    return talk


def repeating(head: bytes, piece: bytes, times: int = 1 << 40, *, hears: bool = True) -> Talk:
    """Says `head`, then `piece` over and over, until the listener goes away."""

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if hears:
                heard(connection)
            connection.sendall(head)
            for _ in range(times):
                connection.sendall(piece)

    return talk


@contextlib.contextmanager
def flood_of(piece: bytes, *, hears: bool = True) -> Iterator[int]:
    """The port of a server in a process of its own, as a hostile one is, that says `piece` over and over.

    It first hears the head of a request, if it is to.
    """
    script = (
        "import socket, sys\n"
        "from tests.plugins.http_servers import repeating\n"
        "with socket.create_server(('127.0.0.1', 0)) as server:\n"
        "    print(server.getsockname()[1], flush=True)\n"
        "    while True:\n"
        "        with server.accept()[0] as connection:\n"
        f"            repeating(b'', {piece!r}, hears={hears})(connection)\n"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def dripping(head: bytes, piece: bytes, seconds: float) -> Talk:
    """Says `head`, then `piece` every so many seconds, until the listener goes away."""

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            heard(connection)
            connection.sendall(head)
            while not select.select([connection], [], [], seconds)[0]:
                connection.sendall(piece)

    return talk


def tunnelling(seen: list[bytes], refusal: bytes = b"") -> Talk:
    """An HTTP proxy for one CONNECT per connection; `seen` collects the heads of its requests."""

    def talk(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = heard(connection)
            seen.append(head)
            if refusal:
                connection.sendall(refusal)
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as target:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _relay(connection, target)

    return talk


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [], 5)[0]:
            piece = ready.recv(65_536)
            if not piece:
                return
            (other if ready is one else one).sendall(piece)
