"""One request for channels that speak HTTP: within its deadline, no redirects, errors that say what to do next."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.utils import get_auth_from_url
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.text import one_line, without
from healthmgr.errors import ChannelError

_MOST_READ = 2048
_LONGEST_WAIT = 86_400
_TEMPORARY_REFUSALS = frozenset({408, 425, 429})
_GATEWAY_FAILURES = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said: its status, the beginning of its reply in one line, and how long it asks us to wait.

    `body` is as much of the reply as the request wanted to have read, as it came; `headers` are looked up whatever
    their case.
    """

    status: int
    reply: str
    retry_after: timedelta | None = None
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return f"{self.status} {self.reply}".strip()


@dataclass(frozen=True, slots=True)
class Request:
    """What to POST, and where. `secrets` are masked wherever the receiver's words are repeated.

    `most_read` bounds, in bytes, how much of the reply is read. `verify_tls` may be the path of a file with the
    authorities to trust.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    verify_tls: bool | str = True
    secrets: tuple[str, ...] = ()
    most_read: int = _MOST_READ
    method: str = "POST"

    @property
    def place(self) -> str:
        """The receiver as it may be shown: an address's path and query may hold tokens."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def check_url(url: str) -> None:
    """Raises ValueError, without repeating the address, unless it is an http(s) one with a host."""
    parts = urlsplit(url)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or any(c.isspace() or not c.isprintable() for c in url)
    ):
        raise ValueError("the url is not an address to POST to: write one such as https://hooks.example.com/healthmgr")
    _ = parts.port  # raises ValueError itself


def post(request: Request, timeout: timedelta) -> Answer:
    """The receiver's acceptance (any 2xx); raises ChannelError for every other answer, and for none."""
    answer = exchange(request, timeout)
    if 200 <= answer.status < 300:
        return answer
    raise refusal(request, answer)


def exchange(request: Request, timeout: timedelta) -> Answer:
    """Whatever the receiver says; raises ChannelError where it says nothing."""
    return _exchange(request, Deadline(timeout))


def refusal(request: Request, answer: Answer) -> ChannelError:
    """What an answer other than 2xx means where its status says it all."""
    if 300 <= answer.status < 400:
        reason = "it points to another address, and redirects are not followed: name the final one"
        return ChannelError(f"{request.place} answered {answer.status}: {reason}", permanent=True)
    is_temporary = answer.status >= 500 or answer.status in _TEMPORARY_REFUSALS
    return ChannelError(
        f"{request.place} refused the message: {answer}",
        permanent=not is_temporary,
        retry_after=answer.retry_after if is_temporary else None,
        is_ambiguous=answer.status in _GATEWAY_FAILURES,  # what stands behind the gateway may have it all the same
    )


def _exchange(request: Request, deadline: Deadline) -> Answer:
    adapter = _WatchedAdapter()
    session = requests.Session()
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    try:
        with session, deadline.enforced(adapter.sockets):
            response = session.request(
                request.method,
                request.url,
                data=request.body,
                headers=dict(request.headers),
                auth=_auth(request.url),
                timeout=deadline.remaining(),
                verify=request.verify_tls,
                allow_redirects=False,
                stream=True,
            )
            with response:
                return _answer(response, request, deadline)
    # Without their causes: requests puts the whole address into its errors, and an address may hold a token.
    except (requests.RequestException, HTTPError, TimeoutError) as error:
        raise _failure(request, error, deadline) from None


def _answer(response: requests.Response, request: Request, deadline: Deadline) -> Answer:
    beginning = b""
    try:
        while len(beginning) < request.most_read and not deadline.is_over:
            part = response.raw.read1(request.most_read - len(beginning), decode_content=True)
            if not part:
                break
            beginning += part
    except (HTTPError, OSError):
        beginning += b" (the reply broke off)"  # the status was said, and it alone decides
    reply = one_line(without(beginning[:_MOST_READ].decode("utf-8", "replace"), list(request.secrets)), 200)
    wait = retry_after(response.headers.get("Retry-After", ""), datetime.now(UTC))
    return Answer(response.status_code, reply, wait, beginning, response.headers)


def retry_after(text: str, now: datetime) -> timedelta | None:
    """A Retry-After header, in seconds or as a date, as the time from `now`: 0 to one day; None when it is neither."""
    try:
        if text.strip().isdecimal():
            seconds = float(int(text))
        else:
            at = parsedate_to_datetime(text)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WAIT))


def _failure(request: Request, error: Exception, deadline: Deadline) -> ChannelError:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return ChannelError(f"{request.place}: its certificate is not valid", permanent=True)
    if isinstance(error, ValueError) or any(type(cause).__name__ == "LocationParseError" for cause in causes):
        return ChannelError(f"{request.place}: this address cannot be used", permanent=True)
    if any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in causes):
        return ChannelError(f"{request.place}: no connection: {_reason(causes)}")
    how = "no answer in time" if deadline.is_over else _reason(causes)
    return ChannelError(
        f"{request.place}: the message may have arrived, but was not answered: {how}", is_ambiguous=True
    )


def _causes(error: Any) -> Iterator[BaseException]:
    """The error and what it wraps; urllib3 keeps that in `reason` or among its arguments."""
    while isinstance(error, BaseException):
        yield error
        inner = [getattr(error, "reason", None), error.__cause__, *reversed(error.args)]
        error = next((each for each in inner if isinstance(each, BaseException)), None)


def _reason(causes: list[BaseException]) -> str:
    innermost = causes[-1]
    if isinstance(innermost, OSError) and innermost.strerror:
        return innermost.strerror
    return type(innermost).__name__


def _auth(url: str) -> HTTPBasicAuth | Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """The address's own user and password; else nobody, lest requests puts in what a .netrc on this machine says."""
    user, password = get_auth_from_url(url)
    return HTTPBasicAuth(user, password) if user or password else _unchanged


def _unchanged(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    return prepared


class _WatchedAdapter(HTTPAdapter):
    """Remembers its connections, so that they can be shut down at the deadline."""

    def __init__(self) -> None:
        self._connections: list[HTTPConnection] = []
        super().__init__()

    def sockets(self) -> list[Any]:
        return [connection.sock for connection in self._connections]

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = partial(self._connect, type(pool).ConnectionCls)
        return pool

    def _connect(self, make: Callable[..., HTTPConnection], **kwargs: Any) -> HTTPConnection:
        self._connections.append(make(**kwargs))
        return self._connections[-1]
