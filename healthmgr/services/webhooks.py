"""Webhooks: who is told of events, as admins want it. A secret is told once and kept by nobody: it is derived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from healthmgr.domain.event import Wanted, read_names
from healthmgr.domain.silence import read_matchers
from healthmgr.domain.webhook import MOST_WEBHOOKS, TEST, Disabled, State, Webhook, problems_of, secret_of
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem, SettingsError


@dataclass(frozen=True, slots=True)
class Wish:
    """A webhook as somebody wants it; None: as it is, and at the beginning everything, and enabled."""

    url: str | None = None
    types: Iterable[str] | None = None
    matchers: Iterable[str] | None = None
    description: str | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """A delivery, as far as ordering it again needs it."""

    id: UUID
    state: State
    name: str


class WebhookTransaction(Protocol):
    """One transaction about webhooks; commits when its context ends well."""

    def lock_all(self) -> None:
        """Let nobody else add a webhook meanwhile."""
        ...

    def webhooks(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""
        ...

    def webhook(self, webhook_id: UUID, *, will_change: bool = False) -> Webhook | None:
        """One of them, its row locked where it will be changed."""
        ...

    def last_position(self) -> int:
        """The place of the last event."""
        ...

    def add(self, webhook: Webhook) -> None:
        """Write a new one."""
        ...

    def change(self, webhook: Webhook) -> None:
        """Write what has changed."""
        ...

    def drop_waiting(self, webhook_id: UUID, now: datetime) -> None:
        """Give up what it has not accepted yet."""
        ...

    def remove(self, webhook_id: UUID) -> None:
        """Remove it with its deliveries."""
        ...

    def order(self, webhook_id: UUID, name: str, body: dict[str, Any], now: datetime) -> UUID:
        """Write a delivery that is due now; its id."""
        ...

    def delivery(self, webhook_id: UUID, delivery_id: UUID) -> Ordered | None:
        """One of its deliveries, locked."""
        ...

    def order_again(self, delivery_id: UUID, now: datetime) -> None:
        """Make a delivery due now, as if it had never been tried."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write an audit entry."""
        ...


class WebhookStore(Protocol):
    """Where webhooks are."""

    def begin(self) -> AbstractContextManager[WebhookTransaction]:
        """Open a transaction."""
        ...


class Webhooks:
    """Adds, changes and tries webhooks. `check_address` raises ValueError for what cannot be POSTed to."""

    def __init__(self, store: WebhookStore, check_address: Callable[[str], None], secret_key: str) -> None:
        self._store = store
        self._check_address = check_address
        self._secret_key = secret_key

    def list(self) -> Sequence[Webhook]:
        """All of them, the oldest first."""
        with self._store.begin() as transaction:
            return transaction.webhooks()

    def get(self, webhook_id: UUID) -> Webhook:
        """One of them. Raises NotFound."""
        with self._store.begin() as transaction:
            return _found(transaction.webhook(webhook_id), webhook_id)

    def add(self, wish: Wish, *, actor: str, origin: str, now: datetime) -> tuple[Webhook, str]:
        """A new webhook, which hears of what happens from now on, and its secret, which is not shown again.

        Raises DefinitionError for all that is wrong, Conflict for one too many, SettingsError without a key.
        """
        if not self._secret_key:
            raise SettingsError("HEALTHMGR_SECRET_KEY is not set: without it no secret of a webhook can be made")
        fresh = Webhook(uuid7(), "", Wanted(), "", now, actor, 0)
        webhook = self._wished(fresh, wish)
        with self._store.begin() as transaction:
            transaction.lock_all()
            if len(transaction.webhooks()) >= MOST_WEBHOOKS:
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already: remove one that nobody needs")
            webhook = replace(webhook, position=transaction.last_position())
            transaction.add(webhook)
            transaction.audit(actor, origin, "webhook.add", str(webhook.id), _facts(webhook), now)
        return webhook, secret_of(self._secret_key, webhook.id, webhook.secret_version)

    def change(self, webhook_id: UUID, wish: Wish, *, actor: str, origin: str, now: datetime) -> Webhook:
        """Change what is given. One that is disabled has what waits for it dropped; enabled again it begins anew.

        Raises NotFound, and DefinitionError for all that is wrong.
        """
        with self._store.begin() as transaction:
            before = _found(transaction.webhook(webhook_id, will_change=True), webhook_id)
            after = self._wished(before, wish)
            if after.is_enabled and not before.is_enabled:
                position = transaction.last_position()
                after = replace(after, position=position, failing_since=None, failures=0, held_until=None)
            if before.is_enabled and not after.is_enabled:
                transaction.drop_waiting(webhook_id, now)
            transaction.change(after)
            transaction.audit(actor, origin, "webhook.change", str(webhook_id), _facts(after), now)
        return after

    def remove(self, webhook_id: UUID, *, actor: str, origin: str, now: datetime) -> None:
        """Remove it with its deliveries. Raises NotFound."""
        with self._store.begin() as transaction:
            webhook = _found(transaction.webhook(webhook_id, will_change=True), webhook_id)
            transaction.remove(webhook_id)
            transaction.audit(actor, origin, "webhook.remove", str(webhook_id), _facts(webhook), now)

    def change_secret(self, webhook_id: UUID, *, actor: str, origin: str, now: datetime) -> str:
        """A new secret, which is not shown again; for a day deliveries are signed with the one before, too.

        Raises NotFound, SettingsError.
        """
        if not self._secret_key:
            raise SettingsError("HEALTHMGR_SECRET_KEY is not set: without it no secret of a webhook can be made")
        with self._store.begin() as transaction:
            before = _found(transaction.webhook(webhook_id, will_change=True), webhook_id)
            after = replace(before, secret_version=before.secret_version + 1, secret_changed_at=now)
            transaction.change(after)
            transaction.audit(actor, origin, "webhook.change_secret", str(webhook_id), {"url": after.place}, now)
        return secret_of(self._secret_key, webhook_id, after.secret_version)

    def test(self, webhook_id: UUID, *, actor: str, origin: str, now: datetime) -> UUID:
        """Have it told something that did not happen; the delivery's id. Raises NotFound, Conflict if disabled."""
        with self._store.begin() as transaction:
            webhook = _found(transaction.webhook(webhook_id), webhook_id)
            _refuse_disabled(webhook)
            body = {"type": TEST, "timestamp": now.isoformat(), "data": {"webhook_id": str(webhook_id), "by": actor}}
            delivery_id = transaction.order(webhook_id, TEST, body, now)
            transaction.audit(actor, origin, "webhook.test", str(webhook_id), {"url": webhook.place}, now)
        return delivery_id

    def deliver_again(self, webhook_id: UUID, delivery_id: UUID, *, actor: str, origin: str, now: datetime) -> None:
        """Have it told again, by the same id. Raises NotFound; Conflict for what is on its way, or if disabled."""
        with self._store.begin() as transaction:
            webhook = _found(transaction.webhook(webhook_id), webhook_id)
            _refuse_disabled(webhook)
            ordered = transaction.delivery(webhook_id, delivery_id)
            if ordered is None:
                raise NotFound(f"This webhook has no delivery {delivery_id}")
            if ordered.state is State.SENDING:
                raise Conflict("It is being delivered at this moment")
            transaction.order_again(delivery_id, now)
            detail = {"delivery": str(delivery_id), "event": ordered.name}
            transaction.audit(actor, origin, "webhook.deliver_again", str(webhook_id), detail, now)

    def _wished(self, before: Webhook, wish: Wish) -> Webhook:
        """It as it is wanted. Raises DefinitionError for all that is wrong."""
        wanted = Wanted(
            before.wanted.names if wish.types is None else read_names(wish.types),
            before.wanted.matchers if wish.matchers is None else read_matchers(wish.matchers),
        )
        url = before.url if wish.url is None else wish.url.strip()
        description = before.description if wish.description is None else wish.description.strip()
        try:
            self._check_address(url)
        except ValueError as error:
            raise DefinitionError([Problem(str(error), path="url")]) from error
        if problems := [*problems_of(url, wanted, description)]:
            raise DefinitionError(problems)
        disabled = before.disabled
        if wish.is_enabled is not None and wish.is_enabled is not before.is_enabled:
            disabled = Disabled.NO if wish.is_enabled else Disabled.BY_HAND
        return replace(before, url=url, wanted=wanted, description=description, disabled=disabled)


def _found(webhook: Webhook | None, webhook_id: UUID) -> Webhook:
    if webhook is None:
        raise NotFound(f"There is no webhook {webhook_id}")
    return webhook


def _refuse_disabled(webhook: Webhook) -> None:
    if not webhook.is_enabled:
        raise Conflict("This webhook is disabled: enable it first")


def _facts(webhook: Webhook) -> dict[str, Any]:
    return {
        "url": webhook.place,
        "types": sorted(webhook.wanted.names),
        "matchers": [str(matcher) for matcher in webhook.wanted.matchers],
        "is_enabled": webhook.is_enabled,
    }
