"""Tracing incidents back: what moved and failed before and with each, weighed in upkeep beside all telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from healthmgr.domain.cascade import Graph
from healthmgr.domain.cause import BEFORE, LOOKS_BACK, Cause, Situation
from healthmgr.domain.cause_weighing import CHANGED_WITHIN, find_causes
from healthmgr.domain.observing import observe
from healthmgr.services.tracing_ports import Traced, TracingStore, TracingTransaction

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 10  # incidents of one turn
MOST_CHECKS = 400  # whose metrics are looked at: those that failed first, then the nearest
LOOKS_ON_FOR = timedelta(minutes=10)  # after the beginning: what fails later is no cause of it


class Tracing:
    """Finds what incidents come from. Raises Unavailable while the database is away."""

    def __init__(self, store: TracingStore) -> None:
        self._store = store

    def trace(self, now: datetime) -> int:
        """Look at the incidents whose turn it is; how many there were."""
        with self._store.begin() as transaction:
            due = transaction.due(now, MOST_AT_ONCE)
        for traced in due:
            with self._store.begin() as transaction:
                causes = _find(transaction, traced, now)
                transaction.save(traced, causes, now)
            first = causes[0].subject if causes else ""
            log.info("incident_traced", incident=traced.number, causes=len(causes), first=first, look=traced.looks + 1)
        return len(due)


def _find(transaction: TracingTransaction, traced: Traced, now: datetime) -> Sequence[Cause]:
    begin, end = traced.opened_at - LOOKS_BACK, min(now, traced.opened_at + LOOKS_ON_FOR)
    graph = transaction.graph()
    failed = transaction.failures(traced.opened_at - BEFORE, end)
    symptoms = traced.symptoms & graph.services.keys()
    if not symptoms:
        return []
    # A failure is found some minutes after it began: the symptom's own first sign is the beginning.
    opened_at = min([traced.opened_at, *(failed[slug] for slug in symptoms if slug in failed)])
    chosen = _nearest(symptoms, failed, graph)
    observed = observe(transaction.minutes(chosen, begin, end), failed, frozenset(symptoms), opened_at)
    situation = Situation(
        opened_at=opened_at,
        symptoms=frozenset(symptoms),
        observed=observed,
        graph=graph,
        changes=transaction.changes(opened_at - CHANGED_WITHIN, end),
        places=transaction.places(),
    )
    return find_causes(situation)


def _nearest(symptoms: frozenset[str] | set[str], failed: Mapping[str, datetime], graph: Graph) -> list[str]:
    """The checks that may have to do with it: symptoms, what failed, what these hang on, what hangs on that."""
    chosen = dict.fromkeys([*sorted(symptoms), *sorted(failed)])
    ring = list(chosen)
    while ring and len(chosen) < MOST_CHECKS:
        around = [edge.parent for slug in ring for edge in graph.parents.get(slug, ())]
        around += [child for slug in ring for child in graph.children.get(slug, ())]
        ring = [slug for slug in dict.fromkeys(around) if slug not in chosen]
        chosen.update(dict.fromkeys(ring))
    return [slug for slug in chosen if slug in graph.services][:MOST_CHECKS]
