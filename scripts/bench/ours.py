"""Measuring healthmgr: beat and two workers, checks with a fresh connection each, scheduled to stored."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.settings import Settings
from healthmgr.storage.database import upgrade
from healthmgr.telemetry import configure_logging
from scripts.bench.site import Running, Site, running
from scripts.bench.storm import Stormed, storm

_APP = ("-A", "workers.app")
COMMANDS = (
    (*_APP, "beat", "-S", "workers.scheduler:RowScheduler", "--pidfile=", "-l", "error"),
    *(
        (*_APP, "worker", "-P", "solo", "-n", f"bench{n}@%h", "--without-mingle", "--without-gossip", "-l", "error")
        for n in range(2)
    ),
)
_COUNT = text(
    "SELECT count(*) AS stored, count(*) FILTER (WHERE status <> 'healthy') AS bad, clock_timestamp() AS at "
    "FROM results WHERE started_at > :since"
)
_LAG = text("""
SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - slot_at)) AS lags
FROM results WHERE cause = 'slot' AND started_at BETWEEN :since AND :until
""")


_WITH_RESULTS = text("SELECT count(*) FROM check_states WHERE last_result_at IS NOT NULL")
_FIRST_RESULTS_WITHIN = 120.0  # seconds
_BETWEEN_APPLIES = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Throughput:
    """Checks a second, CPU milliseconds of everything for each, and the share that was not healthy."""

    per_second: float
    cpu_ms: float
    bad_share: float


@dataclass(frozen=True, slots=True)
class Lag:
    """How late probes began after their slots, in seconds."""

    p50: float
    p99: float


class Ours:
    """One installation on the site's servers."""

    def __init__(self, site: Site) -> None:
        self._site = site
        settings = Settings(
            database_url=site.database_url, redis_url=site.redis_url, data_dir=site.folder, log_level="error"
        )
        configure_logging(settings)
        self.healthmgr: Healthmgr = build(settings, worker="bench")
        upgrade(self.healthmgr.engine)
        self.healthmgr.upkeep.keep_partitions(self.healthmgr.now(), settings.retention)

    def close(self) -> None:
        """Close the connections."""
        self.healthmgr.close()

    def throughput(self, checks: int, interval: float, warm: float, seconds: float) -> Throughput:
        """What is stored while more is due than can be done."""
        self.apply(self._write("saturating", checks, interval, timeout=interval * 0.8))
        with running(self._site, COMMANDS) as processes:
            time.sleep(warm)
            return self.measured(processes, seconds)

    def lags(self, checks: int, interval: float, warm: float, seconds: float) -> tuple[Lag, Lag]:
        """How late probes begin, and how late while a hundredth of the definitions change and all are applied again.

        What is new is probed at once, in its order and not in a slot; that burst is waited for first.
        """
        one = self._write("one", checks, interval, timeout=8)
        other = self._write("other", checks, interval, timeout=8, changed=checks // 100)
        self.apply(one)
        with running(self._site, COMMANDS) as processes:
            self.wait_for_first_results(checks)
            time.sleep(warm)
            quiet = self._lag_during(seconds)
            with self._applying(other, one):
                busy = self._lag_during(seconds)
            processes.seconds()  # which sees that none has died
        return quiet, busy

    def storm(self, checks: int) -> Stormed:
        """What people are told when so many checks of one service fail at once."""
        return storm(
            self._site, self.healthmgr, lambda document: self.apply(self.store("storm", document)), COMMANDS, checks
        )

    def measured(self, processes: Running, seconds: float) -> Throughput:
        """What is stored within these seconds, and what it costs."""
        since = self.now()
        before, cost, started = self._count(since), processes.seconds(), time.monotonic()
        time.sleep(seconds)
        after, took, spent = self._count(since), time.monotonic() - started, processes.seconds() - cost
        stored = after[0] - before[0]
        return Throughput(stored / took, 1000 * spent / max(stored, 1), (after[1] - before[1]) / max(stored, 1))

    def _lag_during(self, seconds: float) -> Lag:
        since = self.now()
        time.sleep(seconds)
        return self.lag(since, self.now())

    def lag(self, since: datetime, until: datetime) -> Lag:
        """How late probes began between these, of which the last has just been."""
        time.sleep(2.0)  # what began in this time is stored by then
        with self.healthmgr.engine.connect() as connection:
            lags = connection.execute(_LAG, {"since": since, "until": until}).scalar_one()
        if lags is None:
            raise RuntimeError("no check was probed in its slot: see what beat and the workers said")
        return Lag(*lags)

    @contextmanager
    def _applying(self, *files: Path) -> Iterator[None]:
        ended = threading.Event()
        failures: list[BaseException] = []

        def apply() -> None:
            try:
                while not ended.is_set():
                    for path in files:
                        self.apply(path)
                        ended.wait(_BETWEEN_APPLIES)
            except BaseException as error:  # handed to the thread that waits
                failures.append(error)

        thread = threading.Thread(target=apply, name="applying")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        if failures:
            raise failures[0]

    def apply(self, path: Path) -> None:
        """Take over these definitions in place of the ones before."""
        # Under one name: a file owns what it defines, and another file may not define the same.
        applied = self._site.folder / "healthmgr.yaml"
        applied.write_bytes(path.read_bytes())
        self.healthmgr.defining.apply(applied, actor="bench", origin="file", now=self.healthmgr.now())

    def wait_for_first_results(self, checks: int) -> None:
        """Wait until so many checks have been probed; raises RuntimeError where that takes too long."""
        ends_at = time.monotonic() + _FIRST_RESULTS_WITHIN
        while True:
            with self.healthmgr.engine.connect() as connection:
                count = connection.execute(_WITH_RESULTS).scalar_one()
            if count >= checks:
                return
            if time.monotonic() > ends_at:
                raise RuntimeError(f"after {_FIRST_RESULTS_WITHIN:.0f} s only {count} of {checks} checks have results")
            time.sleep(1.0)

    def _write(self, name: str, checks: int, interval: float, timeout: float, changed: int = 0) -> Path:
        url = f"http://127.0.0.1:{self._site.target_port}"
        document = {
            "version": 1,
            "channels": {"mail": {"kind": "email", "config": {"host": "127.0.0.1", "port": 1, "from": "a@b.example"}}},
            "recipients": {"ops": {"contacts": {"mail": "ops@b.example"}}},
            "routing": {"default": {"to": ["ops"], "via": ["mail"]}},
            "checks": {
                f"check-{n}": {
                    "kind": "http",
                    "config": {"url": f"{url}/{n}"},
                    "interval": f"{interval:g}s",
                    "timeout": f"{timeout + (n < changed):g}s",
                }
                for n in range(checks)
            },
        }
        return self.store(name, document)

    def store(self, name: str, document: Mapping[str, Any]) -> Path:
        """A file of definitions."""
        path = self._site.folder / f"{name}.yaml"
        path.write_text(yaml.dump(document, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)), encoding="utf-8")
        return path

    def now(self) -> datetime:
        """This instant by the database's clock."""
        return self.healthmgr.now()

    def _count(self, since: datetime) -> tuple[int, int]:
        with self.healthmgr.engine.connect() as connection:
            row = connection.execute(_COUNT, {"since": since}).one()
        return int(row.stored), int(row.bad)
