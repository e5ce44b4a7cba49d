"""healthmgr's own health, told from the last signs of life that its parts left in the table of pulses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from healthmgr.domain.phrasing import lasted
from healthmgr.storage.tables import pulses
from healthmgr.views import HealthView, PartView

QUEUES = ("checks", "evaluation", "notifications", "escalation", "recovery", "upkeep")
BEAT_WITHIN = timedelta(seconds=15)
SWEEP_WITHIN = timedelta(seconds=15)
QUEUE_WITHIN = timedelta(seconds=45)
WORKER_WITHIN = timedelta(seconds=30)
# A worker that has been silent for longer was taken away on purpose, and is no longer spoken of.
WORKER_FORGOTTEN_AFTER = timedelta(hours=1)
AUDIT_WITHIN = timedelta(seconds=120)


@dataclass(frozen=True, slots=True)
class _Pulse:
    kind: str
    name: str
    age: timedelta
    detail: dict[str, Any] = field(default_factory=dict)


def health(connection: Connection, now: datetime) -> HealthView:
    """Every part with its age; the whole is well when each part is."""
    rows = connection.execute(select(pulses).order_by(pulses.c.kind, pulses.c.name)).mappings()
    # A pulse may have been written a moment after `now` was read.
    found = [_Pulse(r["kind"], r["name"], max(now - r["at"], timedelta()), r["detail"]) for r in rows]
    parts = [
        _latest("beat", found, BEAT_WITHIN, "no beat schedules checks: start one with `healthmgr beat`"),
        _latest("sweep", found, SWEEP_WITHIN, "no sweep looks for lost work: it runs inside every `healthmgr beat`"),
        *(_queue(name, found) for name in QUEUES),
        *_workers(found),
        _auditor(found),
    ]
    return HealthView(is_well=all(part.is_well for part in parts), parts=parts)


def _of_kind(kind: str, found: Iterable[_Pulse]) -> list[_Pulse]:
    return sorted((pulse for pulse in found if pulse.kind == kind), key=lambda pulse: pulse.age)


def _part(name: str, pulse: _Pulse | None, within: timedelta, advice: str) -> PartView:
    if pulse is None:
        return PartView(name=name, is_well=False, age=None, message=f"{advice} (no sign of life so far)")
    is_well = pulse.age <= within
    said = "" if is_well else f"{advice} (silent for {lasted(pulse.age)})"
    return PartView(name=name, is_well=is_well, age=_rounded(pulse.age), message=said, detail=pulse.detail)


def _latest(kind: str, found: list[_Pulse], within: timedelta, advice: str) -> PartView:
    return _part(kind, next(iter(_of_kind(kind, found)), None), within, advice)


def _queue(name: str, found: list[_Pulse]) -> PartView:
    pulse = next((p for p in _of_kind("queue", found) if p.name == name), None)
    advice = f"nothing consumes queue {name}: start a worker with -Q {name}"
    return _part(f"queue {name}", pulse, QUEUE_WITHIN, advice)


def _workers(found: list[_Pulse]) -> list[PartView]:
    present = [p for p in _of_kind("worker", found) if p.age < WORKER_FORGOTTEN_AFTER]
    advice = "this worker went silent: look at its log and start it again"
    return [_part(f"worker {p.name}", p, WORKER_WITHIN, advice) for p in sorted(present, key=lambda p: p.name)]


def _auditor(found: list[_Pulse]) -> PartView:
    part = _latest(
        "auditor", found, AUDIT_WITHIN, "overdue work is not looked for: start a beat and a worker with -Q upkeep"
    )
    findings = part.detail.get("findings") or []
    if not findings:
        return part
    said = "; ".join(finding if isinstance(finding, str) else str(finding) for finding in findings)
    return part.model_copy(update={"is_well": False, "message": "; ".join(filter(None, (part.message, said)))})


def _rounded(age: timedelta) -> float:
    return round(age.total_seconds(), 1)
