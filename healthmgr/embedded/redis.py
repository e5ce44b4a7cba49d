"""Redis of our own: on a loopback port it keeps, behind a password, with an append-only file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from healthmgr.embedded.account import PLAIN_ENVIRONMENT
from healthmgr.embedded.home import Home
from healthmgr.errors import Unavailable
from healthmgr.supervisor.child import Child
from healthmgr.supervisor.local import is_free, write_private

# Below the range that systems hand out for outgoing connections, so that the port is free at the next start, too.
_FIRST_PORT, _PORTS = 16400, 4000
_CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir ./
appendonly yes
appendfsync everysec
save ""
tcp-backlog 128
daemonize no
loglevel warning
always-show-logo no
"""


@dataclass(frozen=True, slots=True)
class RedisServer:
    """The server whose files lie below `home.folder`, and whose port and password lie in `data_dir`."""

    home: Home
    data_dir: Path
    program: Path

    @property
    def folder(self) -> Path:
        """The folder that holds the append-only file and the configuration."""
        return self.home.folder / "redis"

    @property
    def port(self) -> int:
        """The port it has, once prepared."""
        return int((self.data_dir / "redis-port").read_text(encoding="ascii"))

    @property
    def url(self) -> str:
        """How to connect, password included."""
        return f"redis://:{self._password()}@127.0.0.1:{self.port}/0"

    def prepare(self, say: Callable[[str], None]) -> None:
        """Settle folder, port and password; says when the port it had is taken by somebody else."""
        self.home.private(self.folder)
        for name in self.folder.iterdir():
            self.home.give(name)
        self._settle_port(say)
        configuration = self.folder / "redis.conf"
        write_private(configuration, _CONFIGURATION.format(port=self.port, password=self._password()))
        self.home.give(configuration)

    def child(self) -> Child:
        """The server as a child of a supervisor."""
        return Child(
            name="redis",
            argv=(str(self.program), "redis.conf"),  # relative: its parser would split a path with spaces
            env=PLAIN_ENVIRONMENT,
            cwd=self.folder,
            tier=0,
            run_as=self.home.account,
            death_signal=signal.SIGTERM,
            grace=30.0,
        )

    def is_ready(self) -> bool:
        """Whether it answers, its data loaded."""
        with contextlib.closing(Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)) as client:
            try:
                return bool(client.ping())
            except (RedisError, OSError):
                return False

    def _settle_port(self, say: Callable[[str], None]) -> None:
        path = self.data_dir / "redis-port"
        try:
            kept = int(path.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            kept = 0
        if kept and is_free(kept):
            return
        start = int.from_bytes(hashlib.sha256(os.fsencode(self.data_dir)).digest()[:4]) % _PORTS
        candidates = (_FIRST_PORT + (start + step) % _PORTS for step in range(_PORTS))
        port = next((candidate for candidate in candidates if is_free(candidate)), None)
        if port is None:
            raise Unavailable(f"No port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} is free for Redis")
        if kept:
            say(f"port {kept} of Redis is taken by somebody else: it now has {port}")
        path.write_text(str(port), encoding="ascii")

    def _password(self) -> str:
        path = self.data_dir / "redis-password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="ascii").strip()
