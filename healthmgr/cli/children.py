"""The processes that make a healthmgr, as data: the layout of one machine, and that of a fleet."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import redis

from healthmgr.supervisor import Child, PulseWatch

# What stops last starts first: servers, mailbox and demo, those who use them, those who only look or order.
SURROUNDINGS_TIER, WORKING_TIER, ORDERING_TIER = 1, 2, 3

_ONE_MACHINE: Mapping[str, str] = {
    "worker-1": "checks,evaluation",
    "worker-2": "checks,evaluation",
    "notifier": "notifications,escalation",
    "upkeep": "recovery,upkeep",
}
_FLEET: Mapping[str, str] = {
    "checks-1": "checks",
    "checks-2": "checks",
    "evaluation-1": "evaluation",
    "evaluation-2": "evaluation",
    "notifications": "notifications",
    "escalation": "escalation",
    "recovery": "recovery",
    "upkeep": "upkeep",
}
_AMQP_PORT = 5672
_SAID_ONCE = "ignore:You're running the worker with superuser privileges"  # `up` says it, in one line for all


@dataclass(frozen=True, slots=True)
class Crew:
    """Builds the children that share one environment."""

    env: Mapping[str, str]
    run_dir: Path
    broker_url: str
    log_level: str

    def working(self, *, as_fleet: bool) -> Iterator[Child]:
        """The API and the workers."""
        yield self._python("api", "healthmgr.cli.main", "api", tier=WORKING_TIER)
        for name, queues in (_FLEET if as_fleet else _ONE_MACHINE).items():
            yield self._worker(name, queues)

    def ordering(self, *, as_fleet: bool) -> Iterator[Child]:
        """The beats."""
        for name in ("beat-1", "beat-2") if as_fleet else ("beat",):
            schedule = ("-S", "workers.scheduler:RowScheduler", "--pidfile=")
            yield self._celery(name, "beat", *schedule, "-l", self.log_level, tier=ORDERING_TIER)

    def flower(self, port: int, credentials: str) -> Child:
        """Flower on a loopback port; its credentials travel by environment, where no list of processes shows them."""
        where = ("--address=127.0.0.1", f"--port={port}")
        return self._celery("flower", "flower", *where, tier=ORDERING_TIER, more={"FLOWER_BASIC_AUTH": credentials})

    def inbox(self, data_dir: Path, port: int) -> Child:
        """The mailbox of this machine."""
        return self._python("inbox", "healthmgr.demo.inbox", str(data_dir), str(port), tier=SURROUNDINGS_TIER)

    def demo(self, data_dir: Path, ports: Mapping[str, int]) -> Child:
        """The services to break and mend."""
        pairs = [f"{name}={port}" for name, port in ports.items()]
        return self._python("demo", "healthmgr.demo.services", str(data_dir), *pairs, tier=SURROUNDINGS_TIER)

    def once(self, name: str, *command: str) -> Child:
        """A command of ours that runs to its end."""
        return self._python(name, "healthmgr.cli.main", *command, tier=WORKING_TIER)

    def _worker(self, name: str, queues: str) -> Child:
        pulse = self.run_dir / "pulse" / name
        watch = PulseWatch(pulse, answers(self.broker_url))
        quiet = ("--without-mingle", "--without-gossip")
        options = ("-n", f"{name}@%h", "-Q", queues, "-P", "solo", "-l", self.log_level, *quiet)
        ignored = ",".join(filter(None, (self.env.get("PYTHONWARNINGS"), _SAID_ONCE)))
        more = {"HEALTHMGR_PULSE_FILE": str(pulse), "PYTHONWARNINGS": ignored}
        return self._celery(name, "worker", *options, tier=WORKING_TIER, more=more, watch=watch)

    def _celery(
        self,
        name: str,
        *arguments: str,
        tier: int,
        more: Mapping[str, str] | None = None,
        watch: PulseWatch | None = None,
    ) -> Child:
        command = ("celery", "--quiet", "-A", "workers.app", *arguments)
        return self._python(name, *command, tier=tier, more=more, watch=watch)

    def _python(
        self,
        name: str,
        *arguments: str,
        tier: int,
        more: Mapping[str, str] | None = None,
        watch: PulseWatch | None = None,
    ) -> Child:
        return Child(
            name=name,
            argv=(sys.executable, "-m", *arguments),
            env={**self.env, **(more or {})},
            tier=tier,
            stop_signal=signal.SIGTERM,
            liveness=watch,
            before_start=watch.reset if watch else None,
        )


def answers(broker_url: str) -> Callable[[], bool]:
    """A question to the broker: does it answer now? Asked in at most a second."""
    parts = urlsplit(broker_url)
    if parts.scheme in ("redis", "rediss"):
        return lambda: _redis_answers(broker_url)
    if parts.scheme.startswith("amqp") or parts.scheme == "pyamqp":
        host, port = parts.hostname or "127.0.0.1", parts.port or _AMQP_PORT
        return lambda: _port_answers(host, port)
    return lambda: True  # a broker that cannot be asked here is taken to answer


def _redis_answers(url: str) -> bool:
    with contextlib.closing(redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)) as client:
        try:
            return bool(client.ping())
        except (redis.RedisError, OSError):
            return False


def _port_answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
