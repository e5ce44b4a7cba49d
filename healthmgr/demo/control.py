"""How a terminal reaches the running fleet: an address and a password in a file that only its owner can read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from healthmgr.errors import NotFound, Unavailable

CONTROL_FILE = "control.json"
URL_VARIABLE, TOKEN_VARIABLE = "DEMO_CONTROL_URL", "DEMO_CONTROL_TOKEN"  # for runbooks that mend the fleet
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
            door = json.loads(self._file.read_text(encoding="utf-8"))
            asked = urllib.request.Request(  # noqa: S310 - a loopback address that the fleet wrote
                f"{door['url']}/services/{quote(name)}",
                json.dumps({"mode": mode}).encode() if mode else None,
                {"Authorization": f"Bearer {door['token']}", "Content-Type": "application/json"},
                method=method,
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                raise NotFound(json.load(error)["error"]) from error
            raise Unavailable(f"The demo's fleet refused: {error.code} {error.reason}. {NOT_RUNNING}") from error
        except OSError as error:  # no file, or nothing behind the address that it names
            raise Unavailable(NOT_RUNNING) from error
