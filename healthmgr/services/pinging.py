"""Pings: what a heartbeat check is told by the jobs that it watches."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.heartbeat import Ping
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem, SettingsError

MAX_DETAIL_BYTES = 10_000
HEARTBEAT = "heartbeat"
_WORDS = ("success", "fail", "start", "log")
_EXIT_STATUS = re.compile(r"0|[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class Pinged:
    """The check that a ping is for."""

    id: UUID
    slug: str
    kind: str


class PingStore(Protocol):
    """Where pings are kept."""

    def find(self, check: UUID | str) -> Pinged | None:
        """The enabled check of this id or slug, of whatever kind."""
        ...

    def record(self, check_id: UUID, ping: Ping) -> None:
        """Keep a sign of life and make the check due now, in one commit; a paused one is watched again."""
        ...

    def note(self, check_id: UUID, detail: str, now: datetime) -> None:
        """Keep the detail of a `log`, which is no sign of life, in one commit."""
        ...


class Pinging:
    """Takes pings. What is recorded has been committed when `record` or `accept` returns."""

    def __init__(self, store: PingStore, secret_key: str) -> None:
        self._store = store
        self._secret_key = secret_key

    def record(self, check: UUID | str, kind: str, detail: str, now: datetime, run_id: UUID | None = None) -> None:
        """Record a ping for the check of this id or slug; the next beat has it judged.

        `kind` is success, fail, start, log or an exit status from "0" to "255"; `run_id` tells runs apart that
        overlap. Raises NotFound, Conflict for a check of another kind, DefinitionError for another word.
        """
        found = self._store.find(check)
        if found is None:
            raise NotFound(f"There is no heartbeat check {str(check)!r}")
        self._keep(found, kind, detail, now, run_id)

    def accept(self, slug: str, key: str, kind: str, detail: str, now: datetime, run_id: UUID | None = None) -> None:
        """Record a ping from an address that carries its own key; a wrong key is answered as if there were no check."""
        found = self._store.find(slug)
        if found is None or not hmac.compare_digest(ping_key(self._secret_key, found.id).encode(), key.encode()):
            raise NotFound("There is no such ping address: `healthmgr checks show SLUG` prints the right one")
        self._keep(found, kind, detail, now, run_id)

    def address(self, slug: str, public_url: str) -> str:
        """The address that pings this heartbeat check. Raises NotFound, Conflict, SettingsError."""
        found = self._store.find(slug)
        if found is None:
            raise NotFound(f"There is no heartbeat check {slug!r}")
        _refuse_other_kinds(found)
        return f"{public_url.rstrip('/')}/ping/{found.slug}/{ping_key(self._secret_key, found.id)}"

    def _keep(self, found: Pinged, kind: str, detail: str, now: datetime, run_id: UUID | None) -> None:
        _refuse_other_kinds(found)
        kind = _known(kind)
        # PostgreSQL's text cannot hold NUL.
        text = detail.replace("\0", "�").encode()[:MAX_DETAIL_BYTES].decode(errors="ignore")
        if kind == "log":
            self._store.note(found.id, text, now)
        else:
            self._store.record(found.id, Ping(kind, now, text, run_id))


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
