"""What the demo's services are, and the ways in which each can be broken: facts, without any I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

SLOW_FOR = 2.5  # seconds: beyond the critical response time of demo.yaml, within its timeout


class Mode(StrEnum):
    """How a service behaves: healthy, or one of the ways to be broken."""

    HEALTHY = "healthy"
    DOWN = "down"
    SLOW = "slow"
    ERROR = "error"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class DemoService:
    """A service of the fleet: its metrics at a moment of its life (seconds), and those that tell of trouble."""

    name: str
    port: int
    healthy: Callable[[float], Mapping[str, float]]
    degraded: Mapping[str, float]

    @property
    def variable(self) -> str:
        """The environment variable that carries its address."""
        return f"DEMO_{self.name.replace('-', '_').upper()}_URL"


FLEET: Mapping[str, DemoService] = {
    service.name: service
    for service in (
        DemoService(
            "session-manager", 8311, lambda age: {"active_sessions": 412 + int(age) % 37, "max_sessions": 1000},
            {"active_sessions": 947, "max_sessions": 1000},
        ),
        DemoService(
            "security-manager", 8312, lambda age: {"threat_level": 0, "blocked_logins": int(age) % 7},
            {"threat_level": 1, "blocked_logins": 318},
        ),
        DemoService(
            "cache-manager", 8313, lambda age: {"hit_rate": 94 + int(age) % 5, "entries": 18_204},
            {"hit_rate": 71, "entries": 2_930},
        ),
        DemoService(
            "account-health", 8314, lambda age: {"at_risk_accounts": int(age) % 3, "accounts": 128},
            {"at_risk_accounts": 7, "accounts": 128},
        ),
    )
}  # fmt: skip


def answer(service: DemoService, mode: Mode, age: float) -> tuple[int, dict[str, object]]:
    """The HTTP status and the document with which a service that is up answers /health."""
    if mode is Mode.ERROR:
        return 500, {"service": service.name, "status": "unhealthy", "error": "its own database does not answer"}
    metrics = service.degraded if mode is Mode.DEGRADED else service.healthy(age)
    status = "degraded" if mode is Mode.DEGRADED else "healthy"
    return 200, {"service": service.name, "status": status, "metrics": dict(metrics)}
