"""The graph of dependencies, what it is learned from, and what people decided, as rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.cascade import Graph
from healthmgr.domain.chart import Hearers
from healthmgr.domain.check import Severity
from healthmgr.domain.cofailure import Failure, Span, Suggested, Suggestion, SuggestionState
from healthmgr.domain.incident import all_labels
from healthmgr.services.charting_ports import ChartingTransaction
from healthmgr.storage import dependency_rows
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.directory_rows import read_directory
from healthmgr.storage.planned_rows import read_planned

APPLY_LOCK = 0x64656669  # the one that applying definitions takes: the graph changes by one hand at a time

_CHECKS = text("SELECT id, slug, service, category, severity, labels FROM checks WHERE slug = ANY(:slugs)").bindparams(
    bindparam("slugs", type_=ARRAY(Text))
)
_TEAMS = text("SELECT name FROM teams WHERE members && CAST(:people AS text[]) ORDER BY name").bindparams(
    bindparam("people", type_=ARRAY(Text))
)
_SLUGS = text("SELECT id, slug FROM checks")

# The first sign of each failure: soft or hard, away from anything that was no failure.
_FAILURES = text("""
SELECT c.slug, t.at FROM transitions t JOIN checks c ON c.id = t.check_id
WHERE t.at >= :since AND t.at < :now AND c.is_enabled
  AND t.new_status = 'unhealthy' AND t.old_status IN ('healthy', 'degraded')
ORDER BY t.at, c.slug
""")
# Minutes of any metric, which are there as long as results came; and the present.
_BLIND = text("""
SELECT at, next_at FROM (
    SELECT at, lead(at, 1, date_trunc('minute', CAST(:now AS timestamptz))) OVER (ORDER BY at) AS next_at
    FROM (SELECT DISTINCT at FROM metric_minutes WHERE at >= :since AND at < :now) AS heard
) AS gaps WHERE next_at - at > :longest ORDER BY at
""")

_SUGGESTION = """
SELECT c.slug AS child, p.slug AS parent, s.together, s.confidence, s.lift, s.lag, s.state, s.seen_at, s.decided_at,
       s.decided_by, s.comment
FROM dependency_suggestions s JOIN checks c ON c.id = s.check_id JOIN checks p ON p.id = s.parent_id
"""
_ALL = text(f"""
{_SUGGESTION} WHERE c.is_enabled AND p.is_enabled AND (s.state = 'open' OR :all_states)
ORDER BY s.state <> 'open', s.confidence * s.together DESC, p.slug, c.slug
""")
_ONE = text(f"{_SUGGESTION} WHERE c.slug = :child AND p.slug = :parent FOR UPDATE OF s")
_KEEP = text("""
INSERT INTO dependency_suggestions AS s (check_id, parent_id, together, confidence, lift, lag, seen_at)
VALUES (:check_id, :parent_id, :together, :confidence, :lift, :lag, :now)
ON CONFLICT (check_id, parent_id) DO UPDATE SET together = excluded.together, confidence = excluded.confidence,
    lift = excluded.lift, lag = excluded.lag, seen_at = excluded.seen_at
RETURNING xmax = 0 AS is_new
""")
_FORGET = text("DELETE FROM dependency_suggestions WHERE state = 'open' AND seen_at < :now")
_DECIDE = text("""
UPDATE dependency_suggestions SET state = :state, decided_at = :at, decided_by = :by, comment = :comment
WHERE check_id = :check_id AND parent_id = :parent_id
""")


class ChartingRows(ChartingTransaction):
    """The graph within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        self._connection.execute(select(func.pg_advisory_xact_lock(APPLY_LOCK)))

    def graph(self) -> Graph:
        return dependency_rows.read_graph(self._connection)

    def hearers(self, slugs: Iterable[str]) -> Hearers:
        directory = read_directory(self._connection)
        people: Counter[str] = Counter()
        policies: set[str] = set()
        for row in self._connection.execute(_CHECKS, {"slugs": list(slugs)}):
            severity = Severity(row.severity)
            own = check_labels(row.slug, row.service, row.category, row.labels)
            legs = directory.course(all_labels(own, severity, "healthmgr")).legs
            people.update({target.recipient for leg in legs for target in leg.targets})
            policies.update(leg.policy.name for leg in legs if leg.policy is not None)
        teams = self._connection.execute(_TEAMS, {"people": list(people)}).scalars()
        return Hearers(dict(people.most_common()), tuple(sorted(policies)), tuple(teams))

    def failures(self, since: datetime, now: datetime) -> list[Failure]:
        rows = self._connection.execute(_FAILURES, {"since": since, "now": now})
        return [Failure(row.slug, row.at) for row in rows]

    def blind(self, since: datetime, now: datetime, longest: timedelta) -> list[Span]:
        rows = self._connection.execute(_BLIND, {"since": since, "now": now, "longest": longest})
        return [(row.at, row.next_at) for row in rows]

    def planned(self, since: datetime, now: datetime) -> Mapping[str, Sequence[Span]]:
        found = read_planned(self._connection, since, now)
        slugs = self._slugs() if found else {}
        spans: defaultdict[str, list[Span]] = defaultdict(list)
        for each in found:
            spans[slugs[each.check_id]].append((each.starts_at, each.ends_at))
        return spans

    def suggestions(self, *, all_states: bool) -> list[Suggested]:
        return [_suggested(row) for row in self._connection.execute(_ALL, {"all_states": all_states})]

    def suggestion(self, child: str, parent: str) -> Suggested | None:
        row = self._connection.execute(_ONE, {"child": child, "parent": parent}).one_or_none()
        return _suggested(row) if row else None

    def keep(self, suggestions: Sequence[Suggestion], now: datetime) -> int:
        ids = {slug: check_id for check_id, slug in self._slugs().items()}
        new = 0
        for each in suggestions:
            values = {
                "check_id": ids[each.child],
                "parent_id": ids[each.parent],
                "together": each.together,
                "confidence": each.confidence,
                "lift": each.lift,
                "lag": each.lag,
                "now": now,
            }
            new += int(self._connection.execute(_KEEP, values).scalar_one())
        self._connection.execute(_FORGET, {"now": now})
        return new

    def decide(self, suggested: Suggested) -> None:
        pair = suggested.suggestion
        ids = {row.slug: row.id for row in self._connection.execute(_CHECKS, {"slugs": [pair.child, pair.parent]})}
        edge = {"check_id": ids[pair.child], "parent_id": ids[pair.parent]}
        values = {
            "state": suggested.state.value,
            "at": suggested.decided_at,
            "by": suggested.decided_by,
            "comment": suggested.comment,
        }
        self._connection.execute(_DECIDE, edge | values)
        if suggested.state is SuggestionState.ACCEPTED:
            dependency_rows.accept(self._connection, **edge, person=suggested.decided_by)
        else:
            dependency_rows.take_back(self._connection, **edge)

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        write_audit(self._connection, actor, origin, action, target, detail, now)

    def _slugs(self) -> dict[UUID, str]:
        return {row.id: row.slug for row in self._connection.execute(_SLUGS)}


def _suggested(row: Any) -> Suggested:
    return Suggested(
        Suggestion(row.child, row.parent, row.together, row.confidence, row.lift, row.lag),
        SuggestionState(row.state),
        row.seen_at,
        row.decided_at,
        row.decided_by,
        row.comment,
    )
