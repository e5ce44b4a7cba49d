"""The order for one probe, what the probe found, and the result that evaluation judges.

The three travel through the broker as JSON; `version` lets a fleet of mixed versions understand itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from healthmgr.domain.check import Status

WIRE_VERSION = 1


class Cause(StrEnum):
    """Why a probe was ordered."""

    SLOT = "slot"
    RETRY = "retry"
    REQUEST = "request"
    DEPENDENCY = "dependency"
    PING = "ping"
    PUSH = "push"
    LEASE_EXPIRED = "lease_expired"


@dataclass(frozen=True, slots=True)
class ProbeOrder:
    """A claimed probe on its way to a worker.

    `sequence` is the token of the claim: the result is written back only while it is the latest one.
    `start_by` is the last moment (database clock) at which starting still fits within the lease.
    `view` is the read-only part of our own state that a passive kind (heartbeat) judges.
    """

    check_id: UUID
    slug: str
    kind: str
    config: Mapping[str, Any]
    timeout: timedelta
    sequence: int
    start_by: datetime
    cause: Cause
    slot_at: datetime | None = None
    view: Mapping[str, Any] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "version": WIRE_VERSION,
            "check_id": str(self.check_id),
            "slug": self.slug,
            "kind": self.kind,
            "config": dict(self.config),
            "timeout": self.timeout.total_seconds(),
            "sequence": self.sequence,
            "start_by": self.start_by.isoformat(),
            "cause": self.cause.value,
            "slot_at": self.slot_at.isoformat() if self.slot_at else None,
            "view": dict(self.view),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> ProbeOrder:
        """From what `to_wire` gave; raises KeyError or ValueError on anything else."""
        try:
            return cls(
                check_id=UUID(data["check_id"]),
                slug=data["slug"],
                kind=data["kind"],
                config=data["config"],
                timeout=timedelta(seconds=data["timeout"]),
                sequence=int(data["sequence"]),
                start_by=_instant(data["start_by"]),
                cause=Cause(data["cause"]),
                slot_at=_instant(data["slot_at"]) if data["slot_at"] else None,
                view=data["view"],
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not an order for a probe: {error}") from error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check type reports: status, one line for people, seconds taken, and named numbers.

    `response_time` is in seconds; None lets the runner put in what it measured around the call.
    Metrics are in base units (seconds, bytes, percent, counts). `is_conclusive` says that looking again would
    tell nothing new: the status is hard at once, however many attempts the check has.
    """

    status: Status
    message: str
    response_time: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    is_conclusive: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One outcome with its identity. `started_at` is by the database's clock."""

    check_id: UUID
    sequence: int
    status: Status
    message: str
    response_time: float
    started_at: datetime
    metrics: Mapping[str, float] = field(default_factory=dict)
    cause: Cause = Cause.SLOT
    slot_at: datetime | None = None
    worker: str = ""
    is_conclusive: bool = False

    def to_wire(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "version": WIRE_VERSION,
            "check_id": str(self.check_id),
            "sequence": self.sequence,
            "status": self.status.value,
            "message": self.message,
            "response_time": self.response_time,
            "started_at": self.started_at.isoformat(),
            "metrics": dict(self.metrics),
            "cause": self.cause.value,
            "slot_at": self.slot_at.isoformat() if self.slot_at else None,
            "worker": self.worker,
            "is_conclusive": self.is_conclusive,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Result:
        """From what `to_wire` gave; raises KeyError or ValueError on anything else."""
        try:
            return cls(
                check_id=UUID(data["check_id"]),
                sequence=int(data["sequence"]),
                status=Status(data["status"]),
                message=data["message"],
                response_time=float(data["response_time"]),
                started_at=_instant(data["started_at"]),
                metrics=data["metrics"],
                cause=Cause(data["cause"]),
                slot_at=_instant(data["slot_at"]) if data["slot_at"] else None,
                worker=data["worker"],
                is_conclusive=bool(data["is_conclusive"]),
            )
        except (AttributeError, TypeError) as error:
            raise ValueError(f"not a result: {error}") from error


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return instant
