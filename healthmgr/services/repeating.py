"""Repeating: requests that come again under the same key are carried out once, and answered as the first time.

A key is taken, and that committed, before anything is carried out; the answer is written afterwards. What dies in
between leaves a key that is neither free nor answered: it is never carried out again, and its outcome has to be looked
up. So no key is carried out twice, and whoever got an answer gets the same one again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from healthmgr.errors import Conflict, DefinitionError, Problem

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(hours=24)
DONE_WITHIN = timedelta(minutes=3)  # longer than any request may take; one that is older died on its way
MOST_KEPT = 256 * 1024  # bytes of an answer
MOST_KEY = 255


class Stand(StrEnum):
    """What has become of a key."""

    UNDER_WAY = "under_way"
    ANSWERED = "answered"
    WITHHELD = "withheld"  # carried out, and its answer not kept: it holds a secret, or is too large
    UNCLEAR = "unclear"  # it failed in a way that does not tell whether it had an effect


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered: a status, the headers that tell of the body, and the body itself."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    holds_secret: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A key that is taken: to be concluded by whoever took it."""

    key: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of a request that came under this key before."""

    fingerprint: str
    begun_at: datetime
    stand: Stand
    answer: Answer | None


class RepeatingStore(Protocol):
    """Where keys and answers are kept."""

    def claim(self, claim: Claim, fingerprint: str, now: datetime, lapsed_before: datetime) -> Earlier | None:
        """Take a key that is free, or was taken before `lapsed_before`, and commit; None, or what took it earlier."""
        ...

    def conclude(self, claim: Claim, stand: Stand, answer: Answer | None) -> None:
        """Write what became of it, where the claim holds still."""
        ...

    def release(self, claim: Claim) -> None:
        """Make the key free again, where the claim holds still."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove what began before this instant; how much that was."""
        ...


class Repeating:
    """Keeps requests that come twice from being carried out twice."""

    def __init__(self, store: RepeatingStore) -> None:
        self._store = store

    def begin(self, bearer: str, key: str, request: bytes, now: datetime) -> Claim | Answer:
        """Take the key for this request, or tell what was answered to it before.

        `bearer` keeps the keys of different callers apart; `request` is all that has to be the same. Raises
        DefinitionError where the key was used for another request, and Conflict where this one is under way, or its
        answer cannot be told.
        """
        fingerprint = hashlib.sha256(request).hexdigest()
        claim = Claim(hashlib.sha256(f"{bearer}\n{key}".encode()).hexdigest(), uuid7())
        earlier = self._store.claim(claim, fingerprint, now, now - KEPT_FOR)
        if earlier is None:
            return claim
        if earlier.fingerprint != fingerprint:
            said = "this key was used for another request: make a new key for each thing that is to be done"
            raise DefinitionError([Problem(said, path="header.Idempotency-Key")])
        if earlier.answer is None:
            raise Conflict(_why_not(earlier, now))
        return earlier.answer

    def conclude(self, claim: Claim, answer: Answer) -> None:
        """Write what was answered; the key of a request that was refused before it was begun is free again."""
        if answer.status in _REFUSED:
            self._store.release(claim)
        elif answer.status >= _FAILED:
            self._store.conclude(claim, Stand.UNCLEAR, None)
        elif answer.holds_secret or len(answer.body) > MOST_KEPT:
            self._store.conclude(claim, Stand.WITHHELD, None)
        else:
            self._store.conclude(claim, Stand.ANSWERED, answer)

    def forget(self, now: datetime) -> int:
        """Remove what is older than it is kept; how much that was."""
        count = self._store.forget(now - KEPT_FOR)
        if count:
            log.info("keys_forgotten", count=count)
        return count


_REFUSED = (400, 401, 403, 405, 412, 413, 415, 422, 428, 429)
_FAILED = 500


def _why_not(earlier: Earlier, now: datetime) -> str:
    if earlier.stand is Stand.WITHHELD:
        return (
            "This was carried out, and its answer is not kept: it holds a secret, or is too large. Look at what is "
            "there, and use a new key to do it again."
        )
    if earlier.stand is Stand.UNDER_WAY and now - earlier.begun_at < DONE_WITHIN:
        return "A request with this key is under way: ask again in a moment."
    return (
        "A request with this key failed before its outcome was known, and is not carried out again. Look whether it "
        "had an effect, and use a new key to do it again."
    )
