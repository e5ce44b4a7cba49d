"""The demo's fleet and inbox, over real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import smtplib
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests
import yaml

from healthmgr.checks.http import HttpCheck, HttpConfig
from healthmgr.demo import fleet as fleet_module
from healthmgr.demo.control import FleetControl
from healthmgr.demo.fleet import FLEET, Mode, answer
from healthmgr.demo.mailbox import Mailbox
from healthmgr.domain.check import Status
from healthmgr.domain.threshold import Threshold
from healthmgr.errors import NotFound, Unavailable
from healthmgr.ports import ProbeContext
from healthmgr.supervisor.local import free_port

DEFINITIONS = yaml.safe_load(Path(fleet_module.__file__).with_name("demo.yaml").read_text())


@contextmanager
def running(module: str, *arguments: str, lines: int) -> Iterator[list[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline().strip() for _ in range(lines)]
        finally:
            process.terminate()
            assert process.wait(10) == 0


@contextmanager
def running_fleet(data_dir: Path) -> Iterator[FleetControl]:
    taken: set[int] = set()
    for _ in FLEET:
        taken.add(free_port(18_300 + os.getpid() % 1000, taken=taken))
    pairs = [f"{name}={port}" for name, port in zip(FLEET, sorted(taken), strict=True)]
    with running("healthmgr.demo.services", str(data_dir), *pairs, lines=len(FLEET)):
        control = FleetControl(data_dir)
        deadline = time.monotonic() + 10
        while True:
            try:
                control.modes()
                break
            except Unavailable:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield control


def test_a_service_is_broken_in_every_way_and_mended(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as control:
        url = control.modes()["cache-manager"]["url"] + "/health"
        healthy = requests.get(url, timeout=5).json()
        assert (healthy["status"], healthy["metrics"]["hit_rate"] > 80) == ("healthy", True)
        control.set_mode("cache-manager", "down")
        with pytest.raises(requests.ConnectionError):
            requests.get(url, timeout=5)
        control.set_mode("cache-manager", "error")
        assert requests.get(url, timeout=5).status_code == 500
        control.set_mode("cache-manager", "degraded")
        assert requests.get(url, timeout=5).json()["metrics"]["hit_rate"] < 80
        control.set_mode("cache-manager", "slow")
        assert requests.get(url, timeout=5).elapsed.total_seconds() > 2
        control.set_mode("all", "healthy")
        assert requests.get(url, timeout=5).json()["status"] == "healthy"


def test_what_is_broken_stays_broken_over_a_restart_and_others_are_untouched(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as control:
        control.set_mode("session-manager", "down")
    with running_fleet(tmp_path) as control:
        modes = {name: facts["mode"] for name, facts in control.modes().items()}
    assert modes == {**dict.fromkeys(FLEET, "healthy"), "session-manager": "down"}


def test_the_door_to_break_services_is_for_the_owner_alone(tmp_path: Path) -> None:
    with running_fleet(tmp_path) as control:
        path = tmp_path / "demo" / "control.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        url = json.loads(path.read_text())["url"]
        assert requests.put(f"{url}/services/all", json={"mode": "down"}, timeout=5).status_code == 401
        with pytest.raises(NotFound, match="No service 'nothing' in the demo: there are session-manager"):
            control.set_mode("nothing", "down")


def test_breaking_without_a_fleet_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="start it with `healthmgr up --demo`"):
        FleetControl(tmp_path).set_mode("all", "down")


@pytest.mark.parametrize("name", FLEET)
def test_the_definitions_watch_the_metrics_that_the_services_report(name: str) -> None:
    thresholds = DEFINITIONS["checks"][name]["thresholds"]
    for mode, crossed in ((Mode.HEALTHY, False), (Mode.DEGRADED, True)):
        for age in range(100):
            _, document = answer(FLEET[name], mode, age)
            metrics = document["metrics"]
            assert isinstance(metrics, dict)
            warnings = [Threshold.parse(metric, str(text)) for metric, text in thresholds["warning"].items()]
            judged = [warning.is_crossed(metrics[warning.metric]) for warning in warnings if warning.metric in metrics]
            assert judged
            assert any(judged) is crossed
            criticals = [Threshold.parse(metric, str(text)) for metric, text in thresholds["critical"].items()]
            assert not any(one.is_crossed(metrics[one.metric]) for one in criticals if one.metric in metrics)


def test_the_http_check_reads_a_services_metrics(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    context = ProbeContext("security-manager", timedelta(seconds=3), datetime.now(UTC))
    with running_fleet(tmp_path) as control:
        url = control.modes()["security-manager"]["url"] + "/health"
        outcome = asyncio.run(HttpCheck().probe(HttpConfig(url=url, metrics_from_body=True), context))
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics["threat_level"] == 0


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "healthmgr <a@localhost>", "ops@localhost", subject
    message.set_content("Es brennt: größer als 5 s\n")
    message.add_alternative("<p>Es brennt</p>", subtype="html")
    return message


def test_mails_are_kept_and_read_in_the_order_of_their_arrival(tmp_path: Path) -> None:
    port = free_port(18_250 + os.getpid() % 40)
    with running("healthmgr.demo.inbox", str(tmp_path), str(port), lines=1), smtplib.SMTP("127.0.0.1", port) as smtp:
        smtp.send_message(mail("first: ünïcödé"))
        smtp.send_message(mail("second"))
    first, second = Mailbox(tmp_path).mails()
    assert (first.subject, second.subject) == ("first: ünïcödé", "second")
    assert (first.sender, first.to) == ("healthmgr <a@localhost>", "ops@localhost")
    assert first.text.strip() == "Es brennt: größer als 5 s"
    assert [later.subject for later in Mailbox(tmp_path).mails(after=first.id)] == ["second"]


def test_the_mailbox_keeps_the_newest_thousand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("healthmgr.demo.mailbox._KEPT", 3)
    mailbox = Mailbox(tmp_path)
    for number in range(5):
        mailbox.keep(bytes(mail(f"mail {number}")), ["ops@localhost"])
    assert [kept.subject for kept in mailbox.mails()] == ["mail 2", "mail 3", "mail 4"]
