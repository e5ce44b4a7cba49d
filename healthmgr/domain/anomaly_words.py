"""What is said of a value that is unlike the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from healthmgr.domain.rollup import RESPONSE_TIME


class Kind(StrEnum):
    """The ways in which a value can be unlike what was before."""

    HOUR = "hour"
    BURST = "burst"
    SPELL = "spell"
    LEVEL = "level"
    JUMP = "jump"
    STILL = "still"


@dataclass(frozen=True, slots=True)
class Subject:
    """What the values are of: how they are called, in which unit, and how many of that unit one is."""

    name: str = "value"
    unit: str = ""
    scale: float = 1.0

    def amount(self, number: float) -> str:
        """A value for people: three digits, and its unit."""
        return f"{self._plain(number)} {self.unit}".rstrip()

    def span(self, low: float, high: float) -> str:
        """From where to where."""
        return f"{self._plain(low)} to {self.amount(high)}"

    def _plain(self, number: float) -> str:
        return _number(number * self.scale)


VALUE = Subject()


def subject_of(metric: str) -> Subject:
    """What a metric's values are called: response times in milliseconds."""
    return Subject("response time", "ms", 1000.0) if metric == RESPONSE_TIME else Subject(metric)


def words_for(
    kind: Kind,
    value: float,
    expected: tuple[float, float] | None,
    before: float,
    usual_movement: float,
    subject: Subject = VALUE,
) -> str:
    """One clause for people: what was seen, and what is usual instead."""
    usual = "" if expected is None else f", where {subject.span(*expected)} is usual"
    now, of = subject.amount(value), "" if subject is VALUE else f"{subject.name} "
    match kind:
        case Kind.HOUR:
            return f"{subject.name} {now}{usual} at this hour" if usual else f"{subject.name} {now} is unusual"
        case Kind.BURST | Kind.SPELL:
            return f"{of or 'values '}near {now} keep{'s' if of else ''} coming{usual} at this hour"
        case Kind.LEVEL:
            return f"the level {'of ' + of if of else ''}has moved: now {now}{usual}"
        case Kind.JUMP:
            return f"{of}jumped from {subject.amount(before)} to {now}{usual}"
        case Kind.STILL:
            return f"{of}stands still at {now}, where movements by {subject.amount(usual_movement)} are usual"


def _number(number: float) -> str:
    """Three digits are enough for people; no exponent below a billion."""
    if number == 0 or 1e-3 <= abs(number) < 1e9:
        digits = f"{number:.3g}"
        return f"{float(digits):.0f}" if "e" in digits else digits
    return f"{number:.3g}"
