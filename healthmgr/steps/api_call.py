"""API call: one HTTP request to whatever can repair something when it is asked."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from healthmgr import __version__
from healthmgr.channels.http import Answer, Request, check_url
from healthmgr.checks.http_fields import Assertions, HttpAuth, StatusPatterns, allowed_headers, statuses_of
from healthmgr.domain.assertion import Expression, NotEvaluable, Subject, size_of
from healthmgr.domain.step import MOST_OUTPUT, Done
from healthmgr.errors import StepError
from healthmgr.ports import StepContext
from healthmgr.steps.calling import call, refusal
from healthmgr.steps.fields import Length, StepConfig, shortest
from healthmgr.steps.output import line, shown

_NAMES = ("status", "headers", "body", "json")
_MOST_READ = 65_536  # bytes of an answer
_LONGEST_JUDGING = 1.0  # seconds; nothing can interrupt an expression that is being evaluated
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "idempotency-key", "host"})
_FACT = re.compile(r"[A-Za-z_]\w{0,63}")


class ApiCallConfig(StepConfig):
    """What to ask for, and what the answer has to be."""

    url: str = Field(min_length=1, repr=False, description="Address to call; one that begins with / follows base_url")
    base_url: str = Field("", repr=False, description="What a relative url is relative to: https://shop.example.com")
    method: str = Field("POST", pattern=r"^[A-Z]+$", max_length=20, description="Request method, in capitals")
    headers: dict[str, SecretStr] = Field({}, description="Headers to send", examples=[{"X-Api-Key": "${SHOP_KEY}"}])
    auth: HttpAuth | None = Field(None, description="username and password (basic), or token (bearer)")
    body: str | dict[str, Any] | list[Any] | None = Field(
        None, repr=False, description="Body to send: text, or an object sent as JSON"
    )
    parameters: dict[str, Any] = Field(
        {},
        repr=False,
        description="The JSON body by its fields, where `body` is not given",
        examples=[{"graceful": True}],
    )
    expected_status: StatusPatterns = Field(
        ("2xx",), description="Status codes of success: numbers, classes such as 2xx, ranges such as 200-299"
    )
    assertions: Assertions = Field(
        (),
        description="Expressions in CEL that must be true of the answer, over status, headers, body and json",
        examples=[["json.state == 'stopped'"]],
    )
    facts: dict[str, str] = Field(
        {},
        max_length=20,
        description="What later steps may name as {{ steps.ID.NAME }}: expressions in CEL over the same",
        examples=[{"job": "json.job.id"}],
    )
    verify_tls: bool = Field(True, description="Refuse a certificate that is not valid")
    ca_file: str | None = Field(None, description="File of the authorities (PEM) to trust in the place of the system's")
    timeout: Length | None = Field(None, description="Time for the answer, where the step's own is too long")

    @field_validator("headers")
    @classmethod
    def _must_be_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        return allowed_headers(headers, _OURS)

    @field_validator("assertions")
    @classmethod
    def _must_be_expressions(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            Expression(text, _NAMES)
        return texts

    @field_validator("facts")
    @classmethod
    def _must_be_facts(cls, facts: dict[str, str]) -> dict[str, str]:
        for name, text in facts.items():
            if not _FACT.fullmatch(name):
                raise ValueError(f"{name[:60]!r} is no name for a fact: letters, digits and _")
            Expression(text, _NAMES)
        return facts

    @model_validator(mode="after")
    def _must_agree(self) -> Self:
        if self.body is not None and self.parameters:
            raise ValueError("body and parameters exclude each other: both are what is sent")
        is_named = urlsplit(self.address).username is not None
        if (self.auth is not None) + is_named + any(name.lower() == "authorization" for name in self.headers) > 1:
            raise ValueError("auth, an Authorization header and a name in the url exclude each other: keep one")
        if "://" not in self.url and not self.url.startswith("/"):
            raise ValueError("url: write a whole address, or one that begins with / and follows base_url")
        return self

    @property
    def address(self) -> str:
        """The whole address; a relative one is put behind `base_url` letter by letter, and leads nowhere else."""
        return self.base_url.rstrip("/") + self.url if self.url.startswith("/") else self.url

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no message may repeat: the answer may well echo what it was sent."""
        found = [value.get_secret_value() for value in self.headers.values()]
        if self.auth is not None:
            found += [self.auth.password.get_secret_value(), self.auth.token.get_secret_value(), self.auth.header()]
        return (*found, urlsplit(self.address).password or "")


class ApiCallStep:
    """Calls an HTTP API."""

    kind: ClassVar[str] = "api_call"
    Config: ClassVar[type[ApiCallConfig]] = ApiCallConfig
    action_field: ClassVar[str] = "url"
    parameters_field: ClassVar[str] = "parameters"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"method", "assertions", "facts", "ca_file"})
    url_fields: ClassVar[frozenset[str]] = frozenset({"url", "base_url"})
    is_destructive: ClassVar[bool] = True

    def run(self, config: ApiCallConfig, context: StepContext) -> Done:
        """Call it once, under a key by which the target knows a repetition.

        Raises StepError for any other answer: permanent for 4xx, else worth another try.
        """
        request = _request(config, context)
        answer = call(request, shortest(context.timeout, config.timeout))
        output = shown(answer.body[:MOST_OUTPUT].decode("utf-8", "replace"), config.secrets)
        if all(answer.status not in statuses_of(pattern) for pattern in config.expected_status):
            raise refusal(request.place, answer, output)
        facts = _judge(config, request.place, answer, output)
        return Done(f"{request.place} answered {answer.status}", output, {"status": answer.status, **facts})

    def describe(self, config: ApiCallConfig) -> str:
        """The request, without what may be secret in its address."""
        parts = urlsplit(config.address)
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.scheme else "(base_url is missing)"
        return line(f"call {config.method} {place}{parts.path}", config.secrets)


def _request(config: ApiCallConfig, context: StepContext) -> Request:
    url = config.address
    if url.startswith("/"):
        raise StepError(
            f"{line(url)} is relative: say base_url as well, such as https://shop.example.com", permanent=True
        )
    try:
        check_url(url)
    except ValueError:
        raise StepError(
            "the url is not an address to call: write one such as https://shop.example.com/restart", permanent=True
        ) from None
    headers = {"User-Agent": f"healthmgr/{__version__}", "Idempotency-Key": context.key, "Connection": "close"}
    body = config.body if config.body is not None else config.parameters or None
    if body is not None and not isinstance(body, str):
        headers["Content-Type"] = "application/json"
    headers |= {name: value.get_secret_value() for name, value in config.headers.items()}
    if config.auth is not None:
        headers["Authorization"] = config.auth.header()
    sent = "" if body is None else body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return Request(
        url, sent.encode(), headers, config.ca_file or config.verify_tls, config.secrets, _MOST_READ, config.method
    )


def _judge(config: ApiCallConfig, place: str, answer: Answer, output: str) -> dict[str, Any]:
    """The facts that were asked for; raises StepError where an assertion does not hold or a fact is not there."""
    if not config.assertions and not config.facts:
        return {}
    values, absent = _values(answer)
    try:
        complaints, facts = _evaluate(config, values, absent)
    except NotEvaluable as error:
        complaints, facts = [str(error)], {}
    failed = [complaint for complaint in complaints if complaint]
    if failed:
        said = line("; ".join(failed), config.secrets)
        raise StepError(f"{place} answered {answer.status}, but {said}", permanent=True, output=output)
    return facts


def _evaluate(
    config: ApiCallConfig, values: dict[str, Any], absent: dict[str, str]
) -> tuple[list[str], dict[str, Any]]:
    sizes = {name: size_of(value) for name, value in values.items()}
    for text in (*config.assertions, *config.facts.values()):
        if Expression(text, _NAMES).cost(sizes) > _LONGEST_JUDGING:
            raise NotEvaluable(f"{text} would take too long over this answer")
    subject = Subject(values, absent)
    complaints = [Expression(text, _NAMES).complaint(subject) for text in config.assertions]
    facts = {name: Expression(text, _NAMES).value(subject) for name, text in config.facts.items()}
    return complaints, json.loads(json.dumps(facts, default=str))  # times and lengths as text


def _values(answer: Answer) -> tuple[dict[str, Any], dict[str, str]]:
    text = answer.body.decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    values: dict[str, Any] = {"status": answer.status, "headers": headers, "body": text}
    if len(answer.body) >= _MOST_READ:
        return values, {"json": f"the answer is longer than the {_MOST_READ} bytes that are read"}
    try:
        return {**values, "json": json.loads(text)}, {}
    except (ValueError, RecursionError):
        return values, {"json": "the answer is not JSON"}
