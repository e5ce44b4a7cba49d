"""`healthmgr worker`, `beat` and `api`: one process of a fleet, in the place of this one."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from healthmgr.cli.opening import NO_BROKER, settings_with_database
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings


class Queue(StrEnum):
    """The queues that workers consume, in the order in which a failing check passes through them."""

    CHECKS = "checks"
    EVALUATION = "evaluation"
    NOTIFICATIONS = "notifications"
    ESCALATION = "escalation"
    RECOVERY = "recovery"
    UPKEEP = "upkeep"


Queues = Annotated[
    list[Queue] | None,
    typer.Argument(metavar="QUEUE", show_default=False, help="The queues to consume; default: all."),
]
NodeName = Annotated[
    str, typer.Option("--name", "-n", help="The worker's name, its own among all; %h stands for this host.")
]
Host = Annotated[str | None, typer.Option(help="The address to listen on; default: HEALTHMGR_HOST.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="The port to listen on; default: HEALTHMGR_PORT.")]


def worker(queues: Queues = None, name: NodeName = "") -> None:
    """Run a worker: it consumes the queues named, or all of them."""
    settings = _settings_with_broker()
    chosen = list(dict.fromkeys(queues or Queue))
    node = name or f"worker-{os.getpid()}@%h"
    _become(
        [
            "celery",
            "-A",
            "workers.app",
            "worker",
            "-P",
            "solo",
            "-Q",
            ",".join(chosen),
            "-n",
            node,
            "-l",
            settings.log_level,
        ]
    )


def beat() -> None:
    """Run a beat, which orders due checks and finds lost work; any number of them may run."""
    settings = _settings_with_broker()
    _become(
        [
            "celery",
            "-A",
            "workers.app",
            "beat",
            "-S",
            "workers.scheduler:RowScheduler",
            "--pidfile=",
            "-l",
            settings.log_level,
        ]
    )


def api(host: Host = None, port: Port = None) -> None:
    """Run the REST API and the page at its root."""
    settings_with_database()
    if host is not None:
        os.environ["HEALTHMGR_HOST"] = host
    if port is not None:
        os.environ["HEALTHMGR_PORT"] = str(port)
    _become(["healthmgr.api.serve"])


def _settings_with_broker() -> Settings:
    settings = settings_with_database()
    if not settings.broker:
        raise Unavailable(NO_BROKER)
    return settings


def _become(module: list[str]) -> NoReturn:
    """Replace this process, so that signals and exit codes are the program's own."""
    os.execv(sys.executable, [sys.executable, "-m", *module])  # noqa: S606 - no shell is wanted
