"""Verifying that a contact works: a code goes out over the real channel, and has to come back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import SEND_TIMEOUT
from healthmgr.errors import Conflict, NotFound, SettingsError
from healthmgr.ports import Receipt
from healthmgr.services.previewing import Origin, Previewing, harmless_message
from healthmgr.views_oncall import ContactView

log = structlog.get_logger(__name__)

HOLDS_FOR = timedelta(minutes=15)
AGAIN_AFTER = timedelta(seconds=30)
MOST_ATTEMPTS = 5
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class SentCode:
    """A code that has gone out, as its digest, and how often it was guessed at."""

    digest: str
    attempts: int
    sent_at: datetime


class VerifyingTransaction(Protocol):
    """One transaction about contacts; commits when its context ends well."""

    def contacts(self, person: str) -> list[ContactView]:
        """A person's contacts; none for somebody who is not known."""
        ...

    def code(self, contact: ContactView) -> SentCode | None:
        """The code that is out for a contact, its row locked; None where none is."""
        ...

    def keep_code(self, contact: ContactView, digest: str, now: datetime) -> None:
        """Note that a code goes out."""
        ...

    def note_attempt(self, contact: ContactView) -> None:
        """Count a wrong code."""
        ...

    def verified(self, contact: ContactView, now: datetime) -> None:
        """The code came back: it holds no more."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class VerifyingStore(Protocol):
    """Where contacts are."""

    def begin(self) -> AbstractContextManager[VerifyingTransaction]:
        """Open a transaction."""
        ...


class Verifying:
    """Sends codes and takes them back.

    Both raise NotFound for a contact that there is not, and Conflict where several could be meant.
    """

    def __init__(self, store: VerifyingStore, previewing: Previewing, secret_key: str) -> None:
        self._store = store
        self._previewing = previewing
        self._secret_key = secret_key

    def send(self, person: str, channel: str, origin: Origin, now: datetime, address: str | None = None) -> Receipt:
        """Send a code over a contact; it holds for a quarter of an hour.

        Raises Conflict while the last one is only seconds old, ChannelError when the channel does not accept it,
        PluginError where it cannot be used here.
        """
        ready = self._previewing.channel(channel)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        with self._store.begin() as transaction:
            contact = _choose(transaction.contacts(person), person, channel, address)
            sent = transaction.code(contact)
            if sent is not None and now - sent.sent_at < AGAIN_AFTER:
                wait = AGAIN_AFTER - (now - sent.sent_at)
                raise Conflict(f"A code is on its way already: try again in {wait.seconds + 1} s.")
            transaction.keep_code(contact, self._digest(contact, code), now)
            transaction.audit(origin.actor, origin.name, "contact.code_sent", person, {"channel": channel}, now)
        summary = f"The code is {code}: `healthmgr contacts confirm {person} {channel} {code}`. Nothing is wrong."
        message = harmless_message(ready.stored, person, MessageKind.PROBLEM, origin, now, summary=summary)
        log.info("contact_code_sent", person=person, channel=channel)
        return ready.plugin.send(ready.config, message, contact.address, SEND_TIMEOUT)

    def confirm(
        self, person: str, channel: str, code: str, origin: Origin, now: datetime, address: str | None = None
    ) -> ContactView:
        """Take a code back: the contact works. Raises Conflict for a wrong code, and for one that does not hold."""
        with self._store.begin() as transaction:
            contact = _choose(transaction.contacts(person), person, channel, address)
            sent = transaction.code(contact)
            refusal = self._refusal(contact, sent, code, now)
            if refusal:
                transaction.note_attempt(contact)
            else:
                transaction.verified(contact, now)
                transaction.audit(origin.actor, origin.name, "contact.verified", person, {"channel": channel}, now)
        if refusal:  # raised out here, for the attempt has to be counted
            raise Conflict(refusal)
        log.info("contact_verified", person=person, channel=channel)
        return contact.model_copy(update={"verified_at": now})

    def _refusal(self, contact: ContactView, sent: SentCode | None, code: str, now: datetime) -> str:
        again = f"`healthmgr contacts verify {contact.person} {contact.channel}` sends one"
        if sent is None:
            return f"No code is out: {again}."
        if now - sent.sent_at >= HOLDS_FOR:
            return f"The code is older than {int(HOLDS_FOR.total_seconds()) // 60} minutes: {again} that holds."
        if sent.attempts >= MOST_ATTEMPTS:
            return f"Too many wrong codes: {again} that holds."
        if not hmac.compare_digest(sent.digest, self._digest(contact, code.strip())):
            return "This is not the code that was sent."
        return ""

    def _digest(self, contact: ContactView, code: str) -> str:
        """A code has few digits: without the secret, whoever reads the row would try them all."""
        if not self._secret_key:
            raise SettingsError("HEALTHMGR_SECRET_KEY keeps codes secret and is not set: set 32 random characters")
        said = "\0".join(("contact", contact.person, contact.channel, contact.address, code))
        return hmac.new(self._secret_key.encode(), said.encode(), hashlib.sha256).hexdigest()


def _choose(contacts: list[ContactView], person: str, channel: str, address: str | None) -> ContactView:
    if not contacts:
        raise NotFound(f"There is nobody called {person!r} who has a contact: `healthmgr contacts list` shows all.")
    fitting = [one for one in contacts if one.channel == channel and address in (None, one.address)]
    if not fitting:
        others = ", ".join(dict.fromkeys(one.channel for one in contacts))
        raise NotFound(f"{person} has no such contact on {channel}: he can be reached over {others}.")
    if len({one.address for one in fitting}) > 1:
        addresses = ", ".join(one.address for one in fitting)
        raise Conflict(f"{person} has several contacts on {channel}: say which address, of {addresses}.")
    return fitting[0]
