"""How a terminal reaches the running fleet: an address and a password in a file that only its owner can read."""

from __future__ import annotations

import json
from pathlib import Path

import requests

from healthmgr.errors import NotFound, Unavailable

CONTROL_FILE = "control.json"
NOT_RUNNING = "The demo's fleet does not run: start it with `healthmgr up --demo` (or `make demo`)"


class FleetControl:
    """Breaks and mends the services of the fleet that runs with this data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._file = data_dir / "demo" / CONTROL_FILE

    def modes(self) -> dict[str, dict[str, str]]:
        """By service: its mode and its address. Raises Unavailable when the fleet does not run."""
        return dict(self._ask("GET", ""))

    def set_mode(self, name: str, mode: str) -> dict[str, dict[str, str]]:
        """Put a service, or "all", into a mode; in force when this returns. Raises NotFound for an unknown name."""
        return dict(self._ask("PUT", name, mode))

    def _ask(self, method: str, name: str, mode: str = "") -> dict[str, dict[str, str]]:
        try:
            known = json.loads(self._file.read_text(encoding="utf-8"))
            answer = requests.request(
                method,
                f"{known['url']}/services/{name}",
                json={"mode": mode} if mode else None,
                headers={"Authorization": f"Bearer {known['token']}"},
                timeout=10,
            )
        except (FileNotFoundError, requests.ConnectionError) as error:
            raise Unavailable(NOT_RUNNING) from error
        if answer.status_code == 404:
            raise NotFound(answer.json()["error"])
        if not answer.ok:
            raise Unavailable(f"The demo's fleet refused: {answer.status_code} {answer.reason}. {NOT_RUNNING}")
        return dict(answer.json())
