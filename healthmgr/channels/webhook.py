"""The channel `webhook`: one signed POST of JSON (Standard Webhooks 1.0) to an address of the user's own.

The body is ours, or Alertmanager's where a receiver was written for that.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from standardwebhooks import Webhook

from healthmgr import __version__
from healthmgr.channels.fields import ChannelConfig, holds_reference
from healthmgr.channels.http import Answer, Request, check_url, exchange, refusal
from healthmgr.channels.payload import encode
from healthmgr.channels.payload_alertmanager import encode_for_alertmanager
from healthmgr.domain.http_header import judge_header
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

_LEAST_SECRET = 24
_MOST_SECRETS = 5
_GONE = 410
# What Standard Webhooks asks for: a gateway that gives up is overloaded, and gets fewer messages.
_OVERLOADED, _THROTTLED_FOR = frozenset({502, 504}), timedelta(seconds=30)
_OURS = frozenset(
    {"content-length", "content-type", "transfer-encoding", "webhook-id", "webhook-signature", "webhook-timestamp"}
)
_PREFIX = "whsec_"
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class WebhookConfig(ChannelConfig):
    """Where to POST, and with which secret to sign."""

    url: str = Field(repr=False, description="the http(s) address that takes the messages")
    secret: SecretStr | tuple[SecretStr, ...] = Field(
        (),
        description="signs every message; read as the Standard Webhooks libraries do: base64, with or without whsec_ "
        "before it, stands for its bytes, any other text is the key itself; 24 bytes at least. To change it without "
        "losing a message, name both for a while, the newest first: every message is then signed with each. Only "
        "`format: alertmanager` can do without",
    )
    format: Literal["healthmgr", "alertmanager"] = Field(
        "healthmgr",
        description="the form of the body: healthmgr's own, or that of Alertmanager's webhooks (version 4) for "
        "receivers that were written for it; those hear nothing of acknowledgements",
    )
    headers: dict[str, SecretStr] = Field(
        default={}, description="further headers of the request, such as Authorization"
    )
    verify_tls: bool = Field(True, description="whether the receiver's certificate has to be valid for its host")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if not holds_reference(url):
            check_url(url)
        return url

    @field_validator("secret")
    @classmethod
    def _are_strong(cls, secret: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        texts = _texts(secret)
        if len(texts) > _MOST_SECRETS:
            raise ValueError(f"there are {len(texts)} secrets: {_MOST_SECRETS} at most, the newest first")
        for text in texts:
            if not holds_reference(text):
                signer(text)
        return secret

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.format == "healthmgr" and not self.secrets:
            raise ValueError("secret is missing: every message is signed; make one with `openssl rand -base64 32`")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets that sign, the newest first."""
        return _texts(self.secret)

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            judge_header(name, value.get_secret_value(), _OURS)
        return headers


class WebhookChannel:
    """POSTs with requests; the notification's id is the receiver's idempotency key. `address` is not used."""

    kind: ClassVar[str] = "webhook"
    needs_address: ClassVar[bool] = False
    tells_acknowledgements: ClassVar[bool] = True
    is_idempotent: ClassVar[bool] = True
    Config: ClassVar[type[WebhookConfig]] = WebhookConfig

    def send(self, config: WebhookConfig, message: Message, address: str, timeout: timedelta) -> Receipt:  # noqa: ARG002
        """Hand one message to the receiver; any 2xx is its acceptance."""
        is_foreign = config.format == "alertmanager"
        if is_foreign and (message.is_notice or message.kind is MessageKind.ACKNOWLEDGEMENT):
            return Receipt(detail="not sent: Alertmanager's format has no acknowledgements and no notices")
        try:
            body = encode_for_alertmanager(message) if is_foreign else encode(message)
            check_url(config.url)
            headers = _headers(config, message, body)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None
        secrets = tuple(value.get_secret_value() for value in config.headers.values())
        answer = _post(Request(config.url, body, headers, config.verify_tls, secrets), timeout)
        return Receipt(provider_id=str(message.notification_id), detail=str(answer))

    def preview(self, config: WebhookConfig, message: Message, address: str) -> str:  # noqa: ARG002
        """The body that `send` would hand over, set out to be read; raises ValueError where nothing could be told."""
        body = encode_for_alertmanager(message) if config.format == "alertmanager" else encode(message)
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2) + "\n"


def _post(request: Request, timeout: timedelta) -> Answer:
    answer = exchange(request, timeout)
    if 200 <= answer.status < 300:
        return answer
    if answer.status == _GONE:
        advice = "nobody takes messages there any more: correct `url`, or remove the channel"
        raise ChannelError(f"{request.place} answered {answer}: {advice}", permanent=True)
    if answer.status in _OVERLOADED and answer.retry_after is None:
        answer = replace(answer, retry_after=_THROTTLED_FOR)
    raise refusal(request, answer)


def _headers(config: WebhookConfig, message: Message, body: bytes) -> dict[str, str]:
    further = {name: value.get_secret_value() for name, value in config.headers.items()}
    return signed_headers(str(message.notification_id), body, config.secrets, further)


def signed_headers(key: str, body: bytes, secrets: Sequence[str], further: Mapping[str, str]) -> dict[str, str]:
    """The headers of Standard Webhooks, beside `further` ones; `key` is the same at every attempt.

    Raises ValueError for a secret that is too weak.
    """
    # The receiver compares this time with its own wall clock, so it is the wall clock's and new at every attempt.
    at = datetime.now(UTC)
    signatures = " ".join(signer(secret).sign(key, at, body.decode()) for secret in secrets)
    return {
        "User-Agent": f"healthmgr/{__version__}",
        **further,
        "Content-Type": "application/json",
        "webhook-id": key,
        "webhook-timestamp": str(int(at.timestamp())),
        **({"webhook-signature": signatures} if signatures else {}),
    }


def _texts(secret: SecretStr | tuple[SecretStr, ...]) -> tuple[str, ...]:
    """The texts of one secret or several; an empty one among several (the old one, no longer set) is none."""
    if isinstance(secret, SecretStr):
        return (secret.get_secret_value(),)
    return tuple(each.get_secret_value() for each in secret if each.get_secret_value())


def signer(secret: str) -> Webhook:
    """The library's reading of base64, and for any other text the text itself; raises ValueError for a weak one."""
    encoded = secret.removeprefix(_PREFIX)
    if not secret.startswith(_PREFIX) and not _BASE64.fullmatch(secret):
        key = secret.encode()
        return _strong(key, key)
    try:
        key = base64.b64decode(encoded + "==")
    except binascii.Error:
        raise ValueError("the secret is not base64 behind whsec_: make one with `openssl rand -base64 32`") from None
    return _strong(key, key if secret.startswith(_PREFIX) else secret.encode())


def _strong(key: bytes, judged: bytes) -> Webhook:
    if len(judged) < _LEAST_SECRET:
        raise ValueError(
            f"the secret is too short: {_LEAST_SECRET} bytes at least, such as `openssl rand -base64 32` makes"
        )
    return Webhook(key)
