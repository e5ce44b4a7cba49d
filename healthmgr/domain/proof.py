"""Whether what was repaired works: probes ordered now and judged by what comes back, one look at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from healthmgr.domain.check import Check, Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.step import Verify

LOOK_EVERY = timedelta(seconds=1)
# Nothing carries probes out where not even one comes back within this, beyond the check's own timeout.
ANSWERS_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is asked of a check: healthy `times` in a row before `until`, probed again `every` so often.

    `after` is the check's latest claim when the probe was ordered: what has a higher number was probed since.
    `order_at` is when the next probe is to be ordered, None while one is awaited. At `most_bad` bad results it is
    disproved at once (None: only time does that).
    """

    check: str
    times: int
    every: timedelta
    until: datetime
    most_bad: int | None = None
    order_at: datetime | None = None
    after: int = 0
    ordered_at: datetime | None = None
    healthy: int = 0
    bad: int = 0
    said: str = ""

    @property
    def words(self) -> str:
        """How it stands, for people."""
        if not self.healthy and not self.bad:
            return f"nothing has probed {self.check} since"
        return f"{self.check} is not healthy: {self.said}" if self.said else f"{self.check} is not healthy"

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "check": self.check,
            "times": self.times,
            "every": self.every.total_seconds(),
            "until": self.until.isoformat(),
            "most_bad": self.most_bad,
            "order_at": self.order_at.isoformat() if self.order_at else None,
            "after": self.after,
            "ordered_at": self.ordered_at.isoformat() if self.ordered_at else None,
            "healthy": self.healthy,
            "bad": self.bad,
            "said": self.said,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Proof:
        """The reverse."""
        return cls(
            check=document["check"],
            times=document["times"],
            every=timedelta(seconds=document["every"]),
            until=datetime.fromisoformat(document["until"]),
            most_bad=document["most_bad"],
            order_at=datetime.fromisoformat(document["order_at"]) if document["order_at"] else None,
            after=document["after"],
            ordered_at=datetime.fromisoformat(document["ordered_at"]) if document["ordered_at"] else None,
            healthy=document["healthy"],
            bad=document["bad"],
            said=document["said"],
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A result that came back after an order."""

    sequence: int
    status: Status
    message: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """It works."""

    words: str


@dataclass(frozen=True, slots=True)
class Disproved:
    """It does not, or nobody could see that it does."""

    words: str


@dataclass(frozen=True, slots=True)
class Awaits:
    """Not known yet: look again at `at`."""

    proof: Proof
    at: datetime


def proof_of_effect(check: Check, now: datetime) -> Proof:
    """What a check has to show after the last step: what ends its alert, and no more patience than opens one."""
    patience = max(1, check.max_attempts) * (check.timeout + check.retry_interval)
    return Proof(
        check=check.slug,
        times=check.success_threshold,
        every=check.retry_interval,
        until=now + patience * check.success_threshold + ANSWERS_WITHIN,
        most_bad=max(1, check.max_attempts),
        order_at=now,
    )


def proof_of_step(asked: Verify, check: str, until: datetime, now: datetime) -> Proof:
    """What a step asked for, before its time is over."""
    return Proof(check=check, times=max(1, asked.times), every=asked.every, until=until, order_at=now)


def judge(proof: Proof, seen: Sequence[Seen], now: datetime) -> Proved | Disproved | Awaits:
    """What the results that came back since the order come to."""
    for result in seen:
        if result.status is Status.HEALTHY:
            proof = replace(proof, healthy=proof.healthy + 1, said=result.message)
            if proof.healthy >= proof.times:
                often = "" if proof.times == 1 else f" {proof.times} times in a row"
                return Proved(f"{proof.check} was probed and is healthy{often}")
        else:
            said = f"{result.status.value}: {result.message}" if result.message else result.status.value
            proof = replace(proof, healthy=0, bad=proof.bad + 1, said=said)
            if proof.most_bad is not None and proof.bad >= proof.most_bad:
                return Disproved(proof.words)
    if now >= proof.until:
        return Disproved(proof.words)
    if seen:
        at = now + proof.every
        return Awaits(replace(proof, order_at=at), min(at, proof.until))
    return Awaits(proof, min(now + LOOK_EVERY, proof.until))


def ordered(proof: Proof, after: int, now: datetime) -> Awaits:
    """The proof once a probe is ordered; `after` is the check's latest claim."""
    return Awaits(replace(proof, order_at=None, after=after, ordered_at=now), min(now + LOOK_EVERY, proof.until))


def not_probed(check: str, why: str) -> Disproved:
    """That no probe can be ordered."""
    return Disproved(f"{check} cannot be probed: {why}")


def too_long(length: timedelta) -> str:
    """Why a run that takes longer than it may ends."""
    return f"it has taken longer than {format_duration(length)}"
