"""Sending one notification: claim and commit, compose, send, then a second commit for the outcome.

At least once: a claim is a lease with a token, and every attempt stands on the ledger before it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from pydantic import ValidationError

from healthmgr.domain.dispatch import Due
from healthmgr.domain.message import Message
from healthmgr.domain.notification import (
    NOBODY_REACHED_AGAIN_AFTER,
    SEND_LEASE,
    SEND_TIMEOUT,
    AfterAttempt,
    Fail,
    Reason,
    Retry,
    Sent,
    after_failure,
)
from healthmgr.errors import ChannelError, PluginError
from healthmgr.ports import Channel, Receipt
from healthmgr.secrets import resolve

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A notification in our hands, with all that sending it needs. `token` is the claim's.

    `bundle` are the other notifications that its message, a digest then, tells of.
    """

    id: UUID
    token: int
    attempt: int
    created_at: datetime
    incident_id: UUID
    channel_name: str
    channel_kind: str
    channel_config: Mapping[str, Any]
    address: str
    message: Message
    bundle: tuple[UUID, ...] = ()


class NotifyingTransaction(Protocol):
    """One transaction of notifying; commits when its context ends well."""

    def concurrency(self, channel: str) -> int:
        """How many messages at once the channel is defined to take; 1 for one that is gone."""
        ...

    def renew(self, claims: Sequence[Claimed], lease_until: datetime) -> None:
        """Prolong the leases that these claims still hold."""
        ...

    def claim(self, notification_id: UUID, now: datetime, lease_until: datetime, worker: str) -> Claimed | Reason:
        """Claim a notification that is due, whose turn it is and that nothing holds back, or say why not.

        What is held back is due again when that ends.
        """
        ...

    def record(self, claimed: Claimed, after: AfterAttempt, detail: str, receipt: Receipt, now: datetime) -> bool:
        """Write the outcome, unless the token has moved on; whether it was written."""
        ...

    def fall_back(self, claimed: Claimed, now: datetime) -> list[Due]:
        """Tell the default recipients those of their channels that this round has not tried."""
        ...

    def hurry_next_round(self, claimed: Claimed, at: datetime, now: datetime) -> None:
        """When this episode has reached nobody and nothing of it is under way, the next round is due at `at`.

        When the level of a policy has reached nobody, the next one is due now.
        """
        ...

    def next_in_line(self, claimed: Claimed, now: datetime) -> list[Due]:
        """Later messages of the incident to the same destination, whose turn it is now."""
        ...


class NotifyingStore(Protocol):
    """Where notifications are."""

    def begin(self) -> AbstractContextManager[NotifyingTransaction]:
        """Open a transaction."""
        ...


class ChannelFinder(Protocol):
    """Finds channel plugins by kind."""

    def channel(self, kind: str) -> Channel:
        """The channel of this kind; raises UnknownPlugin."""
        ...


class Notifying:
    """Sends notifications over channel plugins."""

    def __init__(self, store: NotifyingStore, channels: ChannelFinder, environ: Mapping[str, str], worker: str) -> None:
        self._store = store
        self._channels = channels
        self._environ = environ
        self._worker = worker

    def send(self, notification_id: UUID, now: Callable[[], datetime], hold: Callable[[Claimed], None]) -> list[Due]:
        """Send one notification if it is due; the reminders to send next.

        `now` is asked twice, before and after the sending; `hold` is told what is in flight, so that the
        caller can renew its lease.
        """
        started_at = now()
        with self._store.begin() as transaction:
            claimed = transaction.claim(notification_id, started_at, started_at + SEND_LEASE, self._worker)
        if isinstance(claimed, Reason):
            log.debug("notification_not_claimed", notification=str(notification_id), reason=claimed.value)
            return []
        hold(claimed)
        after, detail, receipt = self._attempt(claimed, now)
        finished_at = now()
        with self._store.begin() as transaction:
            if not transaction.record(claimed, after, detail, receipt, finished_at):
                log.warning("outcome_came_too_late", notification=str(notification_id), outcome=type(after).__name__)
                return []
            return self._go_on(transaction, claimed, after, finished_at)

    def concurrency(self, channel: str) -> int:
        """How many messages at once this channel takes."""
        with self._store.begin() as transaction:
            return transaction.concurrency(channel)

    def renew(self, claims: Sequence[Claimed], now: datetime) -> None:
        """Prolong the leases of notifications that are still being sent."""
        with self._store.begin() as transaction:
            transaction.renew(claims, now + SEND_LEASE)

    def _attempt(self, claimed: Claimed, now: Callable[[], datetime]) -> tuple[AfterAttempt, str, Receipt]:
        bound = log.bind(
            notification=str(claimed.id), channel=claimed.channel_name, address=claimed.address, attempt=claimed.attempt
        )
        try:
            channel = self._channels.channel(claimed.channel_kind)
            config = channel.Config.model_validate(resolve(claimed.channel_config, self._environ))
            receipt = channel.send(config, claimed.message, claimed.address, SEND_TIMEOUT)
        except ChannelError as error:
            after = _after(claimed, now(), error)
            bound.warning("notification_not_accepted", error=str(error), permanent=error.permanent)
            return after, str(error), Receipt()
        except (PluginError, ValidationError) as error:
            # A secret or a plugin that is missing here may be there on another worker, or after a repair.
            bound.error("channel_not_usable", error=_plain(error))
            return _after(claimed, now(), None), _plain(error), Receipt()
        except Exception as error:
            bound.exception("channel_failed")
            return (
                replace(_after(claimed, now(), None), is_ambiguous=True),
                f"{type(error).__name__}: {error}",
                Receipt(),
            )
        bound.info("notification_sent", kind=claimed.message.kind.value, reason=claimed.message.reason)
        return Sent(), receipt.detail, receipt

    def _go_on(
        self, transaction: NotifyingTransaction, claimed: Claimed, after: AfterAttempt, now: datetime
    ) -> list[Due]:
        match after:
            case Sent():
                return transaction.next_in_line(claimed, now)
            case Retry(falls_back=falls_back):
                return transaction.fall_back(claimed, now) if falls_back else []
            case Fail():
                dues = transaction.fall_back(claimed, now) + transaction.next_in_line(claimed, now)
                transaction.hurry_next_round(claimed, now + NOBODY_REACHED_AGAIN_AFTER, now)
                return dues


def _after(claimed: Claimed, now: datetime, error: ChannelError | None) -> Retry | Fail:
    after = after_failure(
        attempts=claimed.attempt,
        created_at=claimed.created_at,
        is_permanent=error is not None and error.permanent,
        retry_after=error.retry_after if error else None,
        now=now,
    )
    return replace(after, is_ambiguous=error is not None and error.is_ambiguous)


def _plain(error: Exception) -> str:
    """The fault without the values: a validation error would quote resolved secrets."""
    if isinstance(error, ValidationError):
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        return f"the channel's configuration is not valid here: {faults}"
    return str(error)
