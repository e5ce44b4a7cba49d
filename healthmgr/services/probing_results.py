"""From what a check type said to a result that every later part can store and show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.telemetry import mask

LONGEST_MESSAGE = 2000  # characters
_MOST_METRICS = 200
_SIGNS_OF_SECRETS = ("://", "hm_", "whsec_")  # what `mask` looks for
_LONGEST_METRIC_NAME = 100  # characters


def to_result(
    order: ProbeOrder,
    outcome: Outcome,
    *,
    measured: float,
    started_at: datetime,
    worker: str,
    secrets: tuple[str, ...] = (),
) -> Result:
    """The result of an order. `measured` seconds stand in for a response time that the check type did not give."""
    given = outcome.response_time
    is_usable = given is not None and math.isfinite(given) and given >= 0
    return Result(
        check_id=order.check_id,
        sequence=order.sequence,
        status=outcome.status,
        message=clean(outcome.message, secrets),
        response_time=float(given) if is_usable and given is not None else measured,
        started_at=started_at,
        metrics=finite(outcome.metrics) if outcome.metrics else {},
        cause=order.cause,
        slot_at=order.slot_at,
        worker=worker,
        is_conclusive=outcome.is_conclusive,
    )


def unknown(reason: str) -> Outcome:
    """That nothing could be found out, and why."""
    return Outcome(Status.UNKNOWN, f"could not tell: {reason}", response_time=0.0)


def clean(message: str, secrets: tuple[str, ...] = ()) -> str:
    """The message without secrets, without what PostgreSQL can't store, and no longer than LONGEST_MESSAGE."""
    for secret in secrets:
        message = message.replace(secret, "***")
    if not message.isascii():
        message = message.encode("utf-8", "replace").decode("utf-8")
    message = message.replace("\x00", "")
    if any(sign in message for sign in _SIGNS_OF_SECRETS):  # asked of every result: two searches save two regexes
        message = mask(message)
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


def finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Those metrics that are finite numbers, under names that can be stored; at most 200."""
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if len(found) == _MOST_METRICS:
            break
        number = _number(value)
        if number is not None:
            plain = isinstance(name, str) and name.isascii() and name.isprintable()
            found[(name if plain else clean(str(name)))[:_LONGEST_METRIC_NAME]] = number
    return found


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
