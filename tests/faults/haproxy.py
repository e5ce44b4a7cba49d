"""Debian's HAProxy, unmodified, before instances that can be broken, stopped and started; and a steady load on it."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.faults.outside import eventually

needs_haproxy = pytest.mark.skipif(
    not shutil.which("haproxy"), reason="the package haproxy is not installed (apt-get install haproxy)"
)
_TAKES = 0.05  # seconds, so that some requests are always under way


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


@dataclass
class Backend:
    """One instance: it says how it is at /health, and works at every other path."""

    name: str
    port: int = field(default_factory=free_port)
    is_broken: bool = False
    served: int = 0
    _server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        """Listen."""
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop as a program does that is restarted: nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_probe = self.path == "/health"
            if not is_probe:
                backend.served += 1
                time.sleep(_TAKES)
            self.send_response(503 if is_probe and backend.is_broken else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


@dataclass(frozen=True)
class Haproxy:
    """A running HAProxy with two ways to the same instances, `agent` and `httpchk`, each at a port of its own."""

    stats: Path
    ports: Mapping[str, int]

    def ask(self, command: str) -> str:
        """What its stats socket answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.stats))
            connection.sendall(f"{command}\n".encode())
            pieces = iter(lambda: connection.recv(65536), b"")
            return b"".join(pieces).decode()

    def server(self, backend: str, name: str) -> dict[str, str]:
        """What it knows of a server."""
        rows = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        return next(row for row in rows if (row["pxname"], row["svname"]) == (backend, name))

    def status(self, backend: str, name: str) -> str:
        """UP, DOWN or DRAIN; HAProxy calls a server "no check" that is up and that it does not check itself."""
        status = self.server(backend, name)["status"]
        return "UP" if status == "no check" else status.split(" ")[0]


@contextmanager
def balancing(folder: Path, backends: list[Backend], service: str, agent: int, api: int) -> Iterator[Haproxy]:
    """HAProxy as README.md writes it, without checks of its own: what it knows of the instances it has from us."""
    haproxy = Haproxy(folder / "haproxy.sock", {"agent": free_port(), "httpchk": free_port()})
    by_agent = [
        f"  server {b.name} 127.0.0.1:{b.port} weight 100 agent-check agent-addr 127.0.0.1 agent-port {agent}"
        f' agent-inter 200ms agent-send "{service}/{b.name}\\n"'
        for b in backends
    ]
    by_httpchk = [
        f"  server {b.name} 127.0.0.1:{b.port} check addr 127.0.0.1 port {api} inter 200ms fall 1 rise 1"
        for b in backends
    ]
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        "\n".join(
            [
                "global",
                f"  stats socket {haproxy.stats} level admin",
                "defaults",
                "  mode http",
                "  retries 0",
                "  timeout connect 2s",
                "  timeout client 10s",
                "  timeout server 10s",
                *(f"frontend to-{n}\n  bind 127.0.0.1:{p}\n  default_backend {n}" for n, p in haproxy.ports.items()),
                "backend agent",
                *by_agent,
                "backend httpchk",
                "  option httpchk",
                f"  http-check send meth GET uri-lf /lb/{service}/%[srv_name]",
                *by_httpchk,
                "",
            ]
        )
    )
    log = folder / "haproxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["haproxy", "-db", "-f", str(configuration)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        eventually(haproxy.stats.exists, 10, f"HAProxy; see {log}")
        yield haproxy
    finally:
        process.terminate()
        process.wait(10)


class Load:
    """Requests one after another from a few clients, until it is stopped; what failed is kept."""

    def __init__(self, haproxy: Haproxy, clients: int = 3) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(f"http://127.0.0.1:{port}/",), daemon=True)
            for port in haproxy.ports.values()
            for _ in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(15)

    def _ask(self, url: str) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._is_over.is_set():
                try:
                    answer = session.get(url, timeout=10)
                except requests.RequestException as error:
                    self.failures.append(str(error))
                else:
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.reason}")
                self.answered += 1
