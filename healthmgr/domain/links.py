"""Addresses that let whoever got a message act on its incident: signed, and good for a time.

Following one changes nothing: it leads to a page that asks for a confirmation, for mail scanners follow links, too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from healthmgr.domain.message import Choice, Links

GOOD_FOR = timedelta(days=7)
ANSWERS = b"healthmgr answer link 1"
SWAPS = b"healthmgr swap link 1"
APPROVALS = b"healthmgr approval link 1"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link says: who may act on which incident (or swap or approval, by its purpose), until when."""

    incident_id: UUID
    recipient: str
    expires_at: datetime


def sign(claim: Claim, secret: str, purpose: bytes = ANSWERS) -> str:
    """The claim as a text for an address; it holds for this purpose alone."""
    facts = [str(claim.incident_id), claim.recipient, int(claim.expires_at.timestamp())]
    body = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
    return _encode(_digest(body, secret, purpose) + body)


def read(text: str, secret: str, now: datetime, purpose: bytes = ANSWERS) -> Claim | None:
    """What a signed text claims; None when it was not made with this secret for this, or its time is over."""
    try:
        whole = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (ValueError, UnicodeEncodeError):
        return None
    signature, body = whole[:16], whole[16:]
    if not secret or not hmac.compare_digest(signature, _digest(body, secret, purpose)):
        return None
    incident_id, recipient, expires = json.loads(body)
    claim = Claim(UUID(incident_id), recipient, datetime.fromtimestamp(expires, UTC))
    return claim if now < claim.expires_at else None


@dataclass(frozen=True, slots=True)
class LinkMaker:
    """Makes the links of messages. Without a public address there are none; without a secret, none that act."""

    public_url: str = ""
    secret: str = ""

    def links(self, incident_id: UUID, incident_number: int, recipient: str, now: datetime) -> Links:
        """The links of one message to one recipient."""
        if not self.public_url:
            return Links()
        incident = f"{self.public_url}/incidents/{incident_number}"
        if not self.secret:
            return Links(incident)
        token = sign(Claim(incident_id, recipient, now + GOOD_FOR), self.secret)
        answer = f"{self.public_url}/answer/{token}"
        return Links(incident, f"{answer}/acknowledge", f"{answer}/silence")

    def choices(self, swap_id: UUID, recipient: str, now: datetime) -> tuple[Choice, ...]:
        """How the person who is asked to swap shifts may answer; none where no link can act."""
        if not self.public_url or not self.secret:
            return ()
        answer = f"{self.public_url}/swap/{sign(Claim(swap_id, recipient, now + GOOD_FOR), self.secret, SWAPS)}"
        return (Choice("Accept", f"{answer}/accept"), Choice("Decline", f"{answer}/decline"))

    def approval_choices(self, approval_id: UUID, recipient: str, now: datetime) -> tuple[Choice, ...]:
        """How somebody may answer what a runbook asks; none where no link can act."""
        if not self.public_url or not self.secret:
            return ()
        token = sign(Claim(approval_id, recipient, now + GOOD_FOR), self.secret, APPROVALS)
        answer = f"{self.public_url}/approval/{token}"
        return (Choice("Approve", f"{answer}/approve"), Choice("Deny", f"{answer}/deny"))


def _digest(body: bytes, secret: str, purpose: bytes) -> bytes:
    return hmac.new(secret.encode(), purpose + body, hashlib.sha256).digest()[:16]


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
