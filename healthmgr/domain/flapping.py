"""Flapping, as Icinga 2 computes it (lib/icinga/checkable-flapping.cpp).

The last twenty results each left one bit: did the status change? Newer changes weigh more (0.80 for the
oldest to 1.18 for the newest, in steps of 0.02); the value is the weighted share of changes in percent.
It starts flapping above 30 and stops at 25 or below.
"""

from __future__ import annotations

SIZE = 20
STARTS_ABOVE = 30.0
ENDS_AT = 25.0

_MASK = (1 << SIZE) - 1
_WEIGHTS = tuple(1.18 - 0.02 * age for age in range(SIZE))


def remember(bits: int, has_changed: bool) -> int:
    """The ring after one more result: the newest bit is the lowest, the oldest falls out."""
    return ((bits << 1) | has_changed) & _MASK


def flapping_value(bits: int) -> float:
    """0 (steady) to 99 (a change at every result), in percent."""
    return 100.0 * sum(weight for age, weight in enumerate(_WEIGHTS) if bits >> age & 1) / SIZE


def is_flapping(bits: int, was_flapping: bool) -> bool:
    """Whether the ring means flapping, with hysteresis."""
    # The weights are decimal fractions: rounding keeps a value of exactly 25 or 30 on its own side.
    value = round(flapping_value(bits), 9)
    return value > ENDS_AT if was_flapping else value > STARTS_ABOVE
