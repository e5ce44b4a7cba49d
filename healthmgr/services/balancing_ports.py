"""What balancing asks of its store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from healthmgr.domain.balancing import Instance, Key, Wish


class BalancingTransaction(Protocol):
    """One transaction about instances; commits when its context ends well."""

    def instances(self, service: str | None = None) -> Sequence[Instance]:
        """The instances that enabled checks watch, of one service or of all, by name."""
        ...

    def hold(self, service: str) -> None:
        """Let nobody else change what is wanted of this service's instances until the commit."""
        ...

    def store(self, key: Key, wish: Wish) -> None:
        """Write what is wanted of an instance."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class BalancingStore(Protocol):
    """Where instances, and what is wanted of them, are."""

    def begin(self) -> AbstractContextManager[BalancingTransaction]:
        """Open a transaction."""
        ...
