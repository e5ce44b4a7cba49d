"""What the use cases of who is on call need of whoever keeps it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from healthmgr.domain.feed import Feed
from healthmgr.domain.notice import Notice
from healthmgr.domain.person import Person
from healthmgr.domain.roster import KeptChange, KeptOverride, KeptSwap, KeptTemporary
from healthmgr.domain.schedule import Schedule


class RosteringTransaction(Protocol):
    """One transaction about who is on call; commits when its context ends well."""

    def schedule(self, name: str, begin: datetime, end: datetime) -> Schedule | None:
        """A schedule with what concerns a time, held until the commit: nobody else changes it meanwhile."""
        ...

    def schedule_names(self) -> list[str]:
        """The names of all schedules."""
        ...

    def known(self, people: Collection[str]) -> set[str]:
        """Those of these names that are people's."""
        ...

    def people(self) -> list[str]:
        """The names of all people."""
        ...

    def override(self, change_id: UUID) -> KeptOverride | None:
        """One override."""
        ...

    def temporary(self, change_id: UUID) -> KeptTemporary | None:
        """One temporary schedule."""
        ...

    def swap(self, swap_id: UUID) -> KeptSwap | None:
        """One swap, its row locked."""
        ...

    def add(self, change: KeptChange) -> None:
        """Keep a new override or temporary schedule."""
        ...

    def end(self, change: KeptChange, now: datetime) -> None:
        """Forget one that has not begun; end one that has."""
        ...

    def location(self, schedule: str) -> ZoneInfo:
        """Whose clock a schedule goes by."""
        ...

    def contacts_of(self, people: Sequence[str]) -> Mapping[str, Person]:
        """How these people are reached."""
        ...

    def tell(self, notice: Notice, now: datetime) -> None:
        """Have somebody told something about a swap; the sweep finds what is due."""
        ...

    def withdraw_notices(self, swap_id: UUID) -> None:
        """Withdraw what nobody has begun to send of a swap."""
        ...

    def waiting_swaps(self, begins_before: datetime) -> list[KeptSwap]:
        """Proposed swaps that begin before then and were not told to be near, their rows locked."""
        ...

    def note_near(self, swap_id: UUID, now: datetime) -> None:
        """Note that it was told that a swap is near."""
        ...

    def store_swap(self, swap: KeptSwap) -> None:
        """Write a swap, new or answered."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class RosteringStore(Protocol):
    """Where who is on call is kept."""

    def begin(self) -> AbstractContextManager[RosteringTransaction]:
        """Open a transaction."""
        ...


class ForeseeingTransaction(Protocol):
    """One transaction that looks ahead."""

    def schedules(self, begin: datetime, end: datetime) -> Sequence[Schedule]:
        """All schedules with what concerns a time."""
        ...

    def feeds(self) -> Sequence[Feed]:
        """All calendars that schedules are read from."""
        ...

    def open_labels(self, origin: str) -> list[dict[str, str]]:
        """The labels of each open alert of this origin."""
        ...


class ForeseeingStore(Protocol):
    """Where schedules and alerts are."""

    def begin(self) -> AbstractContextManager[ForeseeingTransaction]:
        """Open a transaction."""
        ...
