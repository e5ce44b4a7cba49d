"""The README's example as it stands: another Celery application, a beat and a worker, each a process of its own."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.builders import make_check


@pytest.fixture
def environ(database_url: str, redis_url: str) -> dict[str, str]:
    ours = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "BROKER_URL": redis_url, "LOG_LEVEL": "warning"}
    return {**os.environ, **ours, "HEALTHMGR_SECRET_KEY": "s" * 32, "HEALTHMGR_MODULES": "", "HEALTHMGR_SETTINGS": ""}


@pytest.fixture
def fleet(environ: dict[str, str], engine: Engine, project_root: Path, tmp_path: Path) -> Iterator[None]:
    """A beat and a worker of all queues."""
    parts = {
        "worker": ["worker", "-P", "solo", "-n", "waited-for@%h", "--without-mingle", "--without-gossip"],
        "beat": ["beat", "-S", "workers.scheduler:RowScheduler", "--pidfile="],
    }
    with ExitStack() as stack:
        for name, words in parts.items():
            log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            command = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", *words]
            process = subprocess.Popen(command, env=environ, cwd=project_root, stdout=log, stderr=subprocess.STDOUT)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        yield


@pytest.mark.processes
@pytest.mark.usefixtures("fleet")
def test_another_application_orders_a_probe_by_name_and_waits_for_its_result(
    engine: Engine, redis_url: str, environ: dict[str, str], project_root: Path, tmp_path: Path
) -> None:
    readme = (project_root / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(from celery import Celery\n.*?)```", readme, re.DOTALL)
    program = tmp_path / "theirs.py"
    asked = (
        example.strip()
        .replace("redis://:password@host:6379/0", redis_url)
        .replace("other.send_task", "print(other.send_task")
    )
    program.write_text(f"{asked})\n", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        make_check(
            engine,
            "shop",
            kind="tcp",
            config={"host": "127.0.0.1", "port": listener.getsockname()[1]},
            interval=timedelta(hours=1),
            next_due_at=datetime.now(UTC) + timedelta(hours=1),
        )
        command = [sys.executable, "-P", "-W", "ignore", str(program)]  # theirs knows nothing of healthmgr
        said = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=90)
    assert said.stdout.strip() == "healthy", said.stderr + (tmp_path / "worker.log").read_text()
    with engine.connect() as connection:
        row = connection.execute(text("SELECT actor FROM audit_entries WHERE action = 'check.run'")).one()
    assert row.actor == "deploy"
