"""By which rule a metric is watched for what is unlike its past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from healthmgr.domain.anomaly import ANOMALOUS_FROM
from healthmgr.domain.anomaly_gate import GateRule
from healthmgr.domain.anomaly_words import Subject, subject_of
from healthmgr.domain.check import Severity
from healthmgr.domain.quantity import format_duration, parse_duration

STEP = timedelta(minutes=5)
USUAL_GATE = GateRule()
SHORTEST_STEP, LONGEST_STEP = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AnomalyRule:
    """How one metric is watched: a point for each step, from which score on, how often until it is told, how gravely.

    Medium unless somebody wrote another severity: what is unusual need not be bad.
    """

    metric: str
    step: timedelta = STEP
    severity: Severity = Severity.MEDIUM
    threshold: float = ANOMALOUS_FROM
    gate: GateRule = USUAL_GATE

    @property
    def subject(self) -> Subject:
        """What its values are called."""
        return subject_of(self.metric)

    @classmethod
    def from_document(cls, metric: str, document: Mapping[str, str]) -> AnomalyRule:
        """What `to_document` made."""
        lasting = parse_duration(document["for"]) if document.get("for") else None
        return cls(
            metric,
            parse_duration(document["step"]),
            Severity(document["severity"]),
            float(document["threshold"]),
            GateRule(int(document["points"]), int(document["of"]), lasting),
        )

    def to_document(self) -> dict[str, str]:
        """As it is stored."""
        lasting = {"for": format_duration(self.gate.lasting)} if self.gate.lasting else {}
        return {
            "step": format_duration(self.step),
            "severity": self.severity.value,
            "threshold": f"{self.threshold:g}",
            "points": str(self.gate.needed),
            "of": str(self.gate.out_of),
            **lasting,
        }
