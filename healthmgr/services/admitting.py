"""Alerts that others bring: committed before their door answers, for they cannot be asked for again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from healthmgr.domain.alert import REOPENS_AFTER, fingerprint
from healthmgr.domain.dispatch import Due
from healthmgr.domain.incoming import (
    Admission,
    Begin,
    End,
    Ignore,
    IncomingAlert,
    Renew,
    Standing,
    admit,
)

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 500  # alerts in one commit


@dataclass(frozen=True, slots=True)
class Opening:
    """An alert to open; `replaces` is the one that is closed for it."""

    fingerprint: str
    alert: IncomingAlert
    decision: Begin


@dataclass(frozen=True, slots=True)
class Renewal:
    """What an open alert takes on."""

    alert: IncomingAlert
    decision: Renew


@dataclass(frozen=True, slots=True)
class Moves:
    """All that one commit changes, of one origin."""

    origin: str
    openings: Sequence[Opening]
    renewals: Sequence[Renewal]
    ends: Sequence[End]


class AdmittingTransaction(Protocol):
    """One transaction over the alerts of a door; commits when its context ends well."""

    def standing(self, fingerprints: Collection[str]) -> Mapping[str, Standing]:
        """The open alerts with these fingerprints; until the commit nobody else brings the same ones."""
        ...

    def resolved_by_people(self, fingerprints: Collection[str], since: datetime) -> Mapping[str, datetime]:
        """When a person closed the latest alert with each of these fingerprints, where that was after `since`."""
        ...

    def carry_out(self, moves: Moves, now: datetime) -> list[Due]:
        """Open, renew and close; what is due then, of which the next sweep reminds."""
        ...


class AdmittingStore(Protocol):
    """Where alerts are."""

    def begin(self) -> AbstractContextManager[AdmittingTransaction]:
        """Open a transaction."""
        ...


class Admitting:
    """Takes alerts in at the doors. All raise Unavailable while the database is away."""

    def __init__(self, store: AdmittingStore) -> None:
        self._store = store

    def admit(self, alerts: Sequence[IncomingAlert], origin: str, now: datetime) -> list[Due]:
        """Open, renew and close alerts by what their source says; all is committed when this returns.

        `origin` names the door. Bringing the same once more changes nothing but how long it lasts. What is due is
        found by the next sweep; whoever has a broker at hand may remind at once.
        """
        dues: list[Due] = []
        for batch in _batches(alerts, origin):
            with self._store.begin() as transaction:
                dues += _admit(transaction, batch, origin, now)
        return dues

    def open_alert(self, origin: str, identity: Mapping[str, str]) -> UUID | None:
        """The open alert of what its source calls the same problem."""
        mark = fingerprint(origin, identity)
        with self._store.begin() as transaction:
            found = transaction.standing([mark]).get(mark)
        return found.id if found else None

    def resolve(
        self, origin: str, identity: Mapping[str, str], now: datetime, reason: Admission = Admission.RESOLVED
    ) -> list[Due]:
        """End the open alert of what its source calls the same problem; nothing happens where there is none."""
        mark = fingerprint(origin, identity)
        with self._store.begin() as transaction:
            found = transaction.standing([mark]).get(mark)
            return transaction.carry_out(Moves(origin, (), (), (End(found, reason),)), now) if found else []


def _batches(alerts: Sequence[IncomingAlert], origin: str) -> list[dict[str, IncomingAlert]]:
    """Batches in which no problem comes twice: what is told of one is carried out in its order."""
    batches: list[dict[str, IncomingAlert]] = []
    for alert in alerts:
        mark = alert.fingerprint(origin)
        if not batches or len(batches[-1]) >= MOST_AT_ONCE or mark in batches[-1]:
            batches.append({})
        batches[-1][mark] = alert
    return batches


def _admit(
    transaction: AdmittingTransaction, batch: Mapping[str, IncomingAlert], origin: str, now: datetime
) -> list[Due]:
    standing = transaction.standing(batch)
    unknown = [mark for mark, alert in batch.items() if mark not in standing and not alert.is_over(now)]
    closed = transaction.resolved_by_people(unknown, now - REOPENS_AFTER) if unknown else {}
    openings, renewals, ends = [], [], []
    reasons: Counter[str] = Counter()
    for mark, alert in batch.items():
        decision = admit(alert, standing.get(mark), closed.get(mark), now)
        reasons[decision.reason.value] += 1
        match decision:
            case Begin():
                openings.append(Opening(mark, alert, decision))
            case Renew():
                renewals.append(Renewal(alert, decision))
            case End():
                ends.append(decision)
            case Ignore():
                pass
    dues = transaction.carry_out(Moves(origin, openings, renewals, ends), now)
    # What is merely repeated, every minute as a rule, is worth no line.
    tell = log.info if dues else log.debug
    tell("alerts_admitted", origin=origin, **reasons)
    return dues
