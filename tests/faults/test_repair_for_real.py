"""A service dies and is brought back, with nothing played: seen, asked for or not, restarted, proved, resolved.

Where a RabbitMQ answers, all messages go through it.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from tests.faults.installation import Installation, definitions, installed
from tests.faults.keepers import Keeper, Plain, kept, plain_process
from tests.faults.outside import Outside, eventually, outside_world
from tests.faults.test_one_failure_for_real import RABBITMQ, rabbitmq_answers

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]
log = structlog.get_logger(__name__)

_HEALTHY = "SELECT count(*) AS n FROM check_states WHERE hard_status = 'healthy' AND last_result_at IS NOT NULL"
_END = """
SELECT a.resolution, i.resolved_at IS NOT NULL AS is_over FROM alerts a JOIN checks c ON c.id = a.check_id
LEFT JOIN incidents i ON i.id = a.incident_id WHERE c.slug = :slug AND a.resolved_at IS NOT NULL
"""
_RUNS = "SELECT check_slug, state, reason, is_proved FROM runs ORDER BY number"
_OPEN = "SELECT count(*) AS n FROM runs WHERE ended_at IS NULL"


def document(outside: Outside, ports: dict[str, int], severities: dict[str, str]) -> dict[str, Any]:
    """A check for each service."""
    found = definitions(outside, list(ports), interval="3s", timeout="2s", retry_interval="1s", max_attempts=2)
    for slug, port in ports.items():
        found["checks"][slug]["config"]["url"] = f"http://127.0.0.1:{port}/"
        found["checks"][slug]["severity"] = severities[slug]
    found["routing"]["default"]["group_wait"] = "0s"
    return found


def all_are_well(installation: Installation, count: int) -> None:
    eventually(lambda: installation.rows(_HEALTHY)[0].n == count, 40, "every service was seen healthy")


def is_resolved(installation: Installation, slug: str) -> bool:
    return [tuple(row) for row in installation.rows(_END, slug=slug)] == [
        (f"recovered by runbook restart-{slug}", True)
    ]


def texts_of(outside: Outside) -> list[str]:
    return [mail.get_body(("plain",)).get_content() for mail in list(outside.mails)]


def mails_that_ask(outside: Outside) -> list[str]:
    return [text for text in texts_of(outside) if "/approval/" in text]


def approve_by_the_link_of(text: str) -> None:
    """As a person does it: open the link, read, press the button."""
    found = re.search(r"http\S+/approval/\S+/approve", text)
    assert found, text
    assert "Approve run #" in requests.get(found[0], timeout=10).text
    assert "the runbook goes on" in requests.post(found[0], timeout=10).text


def runbooks(keeper: Keeper, plain: Plain) -> dict[str, Any]:
    """What each service is brought back by."""
    restarts: dict[str, dict[str, Any]] = {
        slug: {"kind": "service_restart", "config": {"service": slug, "driver": "supervisor", "url": keeper.url}}
        for slug in keeper.ports
    }
    restarts["plain"] = {"command": [str(plain.script)]}
    return {
        f"restart-{slug}": {
            "automation": "fully_automated",
            "trigger": {"checks": [slug]},
            "steps": [{"notification": f"Restarting {slug}"}, {"id": "restart", "timeout": "20s"} | restart],
        }
        for slug, restart in restarts.items()
    }


def test_services_are_brought_back_after_asking_where_that_is_due(tmp_path: Path) -> None:
    with outside_world() as outside, kept(tmp_path, ["shop", "vault"]) as keeper, plain_process(tmp_path) as plain:
        ports = keeper.ports | {"plain": plain.port}
        made = document(outside, ports, {"shop": "high", "vault": "critical", "plain": "high"})
        made["runbooks"] = runbooks(keeper, plain)
        environ = {"HEALTHMGR_ALLOWED_COMMANDS": str(plain.script)}
        if rabbitmq_answers():
            environ["BROKER_URL"] = RABBITMQ
        with installed(tmp_path, outside, made, environ=environ) as installation:
            all_are_well(installation, len(ports))
            _both_die_and_come_back_unasked(installation, keeper, plain)
            assert mails_that_ask(outside) == [], "nobody has to agree to what is not critical"
            _dies_and_comes_back_when_somebody_agrees(installation, keeper, "vault", outside)
            eventually(lambda: installation.rows(_OPEN)[0].n == 0, 20, "all runs are over")
            found = sorted((row.check_slug, row.state, row.reason, row.is_proved) for row in installation.rows(_RUNS))
            assert found == [(slug, "succeeded", "check_is_healthy", True) for slug in sorted(ports)]
            assert keeper.url not in installation.log.read_text(), "the password of supervisord is in no log"
            told = "recovered by runbook restart-plain"
            eventually(lambda: any(told in text for text in texts_of(outside)), 20, "people are told how it ended")


def _both_die_and_come_back_unasked(installation: Installation, keeper: Keeper, plain: Plain) -> None:
    before = {"shop": keeper.kill("shop"), "plain": plain.pid()}
    os.kill(before["plain"], signal.SIGKILL)
    died_at = time.monotonic()
    for slug in before:
        eventually(functools.partial(is_resolved, installation, slug), 40, f"{slug} is recovered by its runbook")
        log.info("recovered", service=slug, seconds_from_death=round(time.monotonic() - died_at, 1))
    assert keeper.pid("shop") not in (0, before["shop"])
    assert plain.pid() != before["plain"]
    assert plain.restarts() == 2, "started by the test, and once by the runbook"


def _dies_and_comes_back_when_somebody_agrees(
    installation: Installation, keeper: Keeper, slug: str, outside: Outside
) -> None:
    before, died_at = keeper.kill(slug), time.monotonic()
    eventually(lambda: len(mails_that_ask(outside)) == 1, 30, "somebody is asked by mail")
    asked_at = time.monotonic()
    assert keeper.pid(slug) == 0, "nothing was restarted before somebody agreed"
    approve_by_the_link_of(mails_that_ask(outside)[0])
    thought_for = time.monotonic() - asked_at
    eventually(lambda: is_resolved(installation, slug), 40, f"{slug} is recovered by its runbook")
    took = time.monotonic() - died_at
    assert keeper.pid(slug) not in (0, before)
    log.info("recovered", service=slug, seconds_from_death=round(took, 1), seconds_asked=round(thought_for, 1))
