"""Fifty alerts at once, and things die in the middle: every one is told, and none is lost or doubled."""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.faults.installation import Installation, definitions, installed
from tests.faults.outside import Outside, eventually, outside_world

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

SLUGS = [f"service-{number:02}" for number in range(50)]


@dataclass(frozen=True)
class Running:
    """The installation and the world around it."""

    installation: Installation
    outside: Outside


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder: Path = tmp_path_factory.mktemp("fifty")
    # Each alert is to be seen arriving by itself, however many there are: no digests.
    settings = folder / "settings.yaml"
    settings.write_text("alerting: {maxAlertsPerMinute: 10000, maxAlertsPerHour: 10000}\n", encoding="utf-8")
    environ = {"HEALTHMGR_SETTINGS": str(settings)}
    with outside_world() as outside:
        outside.hook_takes = 0.1
        with installed(folder, outside, definitions(outside, SLUGS), environ=environ) as installation:
            yield Running(installation, outside)


def flush(installation: Installation) -> None:
    with redis.Redis.from_url(installation.environment["REDIS_URL"]) as client:
        client.flushall()


def restart_postgres(installation: Installation) -> None:
    installation.kill("postgres")


FAULTS: dict[str, Callable[[Installation], None]] = {
    "a probing worker is killed": lambda installation: installation.kill("worker-1"),
    "the other probing worker is killed": lambda installation: installation.kill("worker-2"),
    "the notifying worker is killed": lambda installation: installation.kill("notifier"),
    "beat is killed": lambda installation: installation.kill("beat"),
    "Redis is killed": lambda installation: installation.kill("redis"),
    "Redis is flushed": flush,
    "PostgreSQL is killed and restarted": restart_postgres,
}


STORM = ("the notifying worker is killed", "Redis is flushed", "beat is killed", "PostgreSQL is killed and restarted")
STORMS: dict[str, Sequence[str]] = {"one thing after another dies": STORM}
if "HEALTHMGR_SOAK_SECONDS" in os.environ:  # a minute each
    STORMS |= {fault: (fault,) for fault in FAULTS}


@pytest.mark.parametrize("faults", STORMS.values(), ids=STORMS)
def test_every_alert_is_told_exactly_once_although(running: Running, faults: Sequence[str]) -> None:
    installation, outside = running.installation, running.outside
    eventually(lambda: _all_are(installation, "healthy"), 60, "all checks are healthy before")
    eventually(lambda: _nothing_is_pending(installation), 60, "nothing of the last fault is pending")
    outside.forget()
    outside.broken.update(SLUGS)
    for fault, told in zip(faults, range(5, len(SLUGS), 10), strict=False):
        eventually(functools.partial(_are_told, outside, told), 60, f"{told} are told before {fault}")
        FAULTS[fault](installation)
        log.info("%s when %d were told", fault, len(outside.hooks))
    started = time.monotonic()
    eventually(lambda: set(outside.hooks_of("problem")) == set(SLUGS), 120, "every alert is told")
    log.info("all told after %.1f s", time.monotonic() - started)
    outside.broken.clear()
    eventually(lambda: set(outside.hooks_of("resolution")) == set(SLUGS), 120, "every end is told")
    eventually(lambda: _nothing_is_pending(installation), 60, "the ledger is closed")
    for kind in ("problem", "resolution"):
        ids = outside.hooks_of(kind)
        assert {slug: len(found) for slug, found in ids.items()} == dict.fromkeys(SLUGS, 1), f"{kind}s by webhook-id"
    about_problems = [subject for subject in outside.subjects() if "Critical" in subject]
    assert {subject.split(": ")[1].split(" is")[0] for subject in about_problems} == {
        slug.replace("-", " ").capitalize() for slug in SLUGS
    }
    # One whose acceptance could not be written down is not sent a second time once its incident is over.
    unsent = installation.rows(
        "SELECT kind, state, state_reason FROM notifications WHERE state <> 'sent' "
        "AND NOT (state = 'superseded' AND state_reason = 'resolved' AND attempts > 0)"
    )
    assert unsent == [], "every notification on the ledger was sent"


def _are_told(outside: Outside, count: int) -> bool:
    return len(outside.hooks) >= count


def _all_are(installation: Installation, status: str) -> bool:
    try:
        rows = installation.rows("SELECT count(*) FROM check_states WHERE status = :status", status=status)
    except Exception:  # the server may be on its way up again
        return False
    return bool(rows[0][0] == len(SLUGS))


def _nothing_is_pending(installation: Installation) -> bool:
    pending = "SELECT (SELECT count(*) FROM notifications WHERE due_at IS NOT NULL) + (SELECT count(*) FROM dispatches)"
    return installation.rows(pending)[0][0] == 0 and not installation.rows(
        "SELECT 1 FROM alerts WHERE resolved_at IS NULL"
    )
