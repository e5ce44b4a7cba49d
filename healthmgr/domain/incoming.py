"""Alerts that others bring: what they say in our words, and what becomes of the alert that is open already.

Severities are looked up in a table; how two tellings of one problem are merged is Alertmanager's rule
(types.Alert.Merge, provider/mem), with two things added: a person's resolution holds for a while, and the end of an
earlier occurrence does not end a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from healthmgr.domain.alert import REOPENS_AFTER, fingerprint
from healthmgr.domain.check import Severity

MOST_LABELS = 64
LONGEST_NAME = 256  # characters, of a label's or an annotation's name
LONGEST_LABEL = 4_096  # characters, of a label's value
LONGEST_ANNOTATION = 16_384  # what is longer is cut
LONGEST_SUMMARY = 1_024
LONGEST_URL = 2_048

_SUMMARIES = ("summary", "description", "message")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)

SEVERITIES: Mapping[str, Severity] = MappingProxyType(
    dict.fromkeys(("critical", "page", "fatal", "emergency", "disaster", "p1", "sev1"), Severity.CRITICAL)
    | dict.fromkeys(("high", "error", "major", "alert", "p2", "sev2"), Severity.HIGH)
    | dict.fromkeys(("medium", "warning", "warn", "average", "minor", "p3", "sev3"), Severity.MEDIUM)
    | dict.fromkeys(("low", "info", "information", "informational", "notice", "none", "p4", "p5"), Severity.LOW)
)
"""What other programs' words for a severity mean here; any other word, and none, is medium."""


class Admission(StrEnum):
    """What became of an alert that was brought, and why."""

    OPENED = "reported"
    RENEWED = "renewed"
    WORSENED = "worsened"
    RESOLVED = "resolved_by_source"
    LAPSED = "not_renewed_by_source"
    TURNED = "trend_turned"
    TAKEN_OVER = "taken_over_by_the_breach"
    USUAL = "as_usual_again"
    UNWATCHED = "not_watched_any_more"
    MARKED_FALSE = "marked_false"
    NOT_OPEN = "resolved_and_not_open"
    EARLIER = "end_of_an_earlier_occurrence"
    HELD = "resolved_by_person"


@dataclass(frozen=True, slots=True)
class IncomingAlert:
    """An alert as its source tells of it. `ends_at` None: until the source says that it is over.

    `identity` is what makes two of them the same problem: the labels, where it is empty.
    """

    labels: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    severity: Severity
    name: str
    summary: str
    annotations: Mapping[str, str] = field(default_factory=dict)
    source_url: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, origin: str) -> str:
        """The identity of its problem among all alerts."""
        return fingerprint(origin, self.identity or self.labels)

    def is_over(self, now: datetime) -> bool:
        """Whether its source says that it has ended."""
        return self.ends_at is not None and self.ends_at <= now


def incoming(
    labels: Mapping[str, str],
    *,
    now: datetime,
    annotations: Mapping[str, str] | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    source_url: str = "",
    severity: Severity | None = None,
    identity: Mapping[str, str] | None = None,
) -> IncomingAlert:
    """An alert out of what was sent: empty labels are removed, an address that no browser should follow as well.

    Without `starts_at` it begins at its end where it has one, else now; a beginning in the future is now. The severity,
    where it is not given, is that of the label `severity`. Raises ValueError for what no alert can be.
    """
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise ValueError("start time must be before end time")
    kept = _labels(labels)
    notes = {
        storable(name, LONGEST_NAME): _cut(value, LONGEST_ANNOTATION) for name, value in (annotations or {}).items()
    }
    began = starts_at or ends_at or now
    summary = next((notes[name] for name in _SUMMARIES if notes.get(name)), "")
    name = kept.get("alertname") or summary or ", ".join(f"{name}={value}" for name, value in sorted(kept.items()))
    return IncomingAlert(
        labels=kept,
        starts_at=min(_instant(began), now),
        ends_at=None if ends_at is None else _instant(ends_at),
        severity=severity or severity_of(kept.get("severity", "")),
        name=_cut(name, LONGEST_NAME),
        summary=_cut(summary or name, LONGEST_SUMMARY),
        annotations=notes,
        source_url=_url(source_url),
        identity={storable(name, LONGEST_NAME): storable(value) for name, value in (identity or {}).items()},
    )


def severity_of(word: str) -> Severity:
    """What another program's word for a severity means here."""
    return SEVERITIES.get(word.strip().lower(), Severity.MEDIUM)


@dataclass(frozen=True, slots=True)
class Standing:
    """As much of an open alert as deciding needs."""

    id: UUID
    group_key: str
    severity: Severity
    started_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Begin:
    """A new alert is opened. `replaces` is the one of an earlier occurrence that nobody said the end of."""

    reason: Admission = Admission.OPENED
    replaces: Standing | None = None


@dataclass(frozen=True, slots=True)
class Renew:
    """The open alert takes on what was brought; `is_told` when people should hear of it."""

    standing: Standing
    started_at: datetime
    ends_at: datetime | None
    reason: Admission = Admission.RENEWED

    @property
    def is_told(self) -> bool:
        """Whether it is news."""
        return self.reason is Admission.WORSENED


@dataclass(frozen=True, slots=True)
class End:
    """The open alert is over."""

    standing: Standing
    reason: Admission = Admission.RESOLVED


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing changes."""

    reason: Admission


AdmissionDecision = Begin | Renew | End | Ignore


def admit(
    alert: IncomingAlert, standing: Standing | None, resolved_at: datetime | None, now: datetime
) -> AdmissionDecision:
    """What an alert that was brought does to the one that is open (None: none is).

    `resolved_at` is when a person last closed the same problem: what began before that stays closed for an hour,
    however often its source repeats it.
    """
    if alert.is_over(now):
        return _end(alert, standing)
    if standing is None:
        is_held = resolved_at is not None and alert.starts_at <= resolved_at and now < resolved_at + REOPENS_AFTER
        return Ignore(Admission.HELD) if is_held else Begin()
    if standing.ends_at is not None and standing.ends_at < alert.starts_at:
        return Begin(replaces=standing)
    is_worse = alert.severity.rank < standing.severity.rank
    return Renew(
        standing,
        started_at=min(alert.starts_at, standing.started_at),
        ends_at=_later(alert.ends_at, standing.ends_at),
        reason=Admission.WORSENED if is_worse else Admission.RENEWED,
    )


def _end(alert: IncomingAlert, standing: Standing | None) -> End | Ignore:
    if standing is None:
        return Ignore(Admission.NOT_OPEN)
    if alert.ends_at is not None and alert.ends_at < standing.started_at:
        return Ignore(Admission.EARLIER)
    return End(standing)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later of two ends; None is later than any."""
    return None if one is None or other is None else max(one, other)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    kept = {storable(name, LONGEST_NAME): storable(value, LONGEST_LABEL) for name, value in labels.items() if value}
    if not kept:
        raise ValueError("at least one label pair required")
    if len(kept) > MOST_LABELS:
        raise ValueError(f"{len(kept)} labels: at most {MOST_LABELS} are taken")
    if "" in kept:
        raise ValueError("a label needs a name")
    return kept


def storable(text: str, longest: int = LONGEST_LABEL) -> str:
    """The text, if it can be stored as it is. Raises ValueError."""
    if len(text) > longest:
        raise ValueError(f"{text[:40]!r}... is longer than {longest} characters")
    if "\0" in text:
        raise ValueError(f"{text[:40]!r} holds a NUL character")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"{text[:40]!r} is not valid UTF-8")
    return text


def _cut(text: str, longest: int) -> str:
    return storable(text if len(text) <= longest else text[: longest - 1] + "…", longest)


def _instant(at: datetime) -> datetime:
    """Held to what every part can reckon with."""
    return min(max(at, _EARLIEST), _LATEST).astimezone(UTC)


def _url(url: str) -> str:
    """An address that may become a link; any other is dropped, for an alert is worth more than its link."""
    is_link = url.lower().startswith(("http://", "https://")) and len(url) <= LONGEST_URL
    return storable(url) if is_link else ""
