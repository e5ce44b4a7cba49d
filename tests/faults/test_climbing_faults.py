"""Escalations reach every level, each once, whatever is killed, flushed, paused, delivered twice or too late.

HEALTHMGR_SOAK_SECONDS makes it longer, with 200 incidents at a time: so many seconds of faults at random.
"""

from __future__ import annotations

import functools
import math
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest
import redis
import structlog
from kombu import Connection  # type: ignore[attr-defined]
from sqlalchemy.exc import OperationalError

from healthmgr.domain.notification import SEND_LEASE
from tests.faults.climbers import LEVELS, Climbers, climbers, climbing
from tests.faults.installation import Installation, installed
from tests.faults.outside import Outside, eventually, outside_world
from tests.faults.test_one_failure_for_real import RABBITMQ, rabbitmq_answers
from workers.queues import QUEUES

SECONDS = float(os.environ.get("HEALTHMGR_SOAK_SECONDS", "0"))
AT_ONCE, DELAY = (200, 10.0) if SECONDS else (30, 3.0)  # seconds between the levels
CALM = 30

pytestmark = [pytest.mark.processes, pytest.mark.timeout(SECONDS * 2 + 400)]
log = structlog.get_logger(__name__)


def flush(installation: Installation) -> None:
    """Everything that waits on the broker is gone."""
    environment = installation.environment
    if environment.get("BROKER_URL", "").startswith("amqp"):
        with Connection(environment["BROKER_URL"], connect_timeout=4) as connection:
            for queue in QUEUES:
                connection.default_channel.queue_purge(queue)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        client.flushall()


def pause_beat(installation: Installation) -> None:
    """Beat stands still for a while, and goes on."""
    pid = installation.pid("beat")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(2)  # the pause itself
    os.kill(pid, signal.SIGCONT)


FAULTS: Mapping[str, Callable[[Installation], None]] = {
    "the notifying worker is killed": lambda installation: installation.kill("notifier"),
    "the broker loses everything": flush,
    "beat is paused": pause_beat,
    "Redis is killed": lambda installation: installation.kill("redis"),
    "the notifying worker is killed again": lambda installation: installation.kill("notifier"),
    "PostgreSQL is killed": lambda installation: installation.kill("postgres"),
}

# When each level was due: the first as the alert opened, any other its delay after the one before was decided.
# An attempt that is lost with its worker is taken up when its lease ends, which is another promise.
_LATE = """
SELECT extract(epoch FROM n.sent_at - GREATEST(:since, CASE WHEN n.level = 0 THEN i.opened_at
           ELSE before.created_at + make_interval(secs => :delay) END)) AS seconds,
       EXISTS (SELECT 1 FROM deliveries d WHERE d.notification_id = n.id AND d.outcome = 'unknown') AS was_lost
FROM notifications n JOIN incidents i ON i.id = n.incident_id
LEFT JOIN notifications before ON before.incident_id = n.incident_id AND before.level = n.level - 1
    AND before.kind = 'problem'
WHERE n.state = 'sent' AND n.kind = 'problem' AND n.incident_id IN
    (SELECT incident_id FROM alerts WHERE (substr(labels->>'service', 2))::int BETWEEN :first AND :last)
"""
_UNFINISHED = """
SELECT count(*) FROM alerts a WHERE (substr(labels->>'service', 2))::int BETWEEN :first AND :last
  AND (incident_id IS NULL OR
       (SELECT count(*) FROM notifications n WHERE n.incident_id = a.incident_id AND n.state = 'sent') < :levels)
  AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = a.incident_id AND i.acknowledged_at IS NOT NULL)
"""
_UNDER_WAY = "SELECT count(*) FROM notifications WHERE state IN ('pending', 'sending') AND channel = 'hook'"


def wait_for_all(installation: Installation, services: Sequence[int], within: float) -> None:
    """Every incident that nobody answered has told all of its levels, and nothing is under way."""
    bounds = {"first": services[0], "last": services[-1], "levels": LEVELS}

    def are_told() -> bool:
        try:
            counts = installation.rows(_UNFINISHED, **bounds) + installation.rows(_UNDER_WAY)
        except OperationalError:  # the server is on its way up again
            return False
        return [count for (count,) in counts] == [0, 0]

    eventually(are_told, within, "every level of every unanswered incident is told")


def p99(installation: Installation, services: Sequence[int], delay: float, since: datetime) -> float:
    """The seconds from the later of its due time and `since` within which all but a hundredth was sent."""
    bounds = {"first": services[0], "last": services[-1], "delay": delay, "since": since}
    rows = installation.rows(_LATE, **bounds)
    late = sorted(float(row.seconds) for row in rows if not row.was_lost)
    lost = [float(row.seconds) for row in rows if row.was_lost]
    found = late[math.ceil(len(late) * 0.99) - 1]
    log.info("delays", count=len(late), median=late[len(late) // 2], p99=found, worst=late[-1], lost=sorted(lost))
    assert max(lost, default=0) < SEND_LEASE.total_seconds() + 15
    return found


def each_is_told_once(climbing: Climbers, outside: Outside) -> None:
    """By the receiver's count: one id a notification, and again only where the ledger knows of a lost attempt."""
    installation = climbing.installation
    rows = installation.rows(
        "SELECT id::text, incident_id, level, state, kind = 'problem' AS is_page FROM notifications"
        " WHERE channel = 'hook'"
    )
    arrived = Counter(webhook_id for webhook_id, _ in list(outside.hooks))
    assert {row.state for row in rows} <= {"sent", "superseded"}
    assert {row.id for row in rows if row.state == "sent"} <= set(arrived)
    assert set(arrived) <= {row.id for row in rows}
    told = Counter((row.incident_id, row.level) for row in rows if row.is_page and row.id in arrived)
    assert set(told.values()) == {1}, "one page for each level of each incident"
    lost = Counter(
        row[0]
        for row in installation.rows(
            "SELECT notification_id::text FROM deliveries WHERE outcome IN ('unknown', 'retry')"
        )
    )
    repeated = {webhook_id for webhook_id, times in arrived.items() if times > 1 + lost[webhook_id]}
    assert not repeated, "sent again without need"
    log.info("arrivals", ids=len(arrived), repeated=sum(arrived.values()) - len(arrived), replayed=climbing.replayed)


def nothing_is_begun_after_an_answer(climbing: Climbers) -> None:
    """No attempt starts after the acknowledgement's commit; those that were in flight are counted."""
    attempts = climbing.installation.rows(
        "SELECT n.incident_id, d.started_at, d.finished_at FROM deliveries d JOIN notifications n"
        " ON n.id = d.notification_id WHERE n.kind = 'problem'"
    )
    answered = climbing.answered_at
    of_answered = [attempt for attempt in attempts if attempt.incident_id in answered]
    late = [attempt for attempt in of_answered if attempt.started_at > answered[attempt.incident_id]]
    assert not late
    in_flight = [a for a in of_answered if a.finished_at and a.finished_at > answered[a.incident_id]]
    log.info("answers", answered=len(answered), in_flight=len(in_flight))


def storm(climbing: Climbers, services: Sequence[int], faults: Sequence[str]) -> None:
    """These climb while one thing after the other happens; a quarter of them is answered meanwhile."""
    answered = random.sample(list(services), len(services) // 4)
    climbing.break_all(services)
    with climbing.answering(answered):
        for fault in faults:
            time.sleep(random.uniform(0.5, 2))  # at any moment of the climb
            log.info("fault", what=fault)
            eventually(functools.partial(hurt, climbing.installation, FAULTS[fault]), 20, fault)


def hurt(installation: Installation, fault: Callable[[Installation], None]) -> bool:
    """Whether there was anything to hurt: what was killed before may still be on its way up."""
    try:
        fault(installation)
    except (ProcessLookupError, FileNotFoundError, redis.ConnectionError):
        return False
    return True


def climb_through_faults(folder: Path, environ: Mapping[str, str] | None = None) -> None:
    """First in peace, then in a storm; the receiver, the ledger and the clock are asked at the end."""
    rounds = max(1, int(SECONDS // (LEVELS * DELAY + 15)))
    count = CALM + rounds * AT_ONCE
    with outside_world() as outside:
        document = climbing(outside, count, DELAY)
        with installed(folder, outside, document, environ=environ) as installation, climbers(installation) as climbed:
            calm, started_at = range(CALM), climbed.healthmgr.now()
            climbed.break_all(calm)
            wait_for_all(installation, calm, LEVELS * DELAY + 20)
            assert p99(installation, calm, DELAY, started_at) < 5
            with climbed.replaying():
                for turn in range(rounds):
                    first = CALM + turn * AT_ONCE
                    services = range(first, first + AT_ONCE)
                    faults = list(FAULTS)
                    random.shuffle(faults)
                    storm(climbed, services, faults)
                    back_at = climbed.healthmgr.now()
                    wait_for_all(installation, services, LEVELS * DELAY + 90)
                    assert p99(installation, services, DELAY, back_at) < 30
            each_is_told_once(climbed, outside)
            nothing_is_begun_after_an_answer(climbed)


def test_every_level_is_told_once_and_nothing_after_an_answer_whatever_breaks(tmp_path: Path) -> None:
    climb_through_faults(tmp_path)


@pytest.mark.rabbitmq
@pytest.mark.skipif(not SECONDS, reason="make soak asks for it")
def test_the_same_climb_with_rabbitmq_as_the_broker(tmp_path: Path) -> None:
    if not rabbitmq_answers():
        pytest.skip("no RabbitMQ answers at RABBITMQ_URL")
    climb_through_faults(tmp_path, {"BROKER_URL": RABBITMQ})
