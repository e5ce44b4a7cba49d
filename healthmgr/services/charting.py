"""The graph of dependencies for people: what falls with a check, single points of failure, what was learned."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from healthmgr.domain.cascade import Graph, SinglePoint, impact, longest_chain, single_points
from healthmgr.domain.chart import Chart, Consequences
from healthmgr.domain.cofailure import LOOKS_BACK, Suggested, SuggestionState, suggest, worth_learning
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.charting_ports import ChartingStore, ChartingTransaction

log = structlog.get_logger(__name__)

BLIND_AFTER = timedelta(minutes=3)  # without any result of any check


class Charting:
    """Answers questions about the graph. All raise Unavailable while the database is away."""

    def __init__(self, store: ChartingStore) -> None:
        self._store = store

    def chart(self) -> Chart:
        """The whole graph."""
        graph = self._graph()
        return Chart(graph, longest_chain(graph))

    def impact(self, slug: str) -> Consequences:
        """What falls with this check, and who would be told. Raises NotFound."""
        with self._store.begin() as transaction:
            graph = transaction.graph()
            if slug not in graph.services:
                raise NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")
            found = impact(graph, slug)
            return Consequences(
                found, transaction.hearers([slug]), transaction.hearers(each.slug for each in found.fallen)
            )

    def single_points(self) -> list[SinglePoint]:
        """Checks that others fall with, the gravest first."""
        return single_points(self._graph())

    def suggestions(self, *, all_states: bool = False) -> list[Suggested]:
        """Learned dependencies that nobody has decided on, or all."""
        with self._store.begin() as transaction:
            return transaction.suggestions(all_states=all_states)

    def learn(self, now: datetime) -> int:
        """Learn from the failures of the last weeks; how many suggestions are new.

        Neither planned work nor outages of the monitor itself teach anything.
        """
        since = now - LOOKS_BACK
        with self._store.begin() as transaction:
            failures = transaction.failures(since, now)
            blind, planned = transaction.blind(since, now, BLIND_AFTER), transaction.planned(since, now)
            graph = transaction.graph()
        found = suggest(worth_learning(failures, blind, planned), graph, LOOKS_BACK)
        with self._store.begin() as transaction:
            new = transaction.keep(found, now)
        if new:
            log.info("dependencies_suggested", new=new, all=len(found))
        return new

    def accept(
        self, child: str, parent: str, *, actor: str, origin: str, now: datetime, comment: str = ""
    ) -> Suggested:
        """From now on the child hangs on the parent, as if it were defined. Raises NotFound and Conflict."""
        with self._store.begin() as transaction:
            transaction.lock()
            suggested = _find(transaction, child, parent)
            if suggested.state is SuggestionState.ACCEPTED:
                raise Conflict(f"That {child} hangs on {parent} is accepted already.")
            if not transaction.graph().can_hang(child, parent):
                raise Conflict(f"{parent} hangs on {child} by now: both ways would be a circle.")
            return _decide(transaction, suggested, SuggestionState.ACCEPTED, actor, origin, now, comment)

    def dismiss(
        self, child: str, parent: str, *, actor: str, origin: str, now: datetime, comment: str = ""
    ) -> Suggested:
        """It is no dependency: it is not suggested again, and holds no more if it was accepted.

        Raises NotFound and Conflict.
        """
        with self._store.begin() as transaction:
            transaction.lock()
            suggested = _find(transaction, child, parent)
            if suggested.state is SuggestionState.DISMISSED:
                raise Conflict(f"That {child} hangs on {parent} is dismissed already.")
            return _decide(transaction, suggested, SuggestionState.DISMISSED, actor, origin, now, comment)

    def _graph(self) -> Graph:
        with self._store.begin() as transaction:
            return transaction.graph()


def _find(transaction: ChartingTransaction, child: str, parent: str) -> Suggested:
    found = transaction.suggestion(child, parent)
    if found is None:
        raise NotFound(
            f"Nobody suggested that {child} hangs on {parent}: `healthmgr graph suggestions` lists what was learned;"
            " depends_on in the definitions says what you know yourself"
        )
    return found


def _decide(
    transaction: ChartingTransaction,
    suggested: Suggested,
    state: SuggestionState,
    actor: str,
    origin: str,
    now: datetime,
    comment: str,
) -> Suggested:
    decided = replace(suggested, state=state, decided_at=now, decided_by=actor, comment=comment)
    transaction.decide(decided)
    pair = suggested.suggestion
    detail = {"parent": pair.parent, "comment": comment}
    transaction.audit(actor, origin, f"dependency.{state.value}", pair.child, detail, now)
    log.info("dependency_decided", child=pair.child, parent=pair.parent, state=state.value, actor=actor)
    return decided
