"""Amounts as people write them: durations ("30s", "1h30m"), percentages and sizes, to base units and back."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {
    "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
    "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40,
}  # fmt: skip
_NUMBER = r"\d+(?:\.\d+)?"
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|[smhdw]))+")
_DURATION_PART = re.compile(rf"({_NUMBER})(ms|[smhdw])")
_PLAIN = re.compile(rf"(-?{_NUMBER})\s*([a-zA-Z%]*)")


def parse_duration(text: str) -> timedelta:
    """A length such as "30s", "5m", "1h30m" or "250ms"; raises ValueError for anything else."""
    compact = text.strip().replace(" ", "")
    if not _DURATION.fullmatch(compact):
        raise ValueError(f"{text!r} is not a duration: write a number with a unit, such as 30s, 5m, 2h or 250ms")
    seconds = sum(float(n) * _SECONDS[unit] for n, unit in _DURATION_PART.findall(compact))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is longer than any time that can be told") from None


def length_of(value: object) -> timedelta:
    """A length that a field was given: text as `parse_duration` reads it; raises ValueError, also for a bare number.

    What a bare number counts (seconds? milliseconds?) everybody believes to know, each in another way.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"needs a unit, found {value}: write {value}s for seconds, or 5m, 2h, 250ms")  # noqa: TRY004
    if not isinstance(value, str):
        raise ValueError("expected a duration such as 30s, 5m or 2h")  # noqa: TRY004 - what pydantic collects
    return parse_duration(value)


def format_duration(length: timedelta) -> str:
    """A length to the millisecond, as `parse_duration` reads it back: "1h30m", "250ms", "0s"; "-5s" for people."""
    milliseconds = round(length.total_seconds() * 1000)
    if milliseconds < 0:
        return "-" + format_duration(-length)
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_amount(text: str) -> float:
    """A number in base units: "5s" is 5.0, "250ms" 0.25, "80%" 80.0, "1.5GiB" bytes, "42" 42.0.

    Raises ValueError for anything else.
    """
    stripped = text.strip()
    plain = _PLAIN.fullmatch(stripped)
    if plain:
        number, unit = float(plain[1]), plain[2]
        if unit in ("", "%"):
            return number
        if unit in _SECONDS:
            return number * _SECONDS[unit]
        if unit.lower() in _BYTES:
            return number * _BYTES[unit.lower()]
    if _DURATION.fullmatch(stripped):
        return parse_duration(stripped).total_seconds()
    raise ValueError(f"{text!r} is not an amount: write a number, with a unit where it has one (5s, 80%, 2GiB)")
