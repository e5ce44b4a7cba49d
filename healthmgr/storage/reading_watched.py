"""What is watched, as numbers for other programs: a bounded number of checks and service levels, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text

from healthmgr.storage.transactions import transaction

MOST_CHECKS = 1000
MOST_SLOS = 200

_CHECKS = text("""
SELECT c.slug, c.service, CASE WHEN c.is_paused THEN 'paused' ELSE st.status END AS status,
       st.last_response_time AS response_time, st.is_flapping, count(*) OVER () AS amount
FROM checks c JOIN check_states st ON st.check_id = c.id
WHERE c.is_enabled AND st.last_result_at IS NOT NULL
ORDER BY st.status = 'healthy', c.slug LIMIT :limit
""")
_SLOS = text("""
SELECT name, document, standing, count(*) OVER () AS amount FROM slos
WHERE standing IS NOT NULL ORDER BY (standing->>'budget_left')::float8 NULLS LAST, name LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Watched:
    """Checks that have a result and service levels that were judged, and how many there were no room for."""

    checks: Sequence[Any]
    checks_left_out: int
    slos: Sequence[Any]
    slos_left_out: int


class WatchedReading:
    """Questions about what is watched."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def watched(self, most_checks: int = MOST_CHECKS, most_slos: int = MOST_SLOS) -> Watched:
        """The worst first, no more than these."""
        with transaction(self._engine) as connection:
            checks = connection.execute(_CHECKS, {"limit": most_checks}).all()
            slos = connection.execute(_SLOS, {"limit": most_slos}).all()
        return Watched(checks, _left_out(checks), slos, _left_out(slos))


def _left_out(rows: Sequence[Any]) -> int:
    return rows[0].amount - len(rows) if rows else 0
