"""What went wrong in an HTTP exchange, in words."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from http import HTTPStatus

import aiohttp
from yarl import URL

from healthmgr.checks.network import explain, place_of

_LONGEST = 200  # characters of what a target or the client says itself


class NotResent(aiohttp.ClientError):
    """A redirect to another server that would take along what was meant for the first: `what` it is."""

    def __init__(self, url: URL, what: str) -> None:
        super().__init__(f"{plain(url)}: {what}")
        self.url, self.what = url, what


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with each of these secrets masked."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def answer_line(status: int, reason: str | None) -> str:
    """The beginning of an answer as people write it: "200 OK"."""
    return f"{status} {_short(reason) if reason else _phrase(status)}".rstrip()


def plain(url: URL) -> str:
    """An address without what may be secret in it: no name, password, query or fragment."""
    return _short(str(URL.build(scheme=url.scheme, host=url.host or "", port=url.explicit_port, path=url.path)))


def explain_client(error: Exception, url: URL) -> str:
    """One line for an exchange that failed. Raises ProbeError when this machine itself was at fault."""
    place = place_of(url.host or "", url.port)
    if isinstance(error, aiohttp.ClientError):
        return _explain_connection(error) or _explain_answer(error, place) or _explain_rest(error, url, place)
    if isinstance(error, OSError):
        return explain(error, url.host or "", url.port)
    return f"asking {place} failed: {_short(str(error)) or type(error).__name__}"


def _explain_connection(error: aiohttp.ClientError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        why = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        return f"the certificate of {place_of(error.host, error.port)} is not valid: {why}"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"the proxy does not work: {explain(error.os_error, error.host, error.port)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return explain(error.os_error, error.host, error.port)
    return ""


def _explain_answer(error: aiohttp.ClientError, place: str) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {answer_line(error.status, error.message)} and did not lead to {place}"
    if isinstance(error, NotResent):
        return (
            f"{place} redirected to {plain(error.url)}, another server, to which {error.what} may not go: "
            "ask that one, or set resend_to_other_origins"
        )
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"{place} redirected more than {len(error.history) - 1} times"
    if isinstance(error, aiohttp.RedirectClientError):
        return f"{place} redirected to what is no address of HTTP: {_short(str(error))!r}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{place} did not answer in HTTP: {_short(error.message)}"
    return ""


def _explain_rest(error: aiohttp.ClientError, url: URL, place: str) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{place} closed the connection without an answer"
    if isinstance(error, ssl.SSLError | OSError):
        return explain(error, url.host or "", url.port)
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"the answer of {place} broke off: {_short(str(error))}"
    return f"asking {place} failed: {type(error).__name__}: {_short(str(error))}"


def _short(text: str) -> str:
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
