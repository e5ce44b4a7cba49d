"""What `healthmgr up` settles before it starts anything: ports, secrets and the environment of its children."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from healthmgr.demo.control import TOKEN_VARIABLE, URL_VARIABLE
from healthmgr.demo.fleet import FLEET
from healthmgr.secrets import read_variable
from healthmgr.settings import Settings
from healthmgr.supervisor.local import free_port, is_free, write_private

_INBOX_PORT = 1025
_FLOWER_PORT = 5555
_SERVERS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")
# What a command in another terminal must know to join in.
_SHARED = (*_SERVERS, "HEALTHMGR_URL", "HEALTHMGR_SECRET_KEY", "HEALTHMGR_HOST", "HEALTHMGR_PORT", "HEALTHMGR_CONFIG")


@dataclass(slots=True)
class Surroundings:
    """The environment that the children share, as it is being settled."""

    settings: Settings
    say: Callable[[str], None]
    env: dict[str, str]
    extra: set[str] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, settings: Settings, say: Callable[[str], None], environ: Mapping[str, str]) -> Surroundings:
        """The environment given, with paths made absolute and servers' addresses read from their `*_FILE`, too."""
        env = {name: value for name, value in environ.items() if value}
        for name in _SERVERS:
            value = read_variable(name, environ)
            if value:
                env[name] = value
        env["HEALTHMGR_DATA"] = str(settings.data_dir.resolve())
        env["HEALTHMGR_CONFIG"] = str(settings.definitions.resolve())
        env["PYTHONUNBUFFERED"] = "1"
        return cls(settings, say, env)

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return Path(self.env["HEALTHMGR_DATA"])

    @property
    def run_dir(self) -> Path:
        """Where what only a running healthmgr needs lies."""
        return self.data_dir / "run"

    @property
    def api_url(self) -> str:
        """How this machine reaches the API."""
        return f"http://127.0.0.1:{self.env['HEALTHMGR_PORT']}"

    def settle_servers(self, database_url: str, redis_url: str) -> None:
        """Name the servers that the environment does not name; the broker is Redis unless it names another."""
        self.env.setdefault("DATABASE_URL", database_url)
        self.env.setdefault("REDIS_URL", redis_url)
        self.env.setdefault("BROKER_URL", self.env["REDIS_URL"])

    def settle_api(self, wanted: int | None) -> None:
        """Choose the API's port, and the address by which people reach it unless one is given."""
        host = self.settings.host
        port = self.choose_port("the API", self.settings.port if wanted is None else wanted, host)
        self.env.update(HEALTHMGR_HOST=host, HEALTHMGR_PORT=str(port))
        self.env.setdefault("HEALTHMGR_URL", self.api_url)

    def settle_secret_key(self) -> None:
        """The key that signs ping addresses: the environment's, else one made once for this data folder."""
        if not self.settings.secret_key:
            self.env["HEALTHMGR_SECRET_KEY"] = kept_secret(self.data_dir / "secret-key")
        else:
            self.env["HEALTHMGR_SECRET_KEY"] = self.settings.secret_key

    def settle_inbox(self) -> int:
        """Send the mail of the definitions to a mailbox of our own; its port."""
        port = self.choose_port("the inbox", _INBOX_PORT)
        self._share(SMTP_HOST="127.0.0.1", SMTP_PORT=str(port))
        return port

    def settle_demo(self) -> dict[str, int]:
        """Choose the ports of the demo's services, by name, and where they are broken and mended."""
        ports = {name: self.choose_port(name, service.port) for name, service in FLEET.items()}
        self._share(**{FLEET[name].variable: f"http://127.0.0.1:{port}" for name, port in ports.items()})
        door = f"http://127.0.0.1:{self.choose_port('breaking and mending', 0)}"
        self._share(**{URL_VARIABLE: door, TOKEN_VARIABLE: secrets.token_urlsafe(16)})
        return ports

    def settle_flower(self) -> tuple[int, str]:
        """Flower's port and password."""
        self.env.setdefault("HEALTHMGR_TASK_EVENTS", "all")
        return self.choose_port("Flower", _FLOWER_PORT), kept_secret(self.data_dir / "flower-password")

    def choose_port(self, what: str, wanted: int, host: str = "127.0.0.1") -> int:
        """The wanted port, or the next free one, which is told. 0 asks for any."""
        port = free_port(wanted or 20_000 + os.getpid() % 10_000, host, self.taken)
        if wanted and port != wanted:
            why = "is given to another part" if is_free(wanted, host) else "is taken"
            self.notices.append(f"port {wanted} {why}: {what} has {port} instead")
            self.say(self.notices[-1])
        self.taken.add(port)
        return port

    def write_environment_file(self) -> None:
        """Leave what another terminal must know, readable for the owner alone."""
        shared = {name: self.env[name] for name in (*_SHARED, *sorted(self.extra)) if name in self.env}
        write_private(self.run_dir / "environment.json", json.dumps(shared, indent=1))

    def remove_environment_file(self) -> None:
        """Take it back: its addresses answer no more."""
        with contextlib.suppress(FileNotFoundError):
            (self.run_dir / "environment.json").unlink()

    def _share(self, **variables: str) -> None:
        self.env.update(variables)
        self.extra.update(variables)


def kept_secret(path: Path) -> str:
    """The secret that the file holds, made the first time."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()
