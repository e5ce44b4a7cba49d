"""The API as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.services.tokens import Tokens
from healthmgr.storage.token_repository import TokenRepository
from tests.serving import HttpClient

COMMAND = [sys.executable, "-m", "healthmgr.api.serve"]


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    """This process's own, without what names servers, and with what is given."""
    mine = {
        name: value for name, value in os.environ.items() if not name.startswith(("HEALTHMGR_", "DATABASE_", "LOG_"))
    }
    return {**mine, "HEALTHMGR_DATA": str(tmp_path), **variables}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port: int = held.getsockname()[1]
    return port


@pytest.mark.processes
def test_it_serves_until_it_is_asked_to_stop(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """A stream that is open then is ended in so many words, and not waited for."""
    port = free_port()
    token = Tokens(TokenRepository(engine)).create("listener", "viewer", datetime.now(UTC))
    env = environment(tmp_path, DATABASE_URL=database_url, HEALTHMGR_PORT=str(port))
    with subprocess.Popen(COMMAND, env=env, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("Uvicorn running" in line for line in process.stderr)
            with HttpClient(f"http://127.0.0.1:{port}") as client:
                answer = client.get("/readyz")
                assert (answer.status_code, answer.json()["is_ready"]) == (200, True)
                assert "server" not in answer.headers
                assert "<title>Sign in · healthmgr</title>" in client.get("/").text
            stream = HttpClient(f"http://127.0.0.1:{port}", token).get("/api/v1/events/stream", stream=True)
            lines = stream.iter_lines(chunk_size=None)
            assert next(lines).startswith(b"retry: ")
        finally:
            process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        assert b'data: {"type": "end", "reason": "shutdown"}' in list(lines)
        log = process.stderr.read()
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert time.monotonic() - asked_at < 4
    assert "Traceback" not in log
    assert "/readyz" not in log


@pytest.mark.processes
def test_without_a_database_it_says_what_to_do_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, env=environment(tmp_path), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert "DATABASE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr
