"""Whether a request comes from Twilio: its signature, as Twilio's page on webhook security defines it. Pure."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import SplitResult, urlsplit

SIGNATURE_HEADER = "X-Twilio-Signature"
_PORTS = {"https": 443, "http": 80}


def validate_signature(
    auth_token: str, url: str, params: Mapping[str, str] | Iterable[tuple[str, str]], signature: str
) -> bool:
    """Whether Twilio, who knows the token too, has signed this request. Takes as long for every wrong signature.

    `url` is the address as Twilio was given it, with scheme, host and query: behind a proxy not the one that the
    server sees. `params` are the fields of the form (none for a GET); a field may occur more than once.
    """
    pairs = params.items() if isinstance(params, Mapping) else params
    fields = "".join(name + value for name, value in sorted(set(pairs)))
    given = signature.strip().encode("utf-8", "replace")
    return any(hmac.compare_digest(_signed(auth_token, address + fields), given) for address in _addresses(url))


def _signed(auth_token: str, text: str) -> bytes:
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode("utf-8", "replace"), "sha1"))


def _addresses(url: str) -> tuple[str, ...]:
    """The address as it was given, and with and without its port: Twilio signs now one and now the other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    host = parts.netloc.removesuffix(f":{port}") if port is not None else parts.netloc
    with_port = f"{host}:{port or _PORTS.get(parts.scheme, 443)}"
    return url, _at(parts, host), _at(parts, with_port)


def _at(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()
