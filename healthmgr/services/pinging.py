"""Pings: what a heartbeat check is told by the jobs that it watches."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.heartbeat import FAIL, LOG, START, SUCCESS, Ping
from healthmgr.errors import Conflict, DefinitionError, HealthmgrError, NotFound, Problem, SettingsError, Unavailable

MAX_DETAIL_BYTES = 10_000
HEARTBEAT = "heartbeat"
_WORDS = (SUCCESS, FAIL, START, LOG)
_EXIT_STATUS = re.compile(r"0|[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Pinged:
    """The check that a ping is for."""

    id: UUID
    slug: str
    kind: str


@dataclass(frozen=True, slots=True)
class Told:
    """A ping as it came: for the check of this id or slug, success, fail, start, log or an exit status "0" to "255".

    `key` is what its address carried, None where somebody with a token sent it; `run_id` tells runs apart that overlap.
    """

    check: UUID | str
    kind: str
    detail: str
    at: datetime
    run_id: UUID | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A ping that was found good, for the check that it is for."""

    check_id: UUID
    ping: Ping


class PingStore(Protocol):
    """Where pings are kept."""

    def find(self, wanted: Iterable[UUID | str]) -> Sequence[Pinged]:
        """The enabled checks of these ids or slugs, of whatever kind."""
        ...

    def keep(self, pings: Sequence[Kept]) -> None:
        """Keep signs of life, in their order, and make their checks due now, in one commit.

        A paused check is watched again. Of a `log`, which is no sign of life, the detail is kept.
        Raises Unavailable when trying again later can help.
        """
        ...


class Pinging:
    """Takes pings. What is recorded has been committed when the method returns."""

    def __init__(self, store: PingStore, secret_key: str) -> None:
        self._store = store
        self._secret_key = secret_key

    def record(self, check: UUID | str, kind: str, detail: str, now: datetime, run_id: UUID | None = None) -> None:
        """Record a ping for the check of this id or slug; the next beat has it judged.

        Raises NotFound, Conflict for a check of another kind, DefinitionError for another word.
        """
        self._record(Told(check, kind, detail, now, run_id))

    def accept(self, slug: str, key: str, kind: str, detail: str, now: datetime, run_id: UUID | None = None) -> None:
        """Record a ping from an address that carries its own key; a wrong key is answered as if there were no check."""
        self._record(Told(slug, kind, detail, now, run_id, key))

    def record_all(self, pings: Sequence[Told]) -> list[Exception | None]:
        """Record pings that came together, in one commit; for each, what `record` or `accept` would have raised."""
        found = self._store.find(told.check for told in pings)
        known: Mapping[UUID | str, Pinged] = {name: one for one in found for name in (one.id, one.slug)}
        answers: list[Exception | None] = [None] * len(pings)
        good: dict[int, Kept] = {}
        for place, told in enumerate(pings):
            try:
                good[place] = self._judge(told, known.get(told.check))
            except HealthmgrError as error:
                answers[place] = error
        for place, failure in zip(good, self._keep(list(good.values())), strict=True):
            answers[place] = failure
        return answers

    def address(self, slug: str, public_url: str) -> str:
        """The address that pings this heartbeat check. Raises NotFound, Conflict, SettingsError."""
        found = next(iter(self._store.find([slug])), None)
        if found is None:
            raise NotFound(f"There is no heartbeat check {slug!r}")
        _refuse_other_kinds(found)
        return f"{public_url.rstrip('/')}/ping/{found.slug}/{ping_key(self._secret_key, found.id)}"

    def _record(self, told: Told) -> None:
        (failure,) = self.record_all([told])
        if failure is not None:
            raise failure

    def _judge(self, told: Told, found: Pinged | None) -> Kept:
        if told.key is not None and (found is None or not self._fits(told.key, found)):
            raise NotFound("There is no such ping address: `healthmgr checks show SLUG` prints the right one")
        if found is None:
            raise NotFound(f"There is no heartbeat check {str(told.check)!r}")
        _refuse_other_kinds(found)
        # PostgreSQL's text cannot hold NUL.
        said = told.detail.replace("\0", "�").encode(errors="replace")[:MAX_DETAIL_BYTES].decode(errors="ignore")
        return Kept(found.id, Ping(_known(told.kind), told.at, said, told.run_id))

    def _fits(self, key: str, found: Pinged) -> bool:
        return hmac.compare_digest(ping_key(self._secret_key, found.id).encode(), key.encode())

    def _keep(self, pings: list[Kept]) -> list[Exception | None]:
        if not pings:
            return []
        try:
            self._store.keep(pings)
        except Exception as error:
            if len(pings) == 1 or isinstance(error, Unavailable):
                return [error] * len(pings)
            # One of them cannot be kept: that is no reason to lose the others.
            return [failure for ping in pings for failure in self._keep([ping])]
        return [None] * len(pings)


def ping_key(secret_key: str, check_id: UUID) -> str:
    """The part of a ping address that cannot be guessed: 22 URL-safe characters, the same for ever.

    Raises SettingsError without a secret key, for then everybody could work it out.
    """
    if not secret_key:
        raise SettingsError("HEALTHMGR_SECRET_KEY makes the ping addresses and is not set: set 32 random characters")
    mac = hmac.digest(secret_key.encode(), b"ping:" + check_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(mac[:16]).decode().rstrip("=")


def _refuse_other_kinds(found: Pinged) -> None:
    if found.kind != HEARTBEAT:
        raise Conflict(f"{found.slug} is a check of kind {found.kind}: only heartbeat checks take pings")


def _known(kind: str) -> str:
    if kind in _WORDS or (_EXIT_STATUS.fullmatch(kind) and int(kind) <= 255):
        return kind
    message = f"{kind!r} is not a ping: use success, fail, start, log or an exit status from 0 to 255"
    raise DefinitionError([Problem(message, path="kind")])
