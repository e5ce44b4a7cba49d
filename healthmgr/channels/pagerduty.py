"""The channel `pagerduty`: alerts in PagerDuty, through its Events API v2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from healthmgr import __version__
from healthmgr.channels.fields import ChannelConfig, holds_reference
from healthmgr.channels.http import Answer, Request, check_url, exchange, refusal
from healthmgr.channels.pagerduty_event import LEVELS, Event, Level, client_url, closing, encode, event
from healthmgr.channels.text import one_line, without
from healthmgr.domain.check import Severity
from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

_REGIONS: Mapping[str, str] = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}
_KEY_LENGTH = 32
# PagerDuty counts the calls of the last minute, and says only seldom how long it wants to be left alone.
_WAIT_WHEN_BUSY = timedelta(seconds=30)


class PagerDutyConfig(ChannelConfig):
    """Which integration, where, and how severe our severities are there."""

    routing_key: SecretStr = Field(
        validation_alias=AliasChoices("routing_key", "integration_key", "integrationKey"),
        description="the integration key of an Events API v2 integration, of a service or an event orchestration; "
        "`integration_key` is the same; better written as ${PAGERDUTY_INTEGRATION_KEY}",
    )
    region: Literal["us", "eu"] = Field("us", description="where the PagerDuty account lives")
    url: str = Field(
        "", description="another address than PagerDuty's own that takes its events: a proxy, a compatible server"
    )
    client: str = Field("healthmgr", min_length=1, max_length=100, description="who PagerDuty says has told it")
    severity_map: dict[Severity, Level] = Field(
        default={},
        description="PagerDuty's severity (critical, error, warning or info) for ours, where another is wanted; "
        "critical, high, medium and low are critical, error, warning and info",
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not holds_reference(url):
            check_url(url)
        return url

    @model_validator(mode="after")
    def _key_has_its_length(self) -> PagerDutyConfig:
        key = self.routing_key.get_secret_value()
        # Compatible servers have keys of their own kind.
        if not (self.url or holds_reference(key)) and (len(key) != _KEY_LENGTH or not key.isalnum()):
            raise ValueError(
                f"the routing key is not one of PagerDuty's: those are {_KEY_LENGTH} letters and digits; copy the "
                "Integration Key of an Events API v2 integration"
            )
        return self


class PagerDutyChannel:
    """Alerts in PagerDuty. The incident's id is in the key by which PagerDuty tells new from known.

    `address` is not used: the integration is one, and PagerDuty itself knows whom to call.
    """

    kind: ClassVar[str] = "pagerduty"
    needs_address: ClassVar[bool] = False
    tells_acknowledgements: ClassVar[bool] = True
    is_idempotent: ClassVar[bool] = True
    is_exempt_from_digests: ClassVar[bool] = True
    Config: ClassVar[type[PagerDutyConfig]] = PagerDutyConfig

    def send(self, config: PagerDutyConfig, message: Message, address: str, timeout: timedelta) -> Receipt:  # noqa: ARG002
        """Hand one message to PagerDuty as trigger, acknowledge or resolve; what that puts an end to is resolved after.

        Where the last of these fails, all are sent again: PagerDuty takes each of them once.
        """
        url = config.url or _REGIONS[config.region]
        key = config.routing_key.get_secret_value()
        try:
            check_url(url)
            document = {"routing_key": key, **_document(config, message)}
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None
        ends = closing(message)
        each = timeout / (1 + len(ends))
        body, is_trimmed = encode(document)
        answer, accepted = _hand_over(url, body, key, each)
        for end in ends:
            _hand_over(url, encode({"routing_key": key, **end})[0], key, each)
        trimmed = "; the details were left out, the event being too large" if is_trimmed else ""
        dedup_key = accepted.get("dedup_key")
        return Receipt(
            provider_id=dedup_key if isinstance(dedup_key, str) else document["dedup_key"],
            detail=f"{document['event_action']}: {answer.status} {_said(accepted)}{trimmed}",
        )

    def preview(self, config: PagerDutyConfig, message: Message, address: str) -> str:  # noqa: ARG002
        """What `send` would hand over, but for the routing key; raises ValueError where nothing could be told."""
        document = _document(config, message)
        return json.dumps(json.loads(encode(document)[0]), ensure_ascii=False, indent=2) + "\n"


def _hand_over(url: str, body: bytes, key: str, timeout: timedelta) -> tuple[Answer, Mapping[str, Any]]:
    """One event, as PagerDuty has accepted it."""
    headers = {"Content-Type": "application/json", "User-Agent": f"healthmgr/{__version__}"}
    request = Request(url, body, headers, secrets=(key,))
    answer = exchange(request, timeout)
    return answer, _accepted(request, answer)


def _document(config: PagerDutyConfig, message: Message) -> Event:
    document = event(message, {**LEVELS, **config.severity_map})
    if "payload" not in document:
        return document
    seen_at = client_url(message)
    return {**document, "client": one_line(config.client, 100), **({"client_url": seen_at} if seen_at else {})}


def _accepted(request: Request, answer: Answer) -> Mapping[str, Any]:
    """PagerDuty's acceptance; raises ChannelError for anything else."""
    document = _parsed(answer.body)
    if 200 <= answer.status < 300:
        if document.get("status") != "success":
            # With 2xx, but not in PagerDuty's words: a proxy, a sign-in page, or another service.
            raise ChannelError(
                f"{request.place} did not accept the event as PagerDuty does, but said {answer}: see `url`",
                permanent=True,
            )
        return document
    plain = refusal(request, answer)
    said = without(_said(document), list(request.secrets))
    raise ChannelError(
        f"{request.place} refused the event: {answer.status} {said}" if said else str(plain),
        permanent=plain.permanent,
        retry_after=plain.retry_after or (_WAIT_WHEN_BUSY if answer.status == 429 else None),
        is_ambiguous=plain.is_ambiguous,
    )


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:  # neither JSON nor UTF-8
        return {}
    return document if isinstance(document, dict) else {}


def _said(document: Mapping[str, Any]) -> str:
    """The message of an answer with everything that it complains of, in one line; "" where there is none."""
    errors = document.get("errors")
    complaints = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
    return one_line(": ".join(filter(None, (str(document.get("message") or ""), complaints))), 400)
