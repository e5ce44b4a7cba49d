"""HTTP: one request over a fresh connection, judged by its status and, if asked, its body."""

from __future__ import annotations

import json
import zlib
from http import HTTPStatus
from typing import Annotated, Any, ClassVar

import aiohttp
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from yarl import URL

from healthmgr.checks.network import explain, place_of
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_PIECE = 65_536
_GZIP_OR_ZLIB = 47  # zlib's window size that recognises either header

StatusPattern = Annotated[int, Field(ge=100, le=599)] | Annotated[str, Field(pattern=r"^[1-5]xx$")]
StatusPatterns = Annotated[
    tuple[StatusPattern, ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
    Field(min_length=1),
]


class HttpConfig(BaseModel):
    """What to ask, and what to expect of the answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address to ask, http:// or https://")
    method: str = Field("GET", pattern=r"^[A-Z]+$", description="Request method, in capitals")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers to send")
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, description="Body to send: text, or an object sent as JSON"
    )
    expected_status: StatusPatterns = Field(
        ("2xx",), description="Status codes that are healthy: numbers, or classes such as 2xx"
    )
    expect_body: str | None = Field(None, description="Text that the answer must contain")
    follow_redirects: bool = Field(True, description="Follow up to 5 redirects and judge the last answer")
    verify_tls: bool = Field(True, description="Refuse a certificate that is not valid")
    max_body: int = Field(1_048_576, ge=0, description="Bytes of the answer that are read; the rest is left")
    metrics_from_body: bool = Field(
        False, description="Numbers of a JSON answer, at its top and under 'metrics', become metrics"
    )

    @field_validator("url")
    @classmethod
    def _must_be_http(cls, value: str) -> str:
        url = URL(value)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("write a whole address, such as https://example.org/health")
        return value


class HttpCheck:
    """Asks a web server."""

    kind: ClassVar[str] = "http"
    Config: ClassVar[type[BaseModel]] = HttpConfig
    uses_network: ClassVar[bool] = True

    async def probe(self, config: HttpConfig, context: ProbeContext) -> Outcome:
        """Send one request and judge the answer; a refused or broken connection is unhealthy."""
        if context.http is not None:
            return await _ask(context.http, config)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            return await _ask(session, config)


async def _ask(session: aiohttp.ClientSession, config: HttpConfig) -> Outcome:
    url = URL(config.url)
    try:
        async with session.request(
            config.method,
            url,
            headers=config.headers or None,
            allow_redirects=config.follow_redirects,
            max_redirects=5,
            ssl=config.verify_tls,
            **_body_of(config),
        ) as response:
            body = await _read(response, config.max_body)
            return _judge(config, response, body)
    except aiohttp.ClientError as error:
        return Outcome(Status.UNHEALTHY, _explain(error, url))
    except OSError as error:
        return Outcome(Status.UNHEALTHY, explain(error, url.host or "", url.port))


def _body_of(config: HttpConfig) -> dict[str, Any]:
    if config.body is None:
        return {}
    return {"data": config.body} if isinstance(config.body, str) else {"json": config.body}


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The first `limit` bytes of the body. A longer one costs no more than that."""
    pieces: list[bytes] = []
    left = limit
    while left > 0:
        piece = await response.content.read(min(left, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    body = b"".join(pieces)
    # The shared client leaves bodies as they came, because hardly any check looks into one.
    if body[:2] == b"\x1f\x8b" and response.headers.get("Content-Encoding") == "gzip":
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, limit)
    return body


def _judge(config: HttpConfig, response: aiohttp.ClientResponse, body: bytes) -> Outcome:
    status = response.status
    metrics = {"status_code": float(status), "body_bytes": float(len(body))}
    if config.metrics_from_body:
        metrics.update(_metrics_in(body))
    answer = f"{status} {response.reason or _phrase(status)}".rstrip()
    if status not in config.expected_status and f"{status // 100}xx" not in config.expected_status:
        wanted = " or ".join(str(pattern) for pattern in config.expected_status)
        return Outcome(Status.UNHEALTHY, f"answered {answer}, expected {wanted}", metrics=metrics)
    if config.expect_body is not None and config.expect_body not in body.decode("utf-8", "replace"):
        where = f"the first {config.max_body} bytes" if len(body) >= config.max_body else f"its {len(body)} bytes"
        return Outcome(
            Status.UNHEALTHY, f"answered {answer}, without {config.expect_body!r} in {where}", metrics=metrics
        )
    return Outcome(Status.HEALTHY, answer, metrics=metrics)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _metrics_in(body: bytes) -> dict[str, float]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    nested = document.get("metrics")
    return {**_numbers(document), **(_numbers(nested) if isinstance(nested, dict) else {})}


def _numbers(members: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in members.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    }


def _explain(error: aiohttp.ClientError, url: URL) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"the certificate of {place_of(error.host, error.port)} is not valid: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return explain(error.os_error, error.host, error.port)
    place = place_of(url.host or "", url.port)
    if isinstance(error, aiohttp.TooManyRedirects):
        return f"{place} redirected more than 5 times"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{place} closed the connection without an answer"
    if isinstance(error, aiohttp.ClientOSError):
        return explain(error, url.host or "", url.port)
    if isinstance(error, aiohttp.ClientPayloadError):
        return f"the answer of {place} broke off: {error}"
    if isinstance(error, aiohttp.ClientResponseError):
        return f"{place} did not answer in HTTP: {error.message}"
    return f"asking {place} failed: {type(error).__name__}: {error}"
