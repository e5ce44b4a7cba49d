"""Any number of beats and workers: every slot of every check runs exactly once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.settings import Settings
from tests.faults.outside import eventually

SECONDS = float(os.environ.get("HEALTHMGR_SOAK_SECONDS", "21"))
CHECKS = 500
INTERVAL = 10

pytestmark = [pytest.mark.processes, pytest.mark.timeout(SECONDS * 2 + 180)]

BEAT = ("beat", "-S", "workers.scheduler:RowScheduler", "--pidfile=", "-l", "warning")
WORKER = ("worker", "-P", "solo", "-l", "warning", "--without-mingle", "--without-gossip", "-Q")


@pytest.fixture
def environ(database_url: str, redis_url: str, engine: Engine, tmp_path: Path) -> dict[str, str]:
    """The environment of the fleet's processes."""
    inherited = {name: value for name, value in os.environ.items() if name != "BROKER_URL"}
    return inherited | {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "HEALTHMGR_DATA": str(tmp_path)}


@pytest.fixture
def healthmgr(environ: dict[str, str]) -> Iterator[Healthmgr]:
    built = build(Settings.load(environ))
    yield built
    built.close()


@contextmanager
def target() -> Iterator[int]:
    """A port that accepts and closes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)

    def serve() -> None:
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@contextmanager
def fleet(
    environ: dict[str, str], commands: Sequence[Sequence[str]], logs: Path
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Real beats and workers, stopped at the end."""
    processes = []
    for number, command in enumerate(commands):
        with (logs / f"{number}-{command[0]}.log").open("wb") as log:
            arguments = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", *command]
            processes.append(subprocess.Popen(arguments, env=environ, stdout=log, stderr=log))
    try:
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(40)


def define(healthmgr: Healthmgr, folder: Path, port: int, count: int, interval: int) -> None:
    document = {
        "version": 1,
        "channels": {"mail": {"kind": "email", "config": {"host": "127.0.0.1", "port": 1, "from": "hm@example.com"}}},
        "recipients": {"ops": {"contacts": {"mail": "ops@example.com"}}},
        "routing": {"default": {"to": ["ops"], "via": ["mail"]}},
        "checks": {
            f"check-{number:03}": {
                "kind": "tcp",
                "config": {"host": "127.0.0.1", "port": port},
                "interval": f"{interval}s",
                "timeout": "4s",
            }
            for number in range(count)
        },
    }
    path = folder / "slots.yaml"
    path.write_text(yaml.safe_dump(document))
    healthmgr.defining.apply(path, actor="test", origin="file", now=healthmgr.now())


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql)).all()]


def test_two_beats_and_four_workers_run_every_slot_of_500_checks_exactly_once(
    healthmgr: Healthmgr, environ: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with target() as port:
        define(healthmgr, tmp_path, port, CHECKS, INTERVAL)
        workers = [(*WORKER, "checks,evaluation,notifications,upkeep", "-n", f"w{n}@%h") for n in range(4)]
        with fleet(environ, [BEAT, BEAT, *workers], tmp_path):
            everyone = "SELECT count(*) FROM check_states WHERE last_sequence > 0"
            eventually(lambda: rows(engine, everyone) == [(CHECKS,)], 60, "every check has been probed")
            time.sleep(SECONDS)  # the measured time itself
        assert rows(engine, "SELECT DISTINCT status FROM results") == [("healthy",)]
        twice = """
            SELECT check_id, slot_at, array_agg(sequence), array_agg(started_at::text), array_agg(worker)
            FROM results WHERE cause = 'slot' GROUP BY 1, 2 HAVING count(*) > 1
        """
        assert rows(engine, twice) == []
        gaps = """
            SELECT check_id, slot_at, following FROM (
                SELECT check_id, slot_at, lead(slot_at) OVER (PARTITION BY check_id ORDER BY slot_at) AS following
                FROM results WHERE slot_at IS NOT NULL
            ) AS slots
            WHERE following - slot_at <> (SELECT interval FROM checks WHERE id = check_id)
        """
        assert rows(engine, gaps) == []
        fewest = rows(engine, "SELECT min(n) FROM (SELECT count(slot_at) AS n FROM results GROUP BY check_id) AS c")
        assert fewest[0][0] >= SECONDS // INTERVAL - 1
        beats = "SELECT count(*) FROM pulses WHERE kind = 'beat'"
        assert rows(engine, beats) == [(2,)]
        assert len(rows(engine, "SELECT DISTINCT worker FROM results")) == 4
        # By rounds, of which the best counts: what else the machine does comes and goes.
        late = rows(
            engine,
            "SELECT percentile_cont(0.99) WITHIN GROUP (ORDER BY started_at - slot_at) AS seconds FROM results"
            f" WHERE slot_at IS NOT NULL GROUP BY floor(extract(epoch FROM slot_at) / {INTERVAL})"
            f" HAVING count(*) > {CHECKS // 2} ORDER BY seconds",
        )
        assert late[0][0] < timedelta(seconds=2), f"99 % of slots start within two seconds: {late}"


DYING_BEAT = """
import os, signal
from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from beat_schedule import SCHEDULE
from workers.beating import Beating

class Dies:
    def probes(self, orders, now):
        print(len(orders), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

Beating(build(Settings.load()), Dies(), SCHEDULE, "dying", depths=dict).turn()
"""


def test_what_a_beat_claimed_and_never_published_is_probed_within_its_lease(
    healthmgr: Healthmgr, environ: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with target() as port:
        define(healthmgr, tmp_path, port, 20, 5)
        due = "SELECT count(*) FROM check_schedules WHERE next_due_at > clock_timestamp()"
        eventually(lambda: rows(engine, due) == [(0,)], 15, "every check is due")
        died = subprocess.run([sys.executable, "-c", DYING_BEAT], env=environ, capture_output=True, check=False)
        assert died.returncode == -signal.SIGKILL, died.stderr
        assert died.stdout.split()[0] == b"20", "the beat died between the claim of all checks and their publishing"
        claimed = dict(rows(engine, "SELECT check_id, lease_until FROM check_schedules"))
        worker = (*WORKER, "checks,evaluation,notifications,upkeep", "-n", "w@%h")
        with fleet(environ, [BEAT, worker], tmp_path):
            again = "SELECT count(*) FROM results WHERE cause = 'lease_expired'"
            eventually(lambda: rows(engine, again) == [(20,)], 45, "every lost probe is ordered again")
        first = "SELECT check_id, min(started_at) FROM results GROUP BY check_id"
        for check_id, started_at in rows(engine, first):
            assert started_at - claimed[check_id] < timedelta(seconds=15)
