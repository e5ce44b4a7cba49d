"""Kubernetes, by its API: restarted is a workload whose every replica is of the generation that the restart made."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.calling import refusal
from healthmgr.steps.endpoint import Endpoint
from healthmgr.steps.output import line
from healthmgr.steps.restart import Restart, wait_until

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_ANNOTATION = "kubectl.kubernetes.io/restartedAt"
_PATCH = {"Content-Type": "application/strategic-merge-patch+json"}


def restart(order: Restart, deadline: Deadline) -> Done:
    """Have the workload roll out anew, as `kubectl rollout restart` does, and wait until it has."""
    kubernetes = _Kubernetes(order, deadline)
    wanted = kubernetes.patch(
        {"spec": {"template": {"metadata": {"annotations": {_ANNOTATION: order.now.isoformat()}}}}}
    )
    generation = int(wanted["metadata"]["generation"])
    facts = {"generation": generation}
    if not order.waits:
        return Done(f"{order.workload} {order.service} is rolling out anew", facts=facts)
    wait_until(lambda: _why_not_yet(kubernetes.get(), generation, order), deadline, order.service)
    return Done(f"{order.workload} {order.service} has rolled out anew (generation {generation})", facts=facts)


def _why_not_yet(found: Mapping[str, Any], generation: int, order: Restart) -> str:
    status: Mapping[str, Any] = found.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise StepError(f"{order.service} does not roll out: {line(condition.get('message') or 'no progress')}")
    if int(status.get("observedGeneration") or 0) < generation:
        return "the restart has not been noticed yet"
    if order.workload == "daemonset":
        wanted = int(status.get("desiredNumberScheduled") or 0)
        updated, ready = status.get("updatedNumberScheduled"), status.get("numberAvailable")
        total = status.get("currentNumberScheduled")
    else:
        replicas = found.get("spec", {}).get("replicas")
        wanted = 1 if replicas is None else int(replicas)
        updated, ready, total = (status.get(name) for name in ("updatedReplicas", "availableReplicas", "replicas"))
    counts = [int(count or 0) for count in (updated, ready, total)]
    if counts == [wanted, wanted, wanted]:
        return ""
    return f"of {wanted} replicas {counts[0]} are updated and {counts[1]} available, {counts[2]} in all"


class _Kubernetes:
    def __init__(self, order: Restart, deadline: Deadline) -> None:
        token, ca_file = order.token or _account("token"), order.ca_file or _certificates(order)
        self._endpoint = Endpoint(order.url or _in_cluster(), {"Authorization": f"Bearer {token}"}, ca_file or True)
        self._path = f"/apis/apps/v1/namespaces/{order.namespace}/{order.workload}s/{order.service}"
        self._deadline = deadline

    def get(self) -> dict[str, Any]:
        """The workload as it is."""
        return self._ask("GET")

    def patch(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The workload as it is with these changes."""
        return self._ask("PATCH", json.dumps(changes).encode(), _PATCH)

    def _ask(self, method: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = self._endpoint.ask(method, self._path, self._deadline, body=body, headers=headers)
        if answer.status != 200:
            raise refusal(f"Kubernetes at {self._endpoint.place}", answer)
        try:
            found = json.loads(answer.body)
            int(found["metadata"]["generation"])
        except (ValueError, KeyError, TypeError):
            raise StepError(f"{self._endpoint.place} does not speak as Kubernetes does", permanent=True) from None
        return dict(found)


def _in_cluster() -> str:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host:
        raise StepError("this worker runs in no Kubernetes cluster: say url, token and ca_file", permanent=True)
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _account(name: str) -> str:
    try:
        return (ACCOUNT / name).read_text(encoding="utf-8").strip()
    except OSError as error:
        said = f"{ACCOUNT / name} cannot be read ({error.strerror}): say token, or give the worker a service account"
        raise StepError(said, permanent=True) from None


def _certificates(order: Restart) -> str:
    """The cluster's own authorities, where it is the cluster that this worker runs in."""
    path = ACCOUNT / "ca.crt"
    return str(path) if not order.url and path.exists() else ""
