"""What Twilio reports about a text message after it has taken it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from healthmgr.channels.text import one_line

# The further a message has come, the higher. Reports arrive in any order: only a higher one may replace another, so
# that "delivered" stays, and of two ends the one that was reported first.
_RANKS: Mapping[str, int] = {
    "scheduled": 0,
    "accepted": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "delivered": 5,
    "partially_delivered": 5,
    "undelivered": 5,
    "failed": 5,
    "canceled": 5,
    "read": 6,
}
_FINAL = 5
FAILURES = frozenset({"undelivered", "failed", "canceled"})
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_REASONS: Mapping[str, str] = {
    "30001": "too many messages were waiting",
    "30002": "the account is suspended",
    "30003": "the phone is switched off or out of reach",
    "30004": "the phone or its network blocks the sender",
    "30005": "nobody has this number",
    "30006": "a landline, or a network that cannot be reached",
    "30007": "the network took it for spam",
    "30008": "the network does not say why",
    "30034": "the sender is not registered for messages from programs to people in the USA",
    "30036": "its time ran out",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One report. `rank` tells how far the message has come; `error_code` is Twilio's, "" where nothing failed."""

    sid: str
    status: str
    error_code: str
    rank: int

    @property
    def is_final(self) -> bool:
        """Whether nothing but "read" can follow."""
        return self.rank >= _FINAL

    @property
    def is_failure(self) -> bool:
        """Whether the message did not reach its phone and will not."""
        return self.status in FAILURES

    def supersedes(self, rank: int | None) -> bool:
        """Whether this is news where `rank` is the highest known so far, None for none."""
        return rank is None or self.rank > rank

    def __str__(self) -> str:
        reason = _REASONS.get(self.error_code, "")
        code = f"error {self.error_code}" if self.error_code else ""
        return ": ".join(filter(None, (self.status, code, reason)))


def is_news(delivery: Delivery, known: str) -> bool:
    """Whether a report goes further than one that was written down as text; "" for none."""
    return delivery.supersedes(_RANKS.get(known.partition(":")[0]))


def parse_delivery(params: Mapping[str, str]) -> Delivery:
    """A report from the fields of its form; raises ValueError, without repeating them at length, for anything else."""
    sid = params.get("MessageSid") or params.get("SmsSid", "")
    status = (params.get("MessageStatus") or params.get("SmsStatus", "")).lower()
    error_code = params.get("ErrorCode", "").strip()
    if not _SID.fullmatch(sid):
        raise ValueError("this is no report about a message: MessageSid is missing or of another form")
    if status not in _RANKS:
        raise ValueError(f"{one_line(status, 40)!r} is not the status of a message that was sent")
    if error_code and not (error_code.isascii() and error_code.isdecimal() and len(error_code) <= 10):
        raise ValueError("ErrorCode is not a number")
    return Delivery(sid, status, "" if error_code == "0" else error_code, _RANKS[status])
