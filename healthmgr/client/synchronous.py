"""The client for programs that wait for each answer; it needs nothing but requests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TIMEOUT = 10.0  # seconds for one request
MAX_DETAIL = 10_000  # characters of a job's last words
# Tried again only where nothing can have been changed: no connection, or 503, which says so.
_RETRY = Retry(
    total=4, connect=4, read=0, redirect=0, status=4, other=0, status_forcelist=[503], allowed_methods=None,
    backoff_factor=0.3, raise_on_status=False,
)  # fmt: skip


class ClientError(Exception):
    """healthmgr did not do what was asked. `status` is HTTP's, or None when nothing was answered."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Speaks to one healthmgr. Safe to keep; not to be shared by threads that use it at the same moment.

    `url` and `token` default to HEALTHMGR_URL and HEALTHMGR_TOKEN. A token of role `ingest` may push and ping,
    one of role `responder` may run checks and read. Every method raises ClientError.
    """

    def __init__(self, url: str = "", token: str = "", timeout: float = TIMEOUT) -> None:
        self._url = (url or os.environ.get("HEALTHMGR_URL", "")).rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise ClientError(f"{self._url!r} is no address of healthmgr: give url, or set HEALTHMGR_URL")
        self._timeout = timeout
        self._session = _session()
        token = token or os.environ.get("HEALTHMGR_TOKEN", "")
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def push(
        self,
        slug: str,
        status: str,
        message: str = "",
        *,
        response_time: float | None = None,
        metrics: Mapping[str, float] | None = None,
        is_conclusive: bool = False,
    ) -> dict[str, Any]:
        """Bring a result of a check: healthy, degraded, unhealthy or unknown. `response_time` in seconds.

        Once this returns, it is stored and judged. The answer has `sequence`, and the check's `status` and
        `is_hard`. `is_conclusive` has it believed at once, however many attempts the check has.
        """
        body = {
            "status": str(status),
            "message": message,
            "response_time": response_time,
            "metrics": dict(metrics or {}),
            "is_conclusive": is_conclusive,
        }
        return self._post(f"/checks/{_part(slug)}/results", body)

    def ping(self, slug: str, kind: str | int = "success", detail: str = "") -> None:
        """Tell a heartbeat check that its job lives: success, fail, start, log or an exit status, 0 to 255."""
        self._post(f"/checks/{_part(slug)}/ping", {"kind": kind, "detail": detail[:MAX_DETAIL]})

    @contextmanager
    def job(self, slug: str) -> Iterator[None]:
        """Ping `start` before the block, `success` after it, or `fail` with what it raised."""
        self.ping(slug, "start")
        try:
            yield
        except BaseException as error:
            try:
                self.ping(slug, "fail", f"{type(error).__name__}: {error}")
            except ClientError as untold:
                error.add_note(f"healthmgr was not told: {untold}")
            raise
        self.ping(slug, "success")

    def run(self, slug: str) -> dict[str, Any]:
        """Order a probe of a check now; the answer is the check as it is before that."""
        return self._post(f"/checks/{_part(slug)}/run", None)

    def run_and_wait(self, slug: str, timeout: float = 30.0) -> dict[str, Any]:
        """Order a probe of a check now and wait for its result, `timeout` seconds at most (120)."""
        path = f"/checks/{_part(slug)}/run-and-wait"
        # Not tried again: the order stands, and another one would have the check probed twice.
        return self._ask("POST", path, params={"timeout": timeout}, wait=timeout, session=_session(self._session, None))

    def check(self, slug: str) -> dict[str, Any]:
        """A check with its state."""
        return self._ask("GET", f"/checks/{_part(slug)}")

    def status(self) -> dict[str, Any]:
        """The whole at a glance."""
        return self._ask("GET", "/status")

    def _post(self, path: str, body: Any) -> dict[str, Any]:
        return self._ask("POST", path, body=body)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        wait: float = 0.0,
        session: requests.Session | None = None,
    ) -> dict[str, Any]:
        address = f"{self._url}/api/v1{path}"
        try:
            answer = (session or self._session).request(
                method, address, json=body, params=params, timeout=self._timeout + wait, allow_redirects=False
            )
        except (requests.RequestException, ValueError) as error:
            raise ClientError(f"{method} {address}: {type(error).__name__}: {error}") from error
        finally:
            if session is not None:
                session.close()
        return _read(answer)


def ping_address(address: str, kind: str | int = "success", detail: str = "", timeout: float = TIMEOUT) -> None:
    """Ping an address that `healthmgr checks show` prints; it needs no token. Raises ClientError."""
    with _session() as session:
        try:
            answer = session.post(f"{address.rstrip('/')}/{kind}", data=detail[:MAX_DETAIL].encode(), timeout=timeout)
        except (requests.RequestException, ValueError) as error:
            # The address carries its key: no error shows it.
            raise ClientError(f"the ping was not taken: {type(error).__name__}") from None
    if not answer.ok:
        raise ClientError(f"the ping was not taken: HTTP {answer.status_code}", answer.status_code)


def _session(like: requests.Session | None = None, retry: Retry | None = _RETRY) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # a proxy or a .netrc of this machine is not meant for healthmgr
    if like is not None:
        session.headers.update(like.headers)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry or 0))
    return session


def _read(answer: requests.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if answer.ok and isinstance(document, dict):
        return document
    said = document.get("detail") if isinstance(document, dict) else None
    message = said or f"HTTP {answer.status_code} {answer.reason}: this is no answer of healthmgr"
    raise ClientError(str(message), answer.status_code)


def _part(slug: str) -> str:
    return quote(slug, safe="")
