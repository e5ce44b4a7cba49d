"""Checks that runbooks repair, by steps that write down when they begin and end in a file that is only appended to."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.dispatch import Due, Work
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings
from tests.faults.installation import Installation
from workers.app import configuration
from workers.publishing import Publisher

_FUNCTION = '''
import os
import time


def deed(file: str, name: str, lasts: float) -> dict:
    """Write down that it begins, take long, write down that it ends."""
    for word in ("begin", "end"):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, f"{word} {name}\\n".encode())
        os.close(descriptor)
        if word == "begin":
            time.sleep(lasts)
    return {"name": name}
'''

_PROGRAM = """#!{python}
import sys
sys.path.insert(0, {folder!r})
from deeds import deed
deed(sys.argv[1], sys.argv[2], float(sys.argv[3]))
"""

_DUE = text("""
SELECT 'call' AS work, id::text AS key, token, due_at FROM recovery_calls
UNION ALL SELECT 'run', id::text, token, due_at FROM runs WHERE due_at IS NOT NULL
""")


@dataclass(frozen=True)
class Repairs:
    """Where steps write down what they did."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "deeds.py").write_text(_FUNCTION)
        self.program.write_text(_PROGRAM.format(python=sys.executable, folder=str(self.folder)))
        # One person gets all of it: nothing is to wait for a digest.
        self.settings.write_text("alerting: {maxAlertsPerMinute: 1000, maxAlertsPerHour: 1000}\n")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    @property
    def program(self) -> Path:
        """The program that steps run."""
        return self.folder / "deed"

    @property
    def settings(self) -> Path:
        """The installation's settings."""
        return self.folder / "settings.yaml"

    @property
    def ledger(self) -> Path:
        """What they wrote down."""
        return self.folder / "ledger"

    @property
    def environ(self) -> dict[str, str]:
        """What this installation lets steps run."""
        return {
            "HEALTHMGR_ALLOWED_COMMANDS": str(self.program),
            "HEALTHMGR_MODULES": "deeds",
            "HEALTHMGR_SETTINGS": str(self.settings),
            "PYTHONPATH": str(self.folder),
        }

    def lines(self) -> list[str]:
        """What was written down so far."""
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def step(self, kind: str, name: str, lasts: float) -> dict[str, Any]:
        """A step of a kind that does something, and takes so many seconds for it."""
        arguments = [str(self.ledger), name, str(lasts)]
        config: dict[str, Any] = {"command": [str(self.program), *arguments]}
        if kind == "python":
            config = {
                "function": "deeds:deed",
                "arguments": {"file": arguments[0], "name": name, "lasts": lasts},
            }
        if kind == "service_restart":
            config |= {"service": name, "driver": "command", "wait": False}
        return {"id": name, "kind": kind, "timeout": "50s", "retries": 0, "config": config}


class Replay:
    """A process beside an installation's own, which publishes all that is due for runs over and over."""

    def __init__(self, installation: Installation) -> None:
        environment = installation.environment
        settings = Settings.load(environment)
        self._healthmgr: Healthmgr = build(settings, worker="replay")
        app = Celery("replay", set_as_current=False)
        app.config_from_object(configuration(settings))
        self._publisher = Publisher(app)
        self._ended = threading.Event()
        self.seen: set[tuple[str, str, int]] = set()
        self.sent = 0

    @contextmanager
    def going(self) -> Iterator[None]:
        """Meanwhile every message comes at least twice, and old ones again long after their time."""
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()
            self._healthmgr.close()

    def _run(self) -> None:
        while not self._ended.wait(0.4):
            try:
                with self._healthmgr.engine.connect() as connection:
                    rows = connection.execute(_DUE).all()
                self.seen |= {(row.work, row.key, row.token) for row in rows}
                now = self._healthmgr.now()
                dues = [Due(Work(work), key, token, now) for work, key, token in sorted(self.seen)]
                self._publisher.reminders(dues * 2, now)
                self.sent += len(dues) * 2
            except (OperationalError, Unavailable):
                continue


def run_states(installation: Installation) -> dict[str, tuple[str, str]]:
    """The latest run of each check: its state and reason."""
    rows = installation.rows("SELECT check_slug, state, reason FROM runs ORDER BY number")
    return {row.check_slug: (row.state, row.reason) for row in rows}


def definitions_with(base: dict[str, Any], runbooks: dict[str, list[Any]]) -> dict[str, Any]:
    """The base's checks, each with a runbook of its own of these steps."""
    document = dict(base)
    document["runbooks"] = {
        slug: {
            "automation": "fully_automated",
            "trigger": {"checks": [slug]},
            "timeout": "5m",
            "limits": {"target_cool_down": "0s", "breaker": 100},
            "steps": steps,
        }
        for slug, steps in runbooks.items()
    }
    return document
