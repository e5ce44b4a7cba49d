"""supervisor, by its XML-RPC: restarted is a program that is RUNNING with another process id than before."""

from __future__ import annotations

import xmlrpc.client
from typing import Any, Final
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.calling import refusal
from healthmgr.steps.endpoint import Endpoint
from healthmgr.steps.output import line
from healthmgr.steps.restart import Restart, wait_until

USUAL_PLACE: Final = "unix:///var/run/supervisor.sock"
_NOT_RUNNING, _ALREADY_STARTED = 70, 60
_PERMANENT = frozenset({1, 2, 3, 10, 20, 21})  # unknown method, wrong parameters, no such program, no such file


def restart(order: Restart, deadline: Deadline) -> Done:
    """Stop the program and start it, and wait until it runs anew."""
    keeper = _Supervisor(order, deadline)
    before = keeper.info()
    if not order.is_graceful and before["pid"]:
        keeper.call("signalProcess", order.service, "KILL", unless=_NOT_RUNNING)
    keeper.call("stopProcess", order.service, True, unless=_NOT_RUNNING)
    try:
        # With autorestart, one that was killed may be back already, as another process.
        keeper.call("startProcess", order.service, order.waits, unless=_ALREADY_STARTED)
    except StepError as error:
        said = f"{order.service} was stopped, and is not started: {error}"
        raise StepError(said, permanent=error.permanent, is_timeout=error.is_timeout) from None
    if not order.waits:
        return Done(f"{order.service} is being restarted by supervisor", facts={"pid_before": before["pid"]})

    def why_not_yet() -> str:
        now = keeper.info()
        if now["statename"] == "FATAL":
            raise StepError(f"{order.service} does not start: {line(now['spawnerr'] or now['description'])}")
        if now["statename"] != "RUNNING":
            return f"it is {now['statename']}"
        return "it is the same process as before" if now["pid"] == before["pid"] else ""

    wait_until(why_not_yet, deadline, order.service)
    facts = {"pid_before": before["pid"], "pid": keeper.info()["pid"]}
    return Done(f"{order.service} was restarted by supervisor, and runs as process {facts['pid']}", facts=facts)


class _Supervisor:
    def __init__(self, order: Restart, deadline: Deadline) -> None:
        url = order.url or USUAL_PLACE
        self._path = "/RPC2"
        if urlsplit(url).scheme != "unix":
            url = url.rstrip("/").removesuffix(self._path)
        self._endpoint = Endpoint(url, {"Content-Type": "text/xml"})
        self._deadline = deadline
        self._service = order.service

    def info(self) -> dict[str, Any]:
        """What supervisor knows of the program."""
        found: dict[str, Any] = self.call("getProcessInfo", self._service)
        return found

    def call(self, method: str, *arguments: Any, unless: int = 0) -> Any:
        """Its answer; None for the fault that is none here. Raises StepError for all others."""
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
        answer = self._endpoint.ask("POST", self._path, self._deadline, body=body)
        if answer.status != 200:
            raise refusal(self._endpoint.place, answer)
        try:
            (value,), _ = xmlrpc.client.loads(answer.body)
        except xmlrpc.client.Fault as fault:
            if unless and fault.faultCode == unless:
                return None
            said = f"supervisor refused {method} of {self._service}: {line(fault.faultString)}"
            raise StepError(said, permanent=fault.faultCode in _PERMANENT) from None
        except (ExpatError, xmlrpc.client.Error, ValueError, TypeError) as error:
            said = f"{self._endpoint.place} does not speak as supervisor does: {line(str(error))}"
            raise StepError(said, permanent=True) from None
        return value
