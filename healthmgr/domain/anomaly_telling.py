"""Whether an anomaly is told, goes on being told, or is over: the detector and the gate of one series, together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from healthmgr.domain.anomaly import ANOMALOUS_FROM, Judgement, SeriesDetector
from healthmgr.domain.anomaly_gate import AnomalyGate, GateRule
from healthmgr.domain.anomaly_words import VALUE, Subject, subject_of
from healthmgr.domain.check import Severity
from healthmgr.domain.incoming import LONGEST_NAME, LONGEST_SUMMARY, IncomingAlert

ORIGIN = "anomaly"  # of the alerts
KEEPS_FOR = timedelta(hours=1)  # what is not told again ends by itself


class Told(StrEnum):
    """What becomes of the alert of a series, and why."""

    TELL = "unlike_its_past"
    RENEW = "still_unlike_its_past"
    WITHDRAW = "as_usual_again"
    WAIT = "not_often_enough_yet"
    NOTHING = "as_usual"

    @property
    def is_open(self) -> bool:
        """Whether there is something to tell."""
        return self in (Told.TELL, Told.RENEW)


class SeriesWatch:
    """One metric of one check, watched for what is unlike its past. Kept between points as `to_state` says."""

    __slots__ = ("_detector", "_evidence", "_gate", "_words")

    def __init__(
        self, rule: GateRule | None = None, threshold: float = ANOMALOUS_FROM, subject: Subject = VALUE
    ) -> None:
        self._detector = SeriesDetector(threshold, subject)
        self._gate = AnomalyGate(rule or GateRule())
        self._words = ""
        self._evidence: dict[str, float] = {}

    def look(self, at: datetime, value: float | None, learn: bool = True) -> tuple[Told, Judgement]:
        """Judge one more value and say what becomes of the alert.

        With `learn=False` (maintenance, an outage that is told already) and where there is no value, nothing begins
        and nothing ends.
        """
        judgement = self._detector.update(at, value, learn)
        was_told = self._gate.was_open
        if not learn or value is None or judgement.is_missing:
            return (Told.RENEW if was_told else Told.NOTHING), judgement
        is_strange = judgement.is_strange
        # The greatest surprise of a happening tells best what it is; a person who marks it false marks all of it.
        for kind, size in judgement.evidence.items() if is_strange else ():
            self._evidence[kind] = max(size, self._evidence.get(kind, size), key=abs)
        if is_strange and not self._words:
            self._words = judgement.words
        self._gate = self._gate.with_point(at, is_strange)
        return self._told(at, was_told), judgement

    def _told(self, at: datetime, was_told: bool) -> Told:
        gate = self._gate.decide(at)
        if gate.is_open:
            return Told.RENEW if was_told else Told.TELL
        if self._gate.points:
            return Told.WAIT
        self._words, self._evidence = "", {}
        return Told.WITHDRAW if was_told else Told.NOTHING

    @property
    def words(self) -> str:
        """What the present happening began with, for people; empty while all is as usual."""
        return self._words

    @property
    def evidence(self) -> Mapping[str, float]:
        """What the present happening is made of: kept with its alert, for whoever says later that it was none."""
        return dict(self._evidence)

    def forgive(self, evidence: Mapping[str, float]) -> None:
        """A person said that a happening of before was no problem: its like is ordinary for a while."""
        self._detector.mark_false(evidence)

    def mark_false(self) -> None:
        """A person said that the present happening was no problem: it is over, and its like is ordinary for a while."""
        self._detector.mark_false(self._evidence)
        self._gate = AnomalyGate(self._gate.rule)
        self._words, self._evidence = "", {}

    def to_state(self) -> dict[str, Any]:
        """Everything that is known of the series, for JSON."""
        return {
            "detector": self._detector.to_state(),
            "gate": self._gate.to_state(),
            "words": self._words,
            "evidence": self._evidence,
        }

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, Any],
        rule: GateRule | None = None,
        threshold: float = ANOMALOUS_FROM,
        subject: Subject = VALUE,
    ) -> SeriesWatch:
        """The watch that `to_state` described, under the rule that holds now. Raises ValueError as a detector does."""
        watch = cls(rule, threshold, subject)
        watch._detector = SeriesDetector.from_state({**state["detector"], "threshold": threshold}, subject)
        watch._gate = AnomalyGate.from_state(watch._gate.rule, state["gate"])
        watch._words, watch._evidence = str(state["words"]), dict(state["evidence"])
        return watch


def identity(slug: str, metric: str) -> dict[str, str]:
    """What makes anomalies the same problem, whatever else their labels say."""
    return {"check": slug, "anomaly": metric}


def anomaly_alert(
    name: str,
    labels: Mapping[str, str],
    slug: str,
    metric: str,
    words: str,
    at: datetime,
    severity: Severity = Severity.MEDIUM,
    ends_at: datetime | None = None,
) -> IncomingAlert:
    """The alert of an anomaly: it ends by itself unless it is renewed. Nobody is paged for it above medium unasked."""
    subject = subject_of(metric).name
    return IncomingAlert(
        labels={**labels, "anomaly": metric},
        starts_at=at,
        ends_at=ends_at or at + KEEPS_FOR,
        severity=severity,
        name=f"{name}: {subject} is unlike its past"[:LONGEST_NAME],
        summary=words[:LONGEST_SUMMARY],
        identity=identity(slug, metric),
    )
