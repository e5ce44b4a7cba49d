"""A whole installation as a newcomer starts it: `healthmgr up`, embedded servers and all, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import yaml
from sqlalchemy import Engine, text

from healthmgr.storage.database import connect
from tests.faults.outside import SECRET, Outside, eventually

_NOT_INHERITED = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "PYTEST_CURRENT_TEST")


class Installation:
    """A running `healthmgr up`, with ways to hurt it."""

    def __init__(
        self,
        folder: Path,
        outside: Outside,
        definitions: Mapping[str, Any],
        options: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.outside = outside
        self.log = folder / "up.log"
        path = folder / "installation.yaml"
        path.write_text(yaml.safe_dump(dict(definitions)))
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        own = {"HEALTHMGR_DATA": str(folder / "data"), "HEALTHMGR_CONFIG": str(path), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "healthmgr.cli.main", "up", "--port", "0", *options]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                env={**kept, **own, **(environ or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        eventually(self._is_up, 90, f"healthmgr up; see {self.log}")
        self.engine: Engine = connect(self.environment["DATABASE_URL"])

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes."""
        return dict(json.loads((self.folder / "data" / "run" / "environment.json").read_text()))

    def pid(self, name: str) -> int:
        """The process of a child."""
        return int(json.loads((self.folder / "data" / "run" / "pids" / f"{name}.json").read_text())["pid"])

    def kill(self, name: str) -> None:
        """As the kernel's out-of-memory killer does it."""
        os.kill(self.pid(name), signal.SIGKILL)

    def run(self, *command: str) -> str:
        """A command in another terminal; what it printed."""
        environ = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        environ |= {"HEALTHMGR_DATA": str(self.folder / "data")}
        arguments = [sys.executable, "-m", "healthmgr.cli.main", *command]
        return subprocess.run(arguments, env=environ, check=True, capture_output=True, text=True).stdout

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Rows of its database."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), values).all())

    def stop(self) -> list[str]:
        """Stop as Ctrl-C does; the names of processes that were left behind."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.engine.dispose()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        _, alive = psutil.wait_procs(children, timeout=5)
        return [process.name() for process in alive]

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"healthmgr up ended: {self.log.read_text()[-3000:]}"
        return "/#token=hm_" in self.log.read_text()


def definitions(outside: Outside, slugs: list[str], **fields: Any) -> dict[str, Any]:
    """HTTP checks of the outside's targets, told by mail and by webhook."""
    # Broken and mended over and over within minutes, they would otherwise be told of as flapping.
    timing = {"interval": "5s", "timeout": "3s", "retry_interval": "1s", "max_attempts": 2, "detect_flapping": False}
    return {
        "version": 1,
        "channels": {
            "mail": {
                "kind": "email",
                "config": {"host": "127.0.0.1", "port": outside.smtp_port, "from": "hm@example.com", "tls": "none"},
            },
            "hook": {"kind": "webhook", "config": {"url": f"http://127.0.0.1:{outside.hook_port}/", "secret": SECRET}},
        },
        "recipients": {"ops": {"contacts": {"mail": "ops@example.com"}}},
        "routing": {"default": {"to": ["ops"], "via": ["mail", "hook"]}},
        "checks": {
            slug: {
                "kind": "http",
                "config": {"url": f"http://127.0.0.1:{outside.targets_port}/{slug}"},
                "severity": "critical",
                **timing,
                **fields,
            }
            for slug in slugs
        },
    }


@contextmanager
def installed(
    folder: Path,
    outside: Outside,
    document: Mapping[str, Any],
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Installation]:
    """An installation that is up; nothing of it is left at the end."""
    installation = Installation(folder, outside, document, options, environ)
    try:
        yield installation
    finally:
        left = installation.stop()
    assert not left, f"left running: {left}"
