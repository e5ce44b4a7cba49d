"""The demo, whole: a service breaks, somebody answers and lets its runbook mend it, and real processes do the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, select

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.demo import fleet
from healthmgr.demo.control import TOKEN_VARIABLE, URL_VARIABLE, FleetControl
from healthmgr.demo.fleet import FLEET
from healthmgr.settings import Settings
from healthmgr.storage.tables import runs
from healthmgr.supervisor.local import free_port
from tests.browser.conftest import Open
from tests.processes import running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

FOLDER = Path(fleet.__file__).parent
CELERY = (sys.executable, "-m", "celery", "--quiet", "-A", "workers.app")
CREW = (
    (*CELERY, "beat", "-S", "workers.scheduler:RowScheduler", "--pidfile=", "-l", "error"),
    (
        *CELERY,
        "worker",
        "-P",
        "solo",
        "-Q",
        "checks,evaluation,notifications,escalation",
        "-n",
        "rest@%h",
        "-l",
        "error",
    ),
    (*CELERY, "worker", "-P", "solo", "-Q", "recovery,upkeep", "-n", "recovery@%h", "-l", "error"),
)
BASE = {
    "version": 1,
    "channels": {"inbox": {"kind": "loopback"}},
    "recipients": {"operations": {"contacts": {"inbox": "operations"}}},
    "routing": {"default": {"to": "operations", "via": "inbox"}},
}


def hasty(document: dict[str, Any]) -> dict[str, Any]:
    """The demo's checks, looked at so often that a test need not wait."""
    return document | {"defaults": document["defaults"] | {"interval": "2s", "timeout": "1s", "retry_interval": "1s"}}


@pytest.fixture
def demo(
    healthmgr: Healthmgr,  # for its empty tables
    database_url: str, redis_url: str, tmp_path: Path, project_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[FleetControl]:  # fmt: skip
    """The demo with its definitions, watched by a real beat and real workers; its Session Manager is broken already."""
    taken: set[int] = set()
    ports = {name: _take(taken) for name in (*FLEET, "door")}
    addresses = {service.variable: f"http://127.0.0.1:{ports[name]}" for name, service in FLEET.items()}
    door = {URL_VARIABLE: f"http://127.0.0.1:{ports.pop('door')}", TOKEN_VARIABLE: "a-token-of-this-test"}
    for name, value in (addresses | door).items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        (tmp_path / "demo").mkdir()
        (tmp_path / "demo" / "state.json").write_text('{"session-manager": "down"}')
        pairs = (f"{name}={port}" for name, port in ports.items())
        services = (sys.executable, "-m", "healthmgr.demo.services", str(tmp_path), *pairs)
        own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "HEALTHMGR_DATA": str(tmp_path)}
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HEALTHMGR_")} | own
        applying = build(Settings(database_url=database_url), worker="test")  # with the addresses of these services
        stack.callback(applying.close)
        applying.upkeep.keep_partitions(applying.now(), applying.settings.retention)
        for name, document in (
            ("healthmgr.yaml", BASE),
            ("demo.yaml", hasty(yaml.safe_load((FOLDER / "demo.yaml").read_text(encoding="utf-8")))),
            ("demo-team.yaml", yaml.safe_load((FOLDER / "demo-team.yaml").read_text(encoding="utf-8"))),
        ):
            (tmp_path / name).write_text(yaml.safe_dump(document), encoding="utf-8")
            applying.defining.apply(tmp_path / name, actor="test", origin="file", now=applying.now())
        stack.enter_context(running([services, *CREW], environ, project_root, tmp_path / "said.log"))
        yield FleetControl(tmp_path)


def _take(taken: set[int]) -> int:
    port = free_port(20_000 + os.getpid() % 10_000, taken=taken)
    taken.add(port)
    return port


def test_a_run_that_is_approved_in_the_page_is_carried_out_and_its_end_is_seen_there(
    open_page: Open, demo: FleetControl, engine: Engine
) -> None:
    page = open_page()
    expect(page.get_by_label("Recovery").get_by_role("button", name="Approve run 1")).to_be_visible(timeout=40_000)
    page.get_by_role("button", name="Acknowledge incident 1").click()
    page.get_by_role("link", name="#1 Session Manager").click()
    expect(page.get_by_label("Incident", exact=True)).to_contain_text("acknowledged by responder-token")
    page.get_by_role("button", name="Approve run 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.get_by_label("Runbook runs")).to_contain_text(
        "mend-session-manager on session-manager: succeeded", timeout=20_000
    )
    assert demo.modes()["session-manager"]["mode"] == "healthy"
    page.get_by_role("link", name="#1 mend-session-manager").click()
    expect(page.get_by_label("Run", exact=True)).to_contain_text("proved: its check is healthy")
    expect(page.get_by_label("What happened")).to_contain_text("responder-token")
    page.get_by_label("About it").get_by_role("link", name="#1").click()
    expect(page.get_by_label("Incident", exact=True)).to_contain_text("resolved", timeout=20_000)
    with engine.connect() as connection:
        ended = connection.execute(select(runs.c.state, runs.c.is_proved)).one()
    assert tuple(ended) == ("succeeded", True)
