"""Debian's Prometheus and amtool, unmodified, as an installation's neighbours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.faults.installation import Installation
from tests.faults.outside import Outside, eventually

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("amtool")),
    reason="the packages prometheus and prometheus-alertmanager are not installed (apt-get install both)",
)

RULES = {
    "groups": [
        {
            "name": "shop",
            "rules": [
                {
                    "alert": "ShopDown",
                    "expr": 'up{job="shop"} == 0',
                    "labels": {"severity": "page", "service": "shop"},
                    "annotations": {"summary": "The shop does not answer", "runbook_url": "https://wiki/shop"},
                }
            ],
        }
    ]
}


def address(installation: Installation) -> str:
    """Where the installation's API listens."""
    found = re.search(r"(http://127\.0\.0\.1:\d+)/#token=", installation.log.read_text())
    assert found, "up tells where the page is"
    return found[1]


def make_token(installation: Installation, name: str, role: str) -> str:
    """A new token of this role."""
    return str(json.loads(installation.run("tokens", "create", name, "--role", role, "--json"))["token"])


@contextmanager
def watching(folder: Path, outside: Outside, alertmanager: str, token: str) -> Iterator[None]:
    """A Prometheus that scrapes the shop among the outside's targets, and takes us for its Alertmanager."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES))
    (folder / "prometheus.yaml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": ["rules.yaml"],
                "scrape_configs": [
                    {
                        "job_name": "shop",
                        "metrics_path": "/shop",
                        "static_configs": [{"targets": [f"127.0.0.1:{outside.targets_port}"]}],
                    }
                ],
                "alerting": {
                    "alertmanagers": [
                        {
                            "path_prefix": urlsplit(alertmanager).path or "/",
                            "basic_auth": {"username": "prometheus", "password": token},
                            "static_configs": [{"targets": [urlsplit(alertmanager).netloc]}],
                        }
                    ]
                },
            }
        )
    )
    log = folder / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--web.listen-address=127.0.0.1:0",
        "--rules.alert.resend-delay=1s",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: b"Server is ready to receive web requests" in log.read_bytes(), 30, f"Prometheus; see {log}")
        yield
    finally:
        process.terminate()
        process.wait(30)


class Amtool:
    """amtool with a token. Every command of it asks for the version first."""

    def __init__(self, folder: Path, alertmanager: str, token: str) -> None:
        self._http = folder / "amtool-http.yaml"
        self._http.write_text(yaml.safe_dump({"authorization": {"credentials": token}}))
        self._alertmanager = alertmanager

    def __call__(self, *command: str) -> str:
        """What it printed. Fails with what it said when it failed."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"amtool {' '.join(command)}: {done.stderr or done.stdout}"
        return done.stdout

    def attempt(self, *command: str) -> subprocess.CompletedProcess[str]:
        """The same without an expectation."""
        options = [f"--alertmanager.url={self._alertmanager}", f"--http.config.file={self._http}"]
        return subprocess.run(["amtool", *options, *command], capture_output=True, text=True, timeout=60, check=False)

    def json(self, *command: str) -> Any:
        """What it printed as JSON."""
        return json.loads(self("--output=json", *command))
