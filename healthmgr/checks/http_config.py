"""What an HTTP check may be told, and the request that follows from it, made once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import (
    Field,
    SecretStr,
    field_validator,
)
from pydantic import model_validator as whole
from yarl import URL

from healthmgr.checks.http_fields import (
    Assertions,
    HttpAuth,
    Part,
    StatusPatterns,
    TlsVersion,
    allowed_headers,
    statuses_of,
)
from healthmgr.checks.http_tls import TlsOptions
from healthmgr.domain.assertion import Expression, NotEvaluable, Subject

NAMES = ("status", "headers", "body", "json", "response_time")
_LONGEST_PATTERN = 500  # characters
_SHORTEST_MASKED = 4  # characters; a shorter secret would blank out ordinary words
_SECRET_HEADER = re.compile(r"auth|token|key|secret|cookie|pass", re.IGNORECASE)
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})
_METRIC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration made ready: what is sent, and what is looked at in the answer."""

    url: URL = field(repr=False)
    method: str
    arguments: dict[str, Any] = field(repr=False)
    statuses: frozenset[int]
    tls: TlsOptions
    is_timed: bool
    guarded: tuple[str, ...]  # headers that go to the server of `url` alone, wherever it redirects to
    is_guarded: bool  # whether a redirect could lead astray what is for that server alone
    assertions: tuple[Expression, ...]
    metrics: tuple[tuple[str, Expression], ...]
    pattern: Expression | None
    secrets: tuple[str, ...] = field(repr=False)


class HttpConfig(Part):
    """What to ask, and what to expect of the answer."""

    url: str = Field(repr=False, description="Address to ask, http:// or https://")
    method: str = Field("GET", pattern=r"^[A-Z]+$", max_length=20, description="Request method, in capitals")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Headers to send", examples=[{"X-Api-Key": "${SHOP_KEY}"}]
    )
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, repr=False, description="Body to send: text, or an object sent as JSON"
    )
    auth: HttpAuth | None = Field(
        None,
        description="username and password (basic), or token (bearer)",
        examples=[{"username": "health", "password": "${SHOP_PASSWORD}"}, {"token": "${SHOP_TOKEN}"}],
    )
    proxy: SecretStr | None = Field(
        None, description="Proxy to ask through: http://name:password@host:port, name and password if it wants them"
    )
    expected_status: StatusPatterns = Field(
        ("2xx",),
        description="Status codes that are healthy: numbers, classes such as 2xx, ranges such as 200-299",
        examples=[[200, "3xx", "401-403"]],
    )
    expect_body: str | None = Field(None, description="Text that the answer must contain")
    forbid_body: str | None = Field(None, min_length=1, description="Text that the answer must not contain")
    match_body: str | None = Field(
        None,
        max_length=_LONGEST_PATTERN,
        description="Regular expression (RE2 syntax) that the answer must match",
        examples=[r"(?i)status:\s*up"],
    )
    assertions: Assertions = Field(
        (),
        description="Expressions in CEL that must be true, over status (a number), headers (texts by lower-case name), "
        "body (text), json (the body read as JSON) and response_time (seconds)",
        examples=[
            [
                "json.status == 'up'",
                "json.status in ['up', 'starting'] && !has(json.error)",
                "size(json.nodes) >= 2 && json.nodes.all(node, node.ready)",
                "json.nodes.filter(node, node.role == 'leader').size() == 1",
                "double(json.pool.used) / double(json.pool.size) < 0.9",
                "timestamp(json.built_at) > timestamp('2024-01-01T00:00:00Z')",
                "headers['content-type'].startsWith('application/json')",
                "body.contains('up') && !body.matches('(?i)exception')",
                "status == 200 || status == 204",
                "response_time < 0.5",
            ]
        ],
    )
    metrics: dict[str, str] = Field(
        default_factory=dict,
        max_length=50,
        description="Metrics by name, for thresholds: expressions in CEL over the same, whose values are numbers",
        examples=[
            {"pool_used": "json.pool.used"},
            {"pool_percent": "100.0 * double(json.pool.used) / double(json.pool.size)"},
            {"nodes_ready": "json.nodes.filter(node, node.ready).size()"},
            {"queued": "has(json.queue) ? json.queue.length : 0"},
        ],
    )
    metrics_from_body: bool = Field(
        False, description="Numbers of a JSON answer, at its top and under 'metrics', become metrics"
    )
    follow_redirects: bool = Field(True, description="Follow redirects and judge the last answer")
    resend_to_other_origins: bool = Field(
        False,
        description="Whether a redirect to another scheme, host or port takes along what may be secret. If not, "
        "headers that are (Authorization, cookies, tokens, keys) are left out there, as browsers and curl do, and a "
        "redirect that would need the body (307, 308) or client_certificate there is not followed",
    )
    max_redirects: int = Field(5, ge=1, le=20, description="Redirects that are followed before giving up")
    verify_tls: bool = Field(True, description="Refuse a certificate that is not valid")
    ca_file: str | None = Field(None, description="File of the authorities (PEM) to trust in the place of the system's")
    client_certificate: str | None = Field(None, description="File with our own certificate (PEM), and maybe its key")
    client_key: str | None = Field(None, description="File with the key of client_certificate (PEM)")
    server_name: str | None = Field(None, min_length=1, description="Name that the certificate must bear, sent as SNI")
    minimum_tls: TlsVersion | None = Field(None, description="Oldest version of TLS that is accepted")
    max_body: int = Field(1_048_576, ge=0, le=16_777_216, description="Bytes of the answer that are read, no more")
    timing: bool | None = Field(
        None,
        description="Measure the phases: DNS, connect, TLS, first byte, total; if not given, for https alone, "
        "where it costs nothing beside the handshake",
    )

    @field_validator("url")
    @classmethod
    def _must_be_http(cls, value: str) -> str:
        url = URL(value)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("write a whole address, such as https://example.org/health")
        return value

    @field_validator("proxy")
    @classmethod
    def _must_be_a_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            url = _url_or_none(value.get_secret_value())
            if url is None or url.scheme != "http" or not url.host:
                raise ValueError("write the address of an HTTP proxy, such as http://proxy.example.org:3128")
        return value

    @field_validator("headers")
    @classmethod
    def _must_be_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return allowed_headers(headers, _OURS)

    @field_validator("assertions")
    @classmethod
    def _must_be_expressions(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Expression(text, NAMES)
        return texts

    @field_validator("metrics")
    @classmethod
    def _must_be_metrics(cls, metrics: dict[str, str]) -> dict[str, str]:
        for name, text in metrics.items():
            if not _METRIC_NAME.fullmatch(name):
                raise ValueError(f"{name[:60]!r} is not a name for a metric: letters, digits, _ . : - and 100 at most")
            Expression(text, NAMES)
        return metrics

    @field_validator("match_body")
    @classmethod
    def _must_be_a_pattern(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            _searching(pattern)
        return pattern

    @whole(mode="after")
    def _must_agree(self) -> HttpConfig:
        if self.client_key and not self.client_certificate:
            raise ValueError("client_key needs client_certificate")
        named = {name.lower() for name in self.headers}
        if self.auth is not None and ("authorization" in named or URL(self.url).user is not None):
            raise ValueError("auth and another authorization (a header, a name in the url) exclude each other")
        if "authorization" in named and URL(self.url).user is not None:
            raise ValueError("an Authorization header and a name in the url exclude each other")
        return self

    @cached_property
    def plan(self) -> Plan:
        """The configuration made ready, once: it is probed thousands of times."""
        return _plan_of(self)


def _url_or_none(text: str) -> URL | None:
    try:
        return URL(text)
    except ValueError:
        return None


def _searching(pattern: str) -> Expression:
    """The search as an expression: its regular expressions take time in proportion to the text, whatever they are."""
    expression = Expression(f"body.matches({json.dumps(pattern, ensure_ascii=False)})", NAMES)
    try:
        expression.value(Subject({"body": ""}))
    except NotEvaluable as error:
        fault = str(error.__cause__).split("error:")[-1].split(". Check")[0].strip()
        raise ValueError(f"{pattern[:60]!r} is not a regular expression in RE2 syntax: {fault}") from None
    return expression


def _plan_of(config: HttpConfig) -> Plan:
    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    if config.auth is not None:
        headers["Authorization"] = config.auth.header()
    arguments: dict[str, Any] = {
        "headers": headers or None,
        "allow_redirects": config.follow_redirects,
        "max_redirects": config.max_redirects + 1,  # the client counts the answer that it refuses
    }
    if config.body is not None:
        arguments["data" if isinstance(config.body, str) else "json"] = config.body
    if config.proxy is not None:
        arguments["proxy"] = URL(config.proxy.get_secret_value())
    if config.server_name is not None:
        arguments["server_hostname"] = config.server_name
    guarded = tuple(name for name in headers if _SECRET_HEADER.search(name))
    has_more = config.body is not None or config.client_certificate is not None
    return Plan(
        url=URL(config.url),
        method=config.method,
        arguments=arguments,
        statuses=frozenset(status for pattern in config.expected_status for status in statuses_of(pattern)),
        tls=_tls_of(config),
        is_timed=URL(config.url).scheme == "https" if config.timing is None else config.timing,
        guarded=guarded,
        is_guarded=config.follow_redirects and (bool(guarded) or has_more),
        assertions=tuple(Expression(text, NAMES) for text in config.assertions),
        metrics=tuple((name, Expression(text, NAMES)) for name, text in config.metrics.items()),
        pattern=None if config.match_body is None else _searching(config.match_body),
        secrets=_secrets_of(config, headers),
    )


def _tls_of(config: HttpConfig) -> TlsOptions:
    return TlsOptions(
        config.verify_tls, config.ca_file, config.client_certificate, config.client_key, config.minimum_tls
    )


def _secrets_of(config: HttpConfig, headers: dict[str, str]) -> tuple[str, ...]:
    """What no message may repeat, the longest first: the answer may well echo what it was sent."""
    found = [value for name, value in headers.items() if _SECRET_HEADER.search(name)]
    if config.auth is not None:
        found += [config.auth.password.get_secret_value(), config.auth.token.get_secret_value()]
    found += [URL(config.url).password or ""]
    if config.proxy is not None:
        found += [URL(config.proxy.get_secret_value()).password or ""]
    return tuple(sorted({text for text in found if len(text) >= _SHORTEST_MASKED}, key=len, reverse=True))
