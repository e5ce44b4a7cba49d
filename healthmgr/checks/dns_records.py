"""DNS records as people write them, and the form in which two spellings of one value are the same."""

from __future__ import annotations

import ipaddress

from dns.rdata import Rdata

_ADDRESSES = ("A", "AAAA")
_TEXTS = ("TXT", "SPF")


def text_of(record: Rdata) -> str:
    """The value: text without quotes and in one piece, names without their last dot."""
    pieces = getattr(record, "strings", None)
    if pieces is not None:
        return b"".join(pieces).decode("utf-8", "replace")
    return " ".join(_without_dot(word) for word in record.to_text().split(" "))


def normal(record_type: str, value: str) -> str:
    """The form in which values are compared: names and addresses in small letters, texts as they are."""
    if record_type in _TEXTS:
        return value
    if record_type in _ADDRESSES:
        try:
            return str(ipaddress.ip_address(value.strip()))
        except ValueError:
            return value  # no record will be equal to it
    return " ".join(_without_dot(word) for word in value.lower().split())


def _without_dot(word: str) -> str:
    return word[:-1] if word.endswith(".") and len(word) > 1 else word
