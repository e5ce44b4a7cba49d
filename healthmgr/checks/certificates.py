"""Certificates as a server shows them: whose they are, until when, and what is wrong with them, in words.

Python tells the contents of trusted certificates only, and people want to know most about the others.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SET = 0x31
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87
_COMMON_NAME = bytes.fromhex("550403")
_ORGANIZATION = bytes.fromhex("55040a")
_ALTERNATIVE_NAMES = bytes.fromhex("551d11")
_MOST_NAMES = 5  # in a message

# OpenSSL's numbers for what it found.
_NOT_YET_VALID, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_ABOVE = 18, 19
_ISSUERS_UNKNOWN = (2, 20, 21)
_WRONG_HOST = (62, 64)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The parts of a certificate that people ask for. Instants are aware and UTC."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    is_self_issued: bool

    def days_left(self, now: datetime) -> float:
        """Days until it expires; negative once it has."""
        return (self.not_after - now) / timedelta(days=1)


def read_certificate(der: bytes) -> Certificate:
    """From the bytes that a server showed. Raises ValueError when they are no X.509 certificate."""
    try:
        return _read(der)
    except (IndexError, ValueError) as error:
        raise ValueError("this is not an X.509 certificate") from error


def explain_expiry(certificate: Certificate, now: datetime) -> str:
    """How much longer it is valid, or since when it no longer is."""
    days = certificate.days_left(now)
    on = f"{certificate.not_after:%Y-%m-%d %H:%M} UTC"
    if days < 0:
        return f"expired on {on}, {_days(-days)} ago"
    return f"expires on {on}, in {_days(days)}"


def explain_fault(error: ssl.SSLCertVerificationError, certificate: Certificate, host: str, now: datetime) -> str:
    """Why OpenSSL does not trust this certificate for this host."""
    code = error.verify_code
    if code == _EXPIRED:
        if certificate.days_left(now) < 0:
            return explain_expiry(certificate, now)
        return f"is signed by {certificate.issuer}, whose own certificate or one above it has expired"
    if code == _NOT_YET_VALID:
        return f"is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
    if code == _SELF_SIGNED:
        return "is self-signed: no authority vouches for it"
    if code == _SELF_SIGNED_ABOVE:
        return f"is signed by {certificate.issuer}, whose chain ends at an authority that is not trusted here"
    if code in _ISSUERS_UNKNOWN:
        return (
            f"is signed by {certificate.issuer}, which is not known here: "
            "the server must send the certificates between, or ca_file name the authority"
        )
    if code in _WRONG_HOST:
        return f"is for {_listed(certificate)}, not for {host}"
    return f"is not valid: {error.verify_message}"


def _listed(certificate: Certificate) -> str:
    names = certificate.names or (f"{certificate.subject} alone, which names no host",)
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _days(days: float) -> str:
    if days < 1:
        hours = int(days * 24)
        return f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{int(days)} day{'' if int(days) == 1 else 's'}"


def _read(der: bytes) -> Certificate:
    ((_, certificate),) = list(_items(der))[:1]
    ((_, body), *_) = _items(certificate)
    parts = list(_items(body))
    if parts[0][0] == _VERSION:
        del parts[0]
    _, _, (_, issuer), (_, validity), (_, subject), *rest = parts
    not_before, not_after = (_instant(kind, value) for kind, value in _items(validity))
    return Certificate(
        subject=_called(subject),
        issuer=_called(issuer),
        names=tuple(_alternative_names(rest)),
        not_before=not_before,
        not_after=not_after,
        is_self_issued=issuer == subject,
    )


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The (tag, content) pairs that DER strings together; raises IndexError where a length leads outside."""
    position = 0
    while position < len(data):
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if position + length > len(data):
            raise IndexError(position)
        yield tag, data[position : position + length]
        position += length


def _instant(kind: int, value: bytes) -> datetime:
    text = value.decode("ascii")
    if kind == _UTC_TIME:  # two digits of a year, of 1950 to 2049
        text = ("19" if text[:2] >= "50" else "20") + text
    elif kind != _GENERALIZED_TIME:
        raise ValueError("a certificate's time has an unknown form")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _called(name: bytes) -> str:
    """The common name, else the organization."""
    found: dict[bytes, str] = {}
    for kind, group in _items(name):
        for _, attribute in _items(group) if kind == _SET else ():
            (_, key), (_, value) = _items(attribute)
            found[key] = value.decode("utf-8", "replace")
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or "somebody without a name"


def _alternative_names(parts: list[tuple[int, bytes]]) -> Iterator[str]:
    for tag, content in parts:
        for _, extensions in _items(content) if tag == _EXTENSIONS else ():
            for _, extension in _items(extensions):
                (_, key), *_, (_, value) = _items(extension)
                if key == _ALTERNATIVE_NAMES:
                    yield from _names_in(value)


def _names_in(value: bytes) -> Iterator[str]:
    for _, names in _items(value):
        for tag, name in _items(names):
            if tag == _DNS_NAME:
                yield name.decode("ascii", "replace")
            elif tag == _IP_ADDRESS:
                yield str(ipaddress.ip_address(name))
