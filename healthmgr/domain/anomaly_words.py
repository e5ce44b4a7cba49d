"""What is said of a value that is unlike the rest."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The ways in which a value can be unlike what was before."""

    HOUR = "hour"
    BURST = "burst"
    SPELL = "spell"
    LEVEL = "level"
    JUMP = "jump"
    STILL = "still"


def words_for(
    kind: Kind, value: float, expected: tuple[float, float] | None, before: float, usual_movement: float
) -> str:
    """One clause for people: what was seen, and what is usual instead."""
    usual = "" if expected is None else f", where {_number(expected[0])} to {_number(expected[1])} is usual"
    match kind:
        case Kind.HOUR:
            return f"value {_number(value)}{usual} at this hour" if usual else f"value {_number(value)} is unusual"
        case Kind.BURST | Kind.SPELL:
            return f"values near {_number(value)} keep coming{usual} at this hour"
        case Kind.LEVEL:
            return f"the level has moved: now {_number(value)}{usual}"
        case Kind.JUMP:
            return f"jumped from {_number(before)} to {_number(value)}{usual}"
        case Kind.STILL:
            return f"stands still at {_number(value)}, where movements by {_number(usual_movement)} are usual"


def _number(number: float) -> str:
    """Three digits are enough for people; no exponent below a billion."""
    if number == 0 or 1e-3 <= abs(number) < 1e9:
        digits = f"{number:.3g}"
        return f"{float(digits):.0f}" if "e" in digits else digits
    return f"{number:.3g}"
