"""The channel `sms`: text messages through Twilio."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import urlencode
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator

from healthmgr import __version__
from healthmgr.channels.fields import ChannelConfig, holds_reference
from healthmgr.channels.http import Request, check_url, exchange
from healthmgr.channels.sms_answers import accepted, earlier
from healthmgr.channels.sms_segments import segments
from healthmgr.channels.sms_text import SmsText, compose
from healthmgr.channels.text import one_line
from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_PUNCTUATION = re.compile(r"[\s().\-/]")
_PLACEHOLDER = "{notification_id}"
_MOST_READ = 262_144
_MOST_LISTED = 50
_CLOCKS_APART = timedelta(seconds=10)


class SmsConfig(ChannelConfig):
    """Which Twilio account, and who appears as the sender."""

    account_sid: str = Field(description="the account, AC and 32 hexadecimal digits")
    auth_token: SecretStr = Field(min_length=1, description="its password; better written as ${TWILIO_AUTH_TOKEN}")
    sender: str = Field(
        "",
        alias="from",
        description="the sender: a number of the account such as +491511234567, a short code, or a name of up to 11 "
        "letters where the country allows that; this or messaging_service_sid",
    )
    messaging_service_sid: str = Field(
        "", description="a messaging service that chooses the sender, MG and 32 hexadecimal digits"
    )
    replies: bool = Field(False, description="whether messages ask to be answered with `ACK` and the incident's number")
    status_callback: bool = Field(
        True, description="whether Twilio reports what becomes of each message; only where callback_url is set"
    )
    callback_url: str = Field(
        "", description="where Twilio reports to, {notification_id} standing for the notification's id"
    )
    url: str = Field("https://api.twilio.com", description="where Twilio's API is; another for a proxy")

    @field_validator("account_sid", "messaging_service_sid")
    @classmethod
    def _is_sid(cls, sid: str) -> str:
        if sid and not holds_reference(sid) and not re.fullmatch(r"(AC|MG)[0-9a-fA-F]{32}", sid):
            raise ValueError("this is no SID: copy it from Twilio's console, AC or MG and 32 hexadecimal digits")
        return sid

    @field_validator("sender")
    @classmethod
    def _is_sender(cls, sender: str) -> str:
        if not sender or holds_reference(sender):
            return sender
        if _SHORT_CODE.fullmatch(sender) or _SENDER_NAME.fullmatch(sender):
            return sender
        return phone_number(sender)

    @field_validator("url", "callback_url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        if url and not holds_reference(url):
            check_url(url.replace(_PLACEHOLDER, "0"))
        return url

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> SmsConfig:
        if not self.account_sid.startswith(("AC", "$")):
            raise ValueError("account_sid has to begin with AC")
        if bool(self.sender) == bool(self.messaging_service_sid):
            raise ValueError("a sender is needed: either `from` or `messaging_service_sid`, and not both")
        if self.replies and _SENDER_NAME.fullmatch(self.sender):
            raise ValueError("nobody can reply to a name: `replies` needs a number in `from`")
        return self


class SmsChannel:
    """Text messages. Twilio takes no idempotency key: before a second attempt it is asked about the first."""

    kind: ClassVar[str] = "sms"
    needs_address: ClassVar[bool] = True
    Config: ClassVar[type[SmsConfig]] = SmsConfig

    def send(self, config: SmsConfig, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Hand one message to Twilio; what becomes of it there is told by its reports."""
        started = time.monotonic()
        try:
            number = phone_number(address)
            text = compose(message, replies=config.replies)
            check_url(config.url)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None
        doubt = ""
        if message.attempt > 1:
            known, doubt = _earlier(config, number, text, message.notification_id, timeout / 3)
            if known:
                return known
        request = _request(config, "POST", "", _form(config, number, text, message.notification_id))
        answer = exchange(request, timeout - timedelta(seconds=time.monotonic() - started))
        receipt = accepted(request, answer)
        return Receipt(receipt.provider_id, receipt.detail + doubt)

    def preview(self, config: SmsConfig, message: Message, address: str) -> str:
        """What `send` would hand over, and what it would cost; raises ValueError for an address that is no number."""
        number = phone_number(address) if address else "nobody"
        body = compose(message, replies=config.replies).body
        sender = config.sender or config.messaging_service_sid
        return f"To: {number}\nFrom: {sender}\nSegments: {segments(body)}\n\n{body}\n"


def phone_number(text: str) -> str:
    """The number in its international form (E.164), without spaces and the like; raises ValueError for any other."""
    bare = text.strip()
    if "(0)" not in bare:
        bare = _PUNCTUATION.sub("", bare)
    if _E164.fullmatch(bare):
        return bare
    raise ValueError(
        f"{one_line(text, 40)!r} is not a phone number in its international form: write it with + and the country, "
        "such as +491511234567"
    )


def _earlier(
    config: SmsConfig, number: str, text: SmsText, notification_id: UUID, timeout: timedelta
) -> tuple[Receipt | None, str]:
    """The receipt of an earlier attempt that was taken after all, or none and what remains in doubt.

    Where Twilio cannot be asked, the message is sent: twice is better than never.
    """
    made_at = _made_at(notification_id)
    if made_at is None:
        return None, "; whether an earlier attempt was taken cannot be told"
    # Not by the day of sending: what still waits in Twilio's queue has none.
    query = urlencode({"To": number, "PageSize": _MOST_LISTED})
    try:
        answer = exchange(_request(config, "GET", f"?{query}", {}), timeout)
    except ChannelError:
        return None, "; Twilio did not say whether it had taken an earlier attempt"
    if answer.status != 200:
        return None, f"; Twilio did not say whether it had taken an earlier attempt ({answer.status})"
    return earlier(answer, text.headline, made_at - _CLOCKS_APART), ""


def _made_at(notification_id: UUID) -> datetime | None:
    """When the notification was made, which its id tells (UUIDv7); None where it is an id of another kind."""
    if notification_id.version != 7:
        return None
    return datetime.fromtimestamp((notification_id.int >> 80) / 1000, UTC)


def _form(config: SmsConfig, number: str, text: SmsText, notification_id: UUID) -> dict[str, str]:
    sender = {"From": config.sender} if config.sender else {"MessagingServiceSid": config.messaging_service_sid}
    form = {"To": number, **sender, "Body": text.body}
    if config.status_callback and config.callback_url:
        form["StatusCallback"] = config.callback_url.replace(_PLACEHOLDER, str(notification_id))
    return form


def _request(config: SmsConfig, method: str, query: str, form: Mapping[str, str]) -> Request:
    token = config.auth_token.get_secret_value()
    basic = base64.b64encode(f"{config.account_sid}:{token}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "User-Agent": f"healthmgr/{__version__}"}
    if form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    return Request(
        url=f"{config.url.rstrip('/')}/2010-04-01/Accounts/{config.account_sid}/Messages.json{query}",
        body=urlencode(form).encode(),
        headers=headers,
        secrets=(token, basic),
        method=method,
        most_read=_MOST_READ,
    )
