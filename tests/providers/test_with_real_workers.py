"""Faulty providers before a real beat and a real worker: what was put off or may have been lost comes again."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, text

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from healthmgr.storage.synthetic_rows import read_trials
from tests.faults.outside import eventually
from tests.processes import running
from tests.providers.faulty import http_provider, mail_provider, webhook

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

SECRET = "whsec_" + "a" * 32
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.app")
COMMANDS = (
    (*CELERY, "beat", "-S", "workers.scheduler:RowScheduler", "--pidfile=", "-l", "error"),
    (*CELERY, "worker", "-P", "solo", "-n", "faulty@%h", "--without-mingle", "--without-gossip", "-l", "error"),
)


def definitions(hook: int, mail: int) -> dict[str, Any]:
    return {
        "version": 1,
        "channels": {
            "hook": {"kind": "webhook", "config": {"url": f"http://127.0.0.1:{hook}/", "secret": SECRET}},
            "mail": {
                "kind": "email",
                "config": {"host": "127.0.0.1", "port": mail, "from": "hm@example.com", "tls": "none"},
            },
        },
        "recipients": {"alice": {"contacts": {"hook": "", "mail": "alice@example.com"}}},
        "routing": {"default": {"to": ["alice"], "via": ["hook", "mail"]}},
        "checks": {
            "api": {
                "kind": "tcp",
                "config": {"host": "127.0.0.1", "port": 1},
                "severity": "critical",
                "interval": "60s",
                "timeout": "3s",
                "max_attempts": 1,
            }
        },
    }


def test_a_page_arrives_although_its_providers_fail_and_so_does_the_synthetic_one(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path, project_root: Path
) -> None:
    own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "HEALTHMGR_DATA": str(tmp_path)}
    healthmgr = build(Settings.load(own), worker="test")

    def outcomes() -> dict[str, list[str]]:
        query = """
        SELECT n.channel, array_agg(d.outcome ORDER BY d.attempt) AS outcomes FROM notifications n
        JOIN deliveries d ON d.notification_id = n.id WHERE n.channel IN ('hook', 'mail') GROUP BY n.channel
        """
        with engine.connect() as connection:
            return {row.channel: list(row.outcomes) for row in connection.execute(text(query))}

    def has_synthetic_arrived() -> bool:
        with engine.connect() as connection:
            trials = read_trials(connection)
        return trials is not None and trials.sent_at is not None

    with ExitStack() as stack:
        stack.callback(healthmgr.close)
        hook, mail = stack.enter_context(http_provider(webhook)), stack.enter_context(mail_provider())
        hook.tempers.append("break")
        mail.tempers.append(("RCPT", "450 4.7.1 greylisted"))
        path = tmp_path / "healthmgr.yaml"
        path.write_text(yaml.safe_dump(definitions(hook.port, mail.port)))
        healthmgr.upkeep.keep_partitions(healthmgr.now(), healthmgr.settings.retention)
        healthmgr.defining.apply(path, actor="test", origin="file", now=healthmgr.now())
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEALTHMGR_")}
        stack.enter_context(running(COMMANDS, kept | own, project_root, tmp_path / "said.log"))
        expected = {"hook": ["unknown", "accepted"], "mail": ["retry", "accepted"]}
        eventually(lambda: outcomes() == expected, 60, "both are told at the second attempt")
        eventually(has_synthetic_arrived, 40, "the synthetic notification arrives")
    assert len(hook.taken) == 2
    assert len(hook.seen) == 1, "its receiver drops the second under the same key"
    assert len(mail.taken) == 1
