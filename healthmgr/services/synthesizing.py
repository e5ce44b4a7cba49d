"""The synthetic notification, one step at a time: begun every interval, resolved as soon as it has arrived."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.plan import Target
from healthmgr.domain.synthetic import (
    CHANNEL,
    RECIPIENT,
    Begin,
    Conclude,
    GiveUp,
    Trials,
    Wait,
    next_step,
)

log = structlog.get_logger(__name__)

ARRIVED, GIVEN_UP = "arrived", "given_up"


@dataclass(frozen=True, slots=True)
class Synthesis:
    """How the synthetic notification is made: how often (0: never), and to whom.

    `recipient` is whose contact on `channel` is used; "" with the channel that healthmgr provides itself.
    """

    interval: timedelta
    recipient: str = ""
    channel: str = CHANNEL


class SynthesizingTransaction(Protocol):
    """One transaction of the synthetic notification; commits when its context ends well."""

    def trials(self) -> Trials | None:
        """What is known so far, its row locked; None before the first trial."""
        ...

    def sent_at(self, since: datetime) -> datetime | None:
        """When a provider accepted the first notification that was decided on since."""
        ...

    def address(self, recipient: str, channel: str) -> str | None:
        """The contact of this recipient on this channel."""
        ...

    def begin(self, trials: Trials, now: datetime) -> list[Due]:
        """Open the alert, and forget what is left of trials long ago."""
        ...

    def end(self, trials: Trials, resolution: str, now: datetime) -> list[Due]:
        """Resolve the alert."""
        ...

    def forget(self, resolution: str, now: datetime) -> list[Due]:
        """Resolve the alert, if it is open, and know of no trials any more."""
        ...


class SynthesizingStore(Protocol):
    """Where the trials are."""

    def begin(self) -> AbstractContextManager[SynthesizingTransaction]:
        """Open a transaction."""
        ...


class Synthesizing:
    """Sends a notification that nobody needs, to see whether those that somebody needs would arrive.

    Raises Unavailable while the database is away.
    """

    def __init__(self, store: SynthesizingStore, synthesis: Synthesis, *, is_telling: bool = True) -> None:
        self._store = store
        self._synthesis = synthesis
        self._is_on = is_telling and synthesis.interval > timedelta(0)

    def step(self, now: datetime) -> Sequence[Due]:
        """Do what is due now; the reminders to send once this has returned."""
        with self._store.begin() as transaction:
            trials = transaction.trials()
            if not self._is_on:
                return transaction.forget("switched_off", now) if trials else []
            sent_at = transaction.sent_at(trials.began_at) if trials and trials.is_open else None
            match next_step(trials, sent_at, self._synthesis.interval, now):
                case Begin():
                    return transaction.begin(self._begun(transaction, trials, now), now)
                case Conclude(sent_at=at) if trials:
                    took = at - trials.began_at
                    log.info("synthetic_notification_arrived", took=took.total_seconds())
                    arrived = replace(trials, is_open=False, sent_at=at, took=took, lost=0)
                    return transaction.end(arrived, ARRIVED, now)
                case GiveUp() if trials:
                    log.error("synthetic_notification_lost", channel=trials.target.channel)
                    return transaction.end(replace(trials, is_open=False, lost=trials.lost + 1), GIVEN_UP, now)
                case Wait() | Conclude() | GiveUp():
                    return []

    def _begun(self, transaction: SynthesizingTransaction, trials: Trials | None, now: datetime) -> Trials:
        wanted = self._synthesis
        address = transaction.address(wanted.recipient, wanted.channel) if wanted.recipient else ""
        if address is None:
            # Tried all the same: that it does not arrive is what the auditor tells.
            log.error("synthetic_contact_unknown", recipient=wanted.recipient, channel=wanted.channel)
        target = Target(RECIPIENT, wanted.channel, address or "")
        if trials is None:
            return Trials(wanted.interval, now, target, is_open=True)
        return replace(trials, interval=wanted.interval, began_at=now, is_open=True, target=target)
