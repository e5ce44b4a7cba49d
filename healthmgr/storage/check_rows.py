"""Rows of checks and states, as the domain's objects."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.state import State
from healthmgr.domain.threshold import Thresholds

CHECK_COLUMNS = """
    c.id, c.slug, c.name, c.kind, c.interval, c.timeout, c.retry_interval, c.severity, c.degraded_severity,
    c.max_attempts, c.success_threshold, c.detects_flapping, c.description, c.service, c.category, c.labels,
    c.thresholds, c.runbook_url, c.is_enabled, c.is_paused
"""

STATE_COLUMNS = """
    st.status, st.is_hard, st.attempt, st.hard_status, st.successes, st.flapping_bits, st.is_flapping,
    st.last_sequence, st.since_at, st.outcomes
"""


def to_check(row: RowMapping) -> Check:
    """A row that has CHECK_COLUMNS; the configuration is left out, for judging never asks for it."""
    return Check(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        kind=row["kind"],
        interval=row["interval"],
        timeout=row["timeout"],
        retry_interval=row["retry_interval"],
        severity=Severity(row["severity"]),
        degraded_severity=Severity(row["degraded_severity"]),
        max_attempts=row["max_attempts"],
        success_threshold=row["success_threshold"],
        detects_flapping=row["detects_flapping"],
        description=row["description"],
        service=row["service"],
        category=row["category"],
        labels=row["labels"],
        thresholds=_thresholds(row["thresholds"]),
        runbook_url=row["runbook_url"],
        is_enabled=row["is_enabled"],
        is_paused=row["is_paused"],
    )


def to_state(row: RowMapping) -> State:
    """A row that has STATE_COLUMNS."""
    return State(
        status=Status(row["status"]),
        is_hard=row["is_hard"],
        attempt=row["attempt"],
        hard_status=Status(row["hard_status"]),
        successes=row["successes"],
        flapping_bits=row["flapping_bits"],
        is_flapping=row["is_flapping"],
        last_sequence=row["last_sequence"],
        since_at=row["since_at"],
        outcomes=int(row["outcomes"], 16),
    )


_NO_THRESHOLDS = Thresholds()


def _thresholds(document: dict[str, Any]) -> Thresholds:
    if not document:
        return _NO_THRESHOLDS
    return _parse_thresholds(tuple((level, tuple(limits.items())) for level, limits in document.items()))


@lru_cache(maxsize=4096)
def _parse_thresholds(document: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> Thresholds:
    return Thresholds.parse({level: dict(limits) for level, limits in document})
