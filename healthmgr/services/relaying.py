"""Relaying: every event to the webhooks that want to hear of it, at least once, with the same id at every try.

What is to be delivered is a row before anything is sent, written once for each event and webhook; a claim is a lease
with a token, and what a worker took with it when it died is offered again when that ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.event import RESET, labels_of
from healthmgr.domain.notification import SEND_LEASE, SEND_TIMEOUT
from healthmgr.domain.webhook import AT_ONCE, KEPT_FOR, MOST_WAITING, After, Answered, Disabled, Try, Webhook, after_try
from healthmgr.errors import SettingsError
from healthmgr.services.eventing import PlacedEvent

log = structlog.get_logger(__name__)

BATCH = 500
_MOST_BATCHES = 10  # for one webhook in one turn; the next turn goes on

Post = Callable[[str, str, Mapping[str, Any], Sequence[str], timedelta], Answered]


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery in our hands; `token` is the claim's, `attempt` counts this one."""

    id: UUID
    token: int
    attempt: int
    webhook: Webhook
    name: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """Something that a webhook is to be told of; `position` None where it is no event's."""

    position: int | None
    name: str
    body: Mapping[str, Any]


class RelayingTransaction(Protocol):
    """One transaction of relaying; commits when its context ends well."""

    def behind(self) -> Sequence[UUID]:
        """The webhooks that events have happened for since they were looked at."""
        ...

    def take_webhook(self, webhook_id: UUID) -> Webhook | None:
        """A webhook that is told of events, locked; None where it is told nothing, or another process has it."""
        ...

    def waiting(self, webhook_id: UUID) -> int:
        """How many of its deliveries are not over."""
        ...

    def resume(self, position: int) -> tuple[int, bool]:
        """Where to read events on behind that place, and whether some in between are no longer kept."""
        ...

    def events(self, position: int, limit: int) -> Sequence[PlacedEvent]:
        """The events behind this place, in order."""
        ...

    def tell(self, webhook: Webhook, what: Sequence[Told], position: int, now: datetime) -> list[Due]:
        """Write deliveries, each once, and that events up to this place have been looked at."""
        ...

    def claim(self, delivery_id: UUID, now: datetime, lease_until: datetime) -> Taken | None:
        """Claim a delivery that is due and whose webhook is not held; None otherwise, held until it is no more."""
        ...

    def renew(self, taken: Sequence[Taken], lease_until: datetime) -> None:
        """Prolong the leases that these claims still hold."""
        ...

    def webhook_of(self, taken: Taken) -> Webhook | None:
        """The webhook as it is now, locked; None when the claim has passed to another, or it is removed."""
        ...

    def record(self, taken: Taken, tried: Try, after: After, now: datetime) -> None:
        """Write what came of a try, of the delivery and of its webhook.

        One that is disabled by it has all that waits for it dropped, with an audit entry.
        """
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Remove deliveries that were over before; how many."""
        ...


class RelayingStore(Protocol):
    """Where webhooks and deliveries are."""

    def begin(self) -> AbstractContextManager[RelayingTransaction]:
        """Open a transaction."""
        ...


class Relaying:
    """Tells webhooks of events."""

    def __init__(self, store: RelayingStore, post: Post, secret_key: str) -> None:
        self._store = store
        self._post = post
        self._secret_key = secret_key

    def spread(self, now: datetime) -> list[Due]:
        """Write what each webhook is to be told of what happened since the last turn; the reminders to send."""
        with self._store.begin() as transaction:
            behind = transaction.behind()
        dues: list[Due] = []
        for webhook_id in behind:
            for _ in range(_MOST_BATCHES):
                told = self._spread(webhook_id, now)
                if told is None:
                    break
                dues += told
        return dues

    def _spread(self, webhook_id: UUID, now: datetime) -> list[Due] | None:
        """One batch; None when there is no more to do for this webhook."""
        with self._store.begin() as transaction:
            webhook = transaction.take_webhook(webhook_id)
            if webhook is None or transaction.waiting(webhook_id) >= MOST_WAITING:
                return None
            position, is_reset = transaction.resume(webhook.position)
            events = transaction.events(position, BATCH)
            if not events and not is_reset:
                return None
            what = [_reset(webhook.position, position, now)] if is_reset else []
            what += [_told(event) for event in events if webhook.wanted.takes(event.name, labels_of(event.data))]
            return transaction.tell(webhook, what, events[-1].position if events else position, now)

    def concurrency(self, lane: str) -> int:  # noqa: ARG002 - the same for all
        """How many deliveries at once a webhook is sent."""
        return AT_ONCE

    def send(self, delivery_id: UUID, now: Callable[[], datetime], hold: Callable[[Taken], None]) -> list[Due]:
        """Deliver once, if it is due; `hold` is told what is in flight, so that the caller can renew its lease.

        Raises SettingsError where this process has no key to sign with.
        """
        if not self._secret_key:
            raise SettingsError("HEALTHMGR_SECRET_KEY is not set here: events for webhooks cannot be signed")
        began = now()
        with self._store.begin() as transaction:
            taken = transaction.claim(delivery_id, began, began + SEND_LEASE)
        if taken is None:
            return []
        hold(taken)
        secrets = taken.webhook.secrets(self._secret_key, began)
        answered = self._post(taken.webhook.url, str(taken.id), taken.body, secrets, SEND_TIMEOUT)
        ended = now()
        self._record(
            taken, Try(began, answered.status, answered.words, (ended - began).total_seconds()), answered, ended
        )
        return []

    def renew(self, taken: Sequence[Taken], now: datetime) -> None:
        """Prolong the leases of deliveries that are under way."""
        with self._store.begin() as transaction:
            transaction.renew(taken, now + SEND_LEASE)

    def forget(self, now: datetime) -> int:
        """Remove deliveries that have been over for days; how many."""
        count = 0
        while True:
            with self._store.begin() as transaction:
                removed = transaction.forget(now - KEPT_FOR, BATCH)
            count += removed
            if removed < BATCH:
                return count

    def _record(self, taken: Taken, tried: Try, answered: Answered, now: datetime) -> None:
        bound = log.bind(delivery=str(taken.id), webhook=taken.webhook.place, event=taken.name, attempt=taken.attempt)
        with self._store.begin() as transaction:
            webhook = transaction.webhook_of(taken)
            if webhook is None:
                bound.warning("webhook_outcome_came_too_late", words=answered.words)
                return
            after = after_try(webhook, answered, taken.attempt, now, random())  # noqa: S311 - spreads tries, hides nothing
            transaction.record(taken, tried, after, now)
        if answered.is_accepted:
            bound.info("webhook_delivered")
            return
        bound.warning("webhook_not_delivered", words=answered.words, state=after.state.value, again_at=after.due_at)
        if after.webhook.disabled is not Disabled.NO and webhook.is_enabled:
            bound.error("webhook_disabled", reason=after.webhook.disabled.value)


def _told(event: PlacedEvent) -> Told:
    facts = {"type": event.name, "timestamp": event.at.isoformat(), "event_id": event.position}
    return Told(event.position, event.name, {**facts, "labels": labels_of(event.data), "data": dict(event.data)})


def _reset(after: int, position: int, now: datetime) -> Told:
    """What stands for events that are no longer kept."""
    data = {"after": after, "goes_on_behind": position}
    return Told(None, RESET, {"type": RESET, "timestamp": now.isoformat(), "data": data})
