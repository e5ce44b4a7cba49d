"""Docker, by its Engine API: restarted is a container that runs since another moment than before, and is well."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.calling import refusal
from healthmgr.steps.endpoint import Endpoint
from healthmgr.steps.restart import Restart, wait_until

USUAL_PLACE: Final = "unix:///var/run/docker.sock"
_LONGEST_GRACE = 30  # seconds that Docker lets a container end by itself


def restart(order: Restart, deadline: Deadline) -> Done:
    """Restart the container, and wait until it runs anew; where it has a health check, until that says so."""
    docker = _Docker(order, deadline)
    before = docker.state()
    docker.restart()
    if not order.waits:
        return Done(f"{order.service} was restarted by Docker", facts={"pid_before": before.get("Pid", 0)})

    def why_not_yet() -> str:
        now = docker.state()
        health = (now.get("Health") or {}).get("Status", "none")
        if now.get("StartedAt") == before.get("StartedAt"):
            return "it is the same as before"
        if not now.get("Running") or now.get("Restarting"):
            return f"it is {now.get('Status', 'not running')} (exit status {now.get('ExitCode')})"
        return "" if health in ("none", "healthy") else f"its health is {health}"

    wait_until(why_not_yet, deadline, order.service)
    facts = {"pid_before": before.get("Pid", 0), "pid": docker.state().get("Pid", 0)}
    return Done(f"{order.service} was restarted by Docker, and runs as process {facts['pid']}", facts=facts)


class _Docker:
    def __init__(self, order: Restart, deadline: Deadline) -> None:
        self._endpoint = Endpoint(order.url or USUAL_PLACE)
        self._order = order
        self._deadline = deadline
        self._path = f"/containers/{quote(order.service, safe='')}"

    def state(self) -> dict[str, Any]:
        """The container's State."""
        answer = self._endpoint.ask("GET", f"{self._path}/json", self._deadline)
        if answer.status != 200:
            raise refusal(f"Docker at {self._endpoint.place}", answer)
        try:
            state: dict[str, Any] = json.loads(answer.body)["State"]
        except (ValueError, KeyError, TypeError):
            raise StepError(f"{self._endpoint.place} does not speak as Docker does", permanent=True) from None
        return state

    def restart(self) -> None:
        """Docker kills what has not ended in time; it answers when the container is started."""
        try:
            left = int(self._deadline.remaining() / 2)
        except TimeoutError:
            raise StepError(f"no time was left to restart {self._order.service}") from None
        grace = min(left, _LONGEST_GRACE) if self._order.is_graceful else 0
        answer = self._endpoint.ask("POST", f"{self._path}/restart?t={grace}", self._deadline)
        if answer.status not in (200, 204):
            raise refusal(f"Docker at {self._endpoint.place}", answer)
