"""What a mute would keep quiet at this moment: open alerts, and the incidents that they belong to."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.incident import all_labels
from healthmgr.domain.muting import Subject


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An open alert with what people know it by. One that is suppressed tells nobody in any case."""

    id: UUID
    name: str
    severity: Severity
    summary: str
    opened_at: datetime
    origin: str
    labels: Mapping[str, str]
    check_id: UUID | None = None
    incident_id: UUID | None = None
    incident_number: int | None = None
    is_suppressed: bool = False

    @property
    def subject(self) -> Subject:
        """The alert as mutes see it."""
        return Subject(self.id, all_labels(self.labels, self.severity, self.origin), self.check_id)


@dataclass(frozen=True, slots=True)
class HitIncident:
    """An incident some of whose open alerts, named here, are hit; where all are, nobody hears of it any more."""

    id: UUID
    number: int
    alerts: tuple[str, ...]
    open_alerts: int

    @property
    def is_quiet(self) -> bool:
        """Whether nothing of it is left to tell."""
        return len(self.alerts) == self.open_alerts


@dataclass(frozen=True, slots=True)
class Hits:
    """What is hit. `notifications` are those that wait to be sent and would wait until the mute ends.

    `checks` are those whose alerts would be hit, whether they have one or not; they are looked for in previews alone.
    """

    alerts: tuple[OpenAlert, ...] = ()
    incidents: tuple[HitIncident, ...] = ()
    notifications: int = 0
    checks: tuple[str, ...] = ()


def hit_by(is_hit: Callable[[Subject], bool], alerts: Sequence[OpenAlert]) -> Hits:
    """Which of the open alerts are hit; the notifications are for whoever has them to count."""
    found = tuple(alert for alert in alerts if is_hit(alert.subject))
    return Hits(found, tuple(_incidents(found, alerts)))


def _incidents(found: Sequence[OpenAlert], alerts: Sequence[OpenAlert]) -> Iterator[HitIncident]:
    """In the order of their numbers. Alerts that are suppressed count for neither side: they are told by nobody."""
    open_alerts = Counter(alert.incident_id for alert in alerts if not alert.is_suppressed)
    names: dict[tuple[int, UUID], list[str]] = defaultdict(list)
    for alert in found:
        if alert.incident_id is not None and not alert.is_suppressed:
            names[alert.incident_number or 0, alert.incident_id].append(alert.name)
    for (number, incident_id), hit in sorted(names.items()):
        yield HitIncident(incident_id, number, tuple(hit), open_alerts[incident_id])
