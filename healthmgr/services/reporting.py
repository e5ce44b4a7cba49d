"""What providers tell us later: what became of a message that they had accepted, and who answers from which address.

A message that is reported lost is told another way, as one that was refused: at once, and only while that still helps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.dispatch import Due
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import NOBODY_REACHED_AGAIN_AFTER
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import SecretMissing
from healthmgr.secrets import resolve
from healthmgr.services.routing_ports import NotesTimeline

log = structlog.get_logger(__name__)

UNDELIVERED = "reported_undelivered"


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of one of its messages, `words` for people beginning with its status.

    `supersedes` tells whether this is news where those words are known already: reports arrive in any order.
    `notification_id` is known where the provider was told it: a report may be faster than our record of its message.
    """

    provider_id: str
    words: str
    is_failure: bool
    supersedes: Callable[[str], bool]
    notification_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """An attempt that a report is about, its notification's row locked."""

    delivery_id: UUID
    notification_id: UUID
    incident_id: UUID
    kind: MessageKind
    recipient: str
    channel: str
    attempt: int
    state: str
    known: str
    is_latest: bool
    is_wanted: bool


class After(StrEnum):
    """What a report changed."""

    UNKNOWN = "unknown_message"
    OLD_NEWS = "old_news"
    NOTED = "noted"
    LOST = "told_another_way"
    LOST_TOO_LATE = "too_late_to_tell"


class ReportingTransaction(NotesTimeline, Protocol):
    """One transaction of a report; commits when its context ends well."""

    def find(self, report: Report) -> Reported | None:
        """The attempt that a report is about, its notification locked."""
        ...

    def note_report(self, reported: Reported, words: str, now: datetime) -> None:
        """Write on the ledger what was said."""
        ...

    def fail(self, reported: Reported, reason: str) -> None:
        """The notification, and all that its message told of, has not arrived."""
        ...

    def fall_back(self, reported: Reported, now: datetime) -> list[Due]:
        """Tell it over the recipient's next channel, or else to the default recipients."""
        ...

    def hurry_next_round(self, reported: Reported, at: datetime, now: datetime) -> None:
        """Where nobody was reached, and nothing is under way, the next round is due at `at`."""
        ...

    def configs(self, kind: str) -> Sequence[Mapping[str, Any]]:
        """What channels of this kind that are in use are told, as written."""
        ...

    def contacts(self, kind: str) -> Sequence[tuple[str, str]]:
        """Recipients with their addresses on channels of this kind."""
        ...


class ReportingStore(Protocol):
    """Where the ledger is."""

    def begin(self) -> AbstractContextManager[ReportingTransaction]:
        """Open a transaction."""
        ...


class Reporting:
    """Takes in what providers report. `environ` is what secrets in definitions are looked up in."""

    def __init__(self, store: ReportingStore, environ: Mapping[str, str]) -> None:
        self._store = store
        self._environ = environ

    def report(self, report: Report, now: datetime) -> After:
        """Write a report down, and tell another way what it says is lost."""
        with self._store.begin() as transaction:
            reported = transaction.find(report)
            after = self._judge(report, reported)
            if reported is not None and after not in (After.UNKNOWN, After.OLD_NEWS):
                transaction.note_report(reported, report.words, now)
                if after is not After.NOTED:
                    _lose(transaction, report, reported, after, now)
        log.info("delivery_reported", provider_id=report.provider_id, said=report.words, outcome=after.value)
        return after

    def secrets(self, kind: str, name: str) -> list[str]:
        """What channels of this kind hold under this name, each once; what is not set in this process is left out."""
        with self._store.begin() as transaction:
            written = [config[name] for config in transaction.configs(kind) if config.get(name)]
        found: list[str] = []
        for text in dict.fromkeys(written):
            try:
                found.append(str(resolve(text, self._environ)))
            except SecretMissing as error:
                log.warning("secret_missing", kind=kind, name=name, error=str(error))
        return found

    def who_has(self, address: str, kind: str, normal: Callable[[str], str]) -> str | None:
        """The recipient who is reached at this address over such a channel; `normal` writes an address in one way.

        None where there is none. `normal` raises ValueError for what is no address.
        """
        with self._store.begin() as transaction:
            contacts = transaction.contacts(kind)
        return next((name for name, known in contacts if _is_same(known, address, normal)), None)

    def _judge(self, report: Report, reported: Reported | None) -> After:
        if reported is None:
            return After.UNKNOWN
        if not report.supersedes(reported.known):
            return After.OLD_NEWS
        # Of an earlier attempt, or one that has failed by itself: that has been dealt with.
        if not report.is_failure or not reported.is_latest or reported.state not in ("sent", "sending"):
            return After.NOTED
        return After.LOST if reported.is_wanted else After.LOST_TOO_LATE


def _lose(transaction: ReportingTransaction, report: Report, reported: Reported, after: After, now: datetime) -> None:
    transaction.fail(reported, UNDELIVERED)
    facts = {"recipient": reported.recipient, "channel": reported.channel, "attempt": reported.attempt}
    entry = Entry(EntryKind.NOT_SENT, UNDELIVERED, "", {**facts, "detail": report.words})
    transaction.note(reported.incident_id, entry, now)
    if after is After.LOST:
        transaction.fall_back(reported, now)
        transaction.hurry_next_round(reported, now + NOBODY_REACHED_AGAIN_AFTER, now)


def _is_same(known: str, address: str, normal: Callable[[str], str]) -> bool:
    try:
        return normal(known) == normal(address)
    except ValueError:
        return False
