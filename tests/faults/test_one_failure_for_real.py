"""The main job with nothing played: real processes, a real mail server, a real signed webhook."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
import requests
from kombu import Connection  # type: ignore[attr-defined]
from kombu.exceptions import OperationalError

from tests.faults.installation import Installation, definitions, installed
from tests.faults.outside import Outside, eventually, outside_world
from workers.queues import QUEUES

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

# The timing that a critical check has when its definition says nothing.
CRITICAL = {"interval": "10s", "timeout": "3s", "retry_interval": "3s", "max_attempts": 3}
RABBITMQ = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")


def break_and_mend(installation: Installation, outside: Outside) -> None:
    """The break is told by mail and webhook within thirty seconds, and the end too."""
    healthy = "SELECT 1 FROM check_states WHERE status = 'healthy'"
    eventually(lambda: len(installation.rows(healthy)) == 2, 30, "both checks are found healthy")
    broke_at = time.monotonic()
    outside.broken.add("api")
    eventually(lambda: bool(outside.mails) and bool(outside.hooks), 30, "mail and webhook about the break")
    assert time.monotonic() - broke_at < 30
    assert outside.subjects() == ["[healthmgr] Critical: Api is unhealthy (#1)"]
    text = outside.mails[0].get_body(("plain",)).get_content()
    assert "503" in text
    assert "healthmgr incidents ack 1" in text
    outside.broken.clear()
    eventually(lambda: len(outside.mails) == 2 and len(outside.hooks) == 2, 30, "the resolution")
    assert outside.subjects()[1] == "[healthmgr] Resolved: Api (#1)"
    assert outside.mails[1]["References"] == outside.mails[0]["Message-ID"]
    assert set(outside.hooks_of("problem")) == set(outside.hooks_of("resolution")) == {"api"}


def probes(installation: Installation) -> int:
    """How many there have been."""
    return int(installation.rows("SELECT count(*) FROM results")[0][0])


def nothing_else_is_told(installation: Installation, outside: Outside, seen: int) -> None:
    """Two more rounds of probes since so many were seen bring no further message."""
    eventually(lambda: probes(installation) >= seen + 4, 60, "two more rounds of probes")
    assert len(outside.mails) == len(outside.hooks) == 2, "nothing else was told"


def test_a_break_and_its_end_are_told_once_each_and_flower_names_who_did_it(tmp_path: Path) -> None:
    with outside_world() as outside:
        document = definitions(outside, ["api", "bystander"], **CRITICAL)
        with installed(tmp_path, outside, document, options=["--flower"]) as installation:
            break_and_mend(installation, outside)
            seen = probes(installation)
            flower_shows_everything(installation)
            nothing_else_is_told(installation, outside, seen)
            a_change_takes_effect_within_five_seconds(installation, outside)


def flower_shows_everything(installation: Installation) -> None:
    """Workers, queues and tasks, by their names."""
    found = re.search(r"Flower +(http://127\.0\.0\.1:\d+)  \((\S+) / (\S+)\)", installation.log.read_text())
    assert found, f"up tells where Flower is: {installation.log.read_text()[-2500:]}"
    address = found[1]
    ask = requests.Session()
    ask.auth = (found[2], found[3])
    tasks: set[str] = set()

    def all_tasks_are_shown() -> bool:
        tasks.update(task["name"] for task in ask.get(f"{address}/api/tasks?limit=1000", timeout=10).json().values())
        return {
            "healthmgr.checks.probe",
            "healthmgr.evaluation.evaluate",
            "healthmgr.notifications.dispatch",
            "healthmgr.notifications.send",
            "healthmgr.upkeep.audit",
        } <= tasks

    eventually(all_tasks_are_shown, 40, f"Flower names the tasks; it has {tasks}")
    workers = ask.get(f"{address}/api/workers?refresh=1", timeout=20).json()
    assert {name.split("@")[0] for name in workers} == {"worker-1", "worker-2", "notifier", "upkeep"}
    consumed = {queue["name"] for worker in workers.values() for queue in worker["active_queues"]}
    assert consumed >= set(QUEUES)
    lengths = ask.get(f"{address}/api/queues/length", timeout=20).json()
    assert {queue["name"] for queue in lengths["active_queues"]} >= set(QUEUES)


def a_change_takes_effect_within_five_seconds(installation: Installation, outside: Outside) -> None:
    """The definitions are applied anew, and what runs follows without a restart."""
    outside.broken.add("elsewhere")
    document = (installation.folder / "installation.yaml").read_text()
    changed = document.replace(f":{outside.targets_port}/bystander", f":{outside.targets_port}/elsewhere")
    (installation.folder / "installation.yaml").write_text(changed)
    installation.run("apply", str(installation.folder / "installation.yaml"))
    found = """
        SELECT 1 FROM results WHERE status = 'unhealthy' AND check_id = (SELECT id FROM checks WHERE slug = 'bystander')
    """
    eventually(lambda: bool(installation.rows(found)), 5, "the changed check is probed")


def rabbitmq_answers() -> bool:
    try:
        with Connection(RABBITMQ, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1)
            for queue in QUEUES:
                connection.default_channel.queue_delete(queue)
    except (OperationalError, OSError):
        return False
    return True


@pytest.mark.rabbitmq
@pytest.mark.skipif("HEALTHMGR_SOAK_SECONDS" not in os.environ, reason="make soak asks for it")
def test_the_same_with_rabbitmq_as_the_broker(tmp_path: Path) -> None:
    if not rabbitmq_answers():
        pytest.skip("no RabbitMQ answers at RABBITMQ_URL")
    with outside_world() as outside:
        document = definitions(outside, ["api", "bystander"], interval="3s")
        with installed(tmp_path, outside, document, environ={"BROKER_URL": RABBITMQ}) as installation:
            break_and_mend(installation, outside)
            nothing_else_is_told(installation, outside, probes(installation))
