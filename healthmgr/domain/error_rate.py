"""How often a check fails: its last hundred results, one bit each.

The ring is one whole number. Its highest 1 only marks where the outcomes begin; below it there is a bit for
each result, the newest lowest, set when the result was bad.
"""

from __future__ import annotations

from healthmgr.domain.check import Status

ERROR_RATE = "error_rate"
SIZE = 100
NO_OUTCOMES = 1
FEWEST = 10  # results before a limit on the rate is judged: of two results, one alone is already half

_MARK = 1 << SIZE
_MASK = _MARK - 1


def remember_outcome(outcomes: int, status: Status) -> int:
    """The ring after one more result. "Could not tell" is neither good nor bad, and leaves it as it is."""
    if status is Status.UNKNOWN:
        return outcomes
    longer = (outcomes << 1) | status.is_bad
    return longer if longer <= _MARK | _MASK else (longer & _MASK) | _MARK


def outcome_count(outcomes: int) -> int:
    """How many results the ring holds, 0 to 100."""
    return outcomes.bit_length() - 1


def error_rate(outcomes: int) -> float | None:
    """Bad results in percent of those in the ring; None while there is none."""
    count = outcome_count(outcomes)
    return 100.0 * (outcomes.bit_count() - 1) / count if count else None
