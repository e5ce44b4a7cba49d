"""Reading a calendar from its address: bounded in size and time, asked for only when it has changed.

Its address is the administrator's; where that leads on to is not. So redirects are followed a few times, never away
from TLS, never with credentials, and never from the world into a private network.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.http import Answer, Request, check_url, exchange
from healthmgr.domain.ical_text import MOST_CHARACTERS
from healthmgr.errors import ChannelError, Unavailable
from healthmgr.services.feeding import Fetched

TIMEOUT = timedelta(seconds=20)
_MOST_REDIRECTS = 5
_MOST_BYTES = MOST_CHARACTERS
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_MODIFIED = 304


def fetch_calendar(url: str, etag: str = "", modified: str = "") -> Fetched:
    """The text at an http(s) or webcal address; `text` None when it is what these validators stand for.

    Raises Unavailable that says what is wrong, without more of the address than its host.
    """
    deadline = Deadline(TIMEOUT)
    first = at = _readable(url)
    for _ in range(_MOST_REDIRECTS + 1):
        answer = _get(at, _conditions(etag, modified), deadline)
        if answer.status not in _REDIRECTS:
            return _judged(at, answer, etag, modified)
        at = _next(first, at, answer)
    raise Unavailable(f"{_place(first)} leads from one address to the next, more than {_MOST_REDIRECTS} times")


def _readable(url: str) -> str:
    readable = "https://" + url[len("webcal://") :] if url.lower().startswith("webcal://") else url
    try:
        check_url(readable)
    except ValueError:
        raise Unavailable(
            "this is no address of a calendar: write one such as https://example.com/oncall.ics"
        ) from None
    return readable


def _conditions(etag: str, modified: str) -> dict[str, str]:
    validators = {"If-None-Match": etag, "If-Modified-Since": modified}
    return {"Accept": "text/calendar, text/plain;q=0.5"} | {name: value for name, value in validators.items() if value}


def _get(url: str, headers: Mapping[str, str], deadline: Deadline) -> Answer:
    request = Request(url, b"", headers, method="GET", most_read=_MOST_BYTES + 1)
    try:
        return exchange(request, timedelta(seconds=deadline.remaining()))
    except TimeoutError:
        raise Unavailable(f"{_place(url)}: no answer in time") from None
    except ChannelError as error:
        # The words are those for messages; nothing was brought here that might have arrived.
        said = f"{_place(url)}: {str(error).rpartition(': ')[2]}" if error.is_ambiguous else str(error)
        raise Unavailable(said) from None


def _judged(url: str, answer: Answer, etag: str, modified: str) -> Fetched:
    if answer.status == _NOT_MODIFIED and (etag or modified):
        return Fetched(None, etag, modified)
    if answer.status != 200:
        raise Unavailable(f"{_place(url)} answered {answer.status} instead of a calendar")
    if len(answer.body) > _MOST_BYTES:
        raise Unavailable(f"{_place(url)}: the calendar is larger than {_MOST_BYTES // 1_000_000} MB")
    text = answer.body.decode("utf-8-sig", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Fetched(text, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))


def _next(first: str, at: str, answer: Answer) -> str:
    """Where a redirect leads, when that is somewhere to go."""
    target = urljoin(at, answer.headers.get("Location", ""))
    parts = urlsplit(target)
    try:
        check_url(target)
    except ValueError:
        raise Unavailable(f"{_place(at)} leads on to what is no address") from None
    if urlsplit(at).scheme == "https" and parts.scheme != "https":
        raise Unavailable(f"{_place(at)} leads on to {_place(target)}, which is not encrypted")
    if parts.hostname != urlsplit(first).hostname and _is_private(target) and not _is_private(first):
        raise Unavailable(f"{_place(at)} leads on to {_place(target)}, which is in a private network")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_private(url: str) -> bool:
    """Whether any of a host's addresses is none of the public ones; a host without an address counts as private."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        return True
    return any(not ip_address(str(address[4][0]).partition("%")[0]).is_global for address in found)


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
