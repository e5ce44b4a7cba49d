"""The channel `apprise`: some hundred more services, through the library of that name."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator

from healthmgr.channels.apprise_service import Outcome, Service, Text, notify_all
from healthmgr.channels.fields import TemplatedConfig, holds_reference
from healthmgr.channels.rendering import render
from healthmgr.channels.text import one_line
from healthmgr.domain.check import Severity
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

_CONTACT = "{contact}"
_MOST_URLS = 10
_SHORT = 400
_ALARMING = frozenset({Severity.CRITICAL, Severity.HIGH})


class AppriseConfig(TemplatedConfig):
    """Which services, each as the address that Apprise gives it."""

    urls: SecretStr | tuple[SecretStr, ...] = Field(
        (),
        description="one Apprise address, such as ntfy://ntfy.sh/our-alerts, or several: a message counts as told when "
        "one of them has taken it (what each has to take needs a channel of its own). {contact} in one stands for the "
        "recipient's contact; without any address the contact is the address, which then should hold no secret, for "
        "contacts are shown. Secrets are better written as ${NAME}",
    )

    @field_validator("urls")
    @classmethod
    def _are_known(cls, urls: SecretStr | tuple[SecretStr, ...]) -> SecretStr | tuple[SecretStr, ...]:
        texts = _texts(urls)
        if len(texts) > _MOST_URLS:
            raise ValueError(f"there are {len(texts)} addresses: {_MOST_URLS} at most")
        for number, text in enumerate(texts, 1):
            if not holds_reference(text) and _CONTACT not in text:
                _service(text, f"address {number}")
        return urls

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses as written."""
        return _texts(self.urls)


class AppriseChannel:
    """Calls the library in this process. A failure is temporary: Apprise says only that something did not work."""

    kind: ClassVar[str] = "apprise"
    needs_address: ClassVar[bool] = False
    Config: ClassVar[type[AppriseConfig]] = AppriseConfig

    def send(self, config: AppriseConfig, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Hand one message to every address, at once; one acceptance is enough."""
        try:
            services = _services(config, address)
            text = _text(config, message)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None
        outcomes = notify_all(services, text, timeout)
        said = "; ".join(f"{outcome.place}: {outcome.detail}" for outcome in outcomes)
        if any(outcome.is_accepted for outcome in outcomes):
            return Receipt(detail=said)
        raise _failure(said, outcomes)

    def preview(self, config: AppriseConfig, message: Message, address: str) -> str:  # noqa: ARG002
        """Title and text, which each service then puts in its own form; what little room has is told at the end."""
        text = _text(config, message)
        return f"{text.title}\n\n{text.body}\nWhere there is little room: {text.short}\n"


def _text(config: AppriseConfig, message: Message) -> Text:
    rendered = render(message, kind=AppriseChannel.kind, templates=config.templates)
    return Text(rendered.subject, rendered.text, _short(message), _notify_type(message))


def _failure(said: str, outcomes: list[Outcome]) -> ChannelError:
    return ChannelError(said, is_ambiguous=any(outcome.may_have_arrived for outcome in outcomes))


def _services(config: AppriseConfig, contact: str) -> list[Service]:
    """The services to call; raises ValueError, which repeats no address, where one cannot be used."""
    written = config.addresses
    if not contact and (not written or any(_CONTACT in text for text in written)):
        raise ValueError("there is no address to send to: give the recipient a contact on this channel, or `urls`")
    if not written:
        return [_service(contact, "the recipient's contact")]
    return [
        _service(text.replace(_CONTACT, quote(contact, safe="")), f"address {number}")
        for number, text in enumerate(written, 1)
    ]


def _service(url: str, name: str) -> Service:
    service = Service.at(url)
    if service is None:
        raise ValueError(
            f"{name} is none that Apprise can use: see that the service is spelt as in Apprise's documentation, that "
            "every part of it is there, and that a library that it needs is installed"
        )
    return service


def _texts(urls: SecretStr | tuple[SecretStr, ...]) -> tuple[str, ...]:
    several = (urls,) if isinstance(urls, SecretStr) else urls
    return tuple(each.get_secret_value() for each in several)


def _short(message: Message) -> str:
    """What fits into a text message; the subject is told beside it."""
    if message.kind is MessageKind.DIGEST:
        return one_line(", ".join(each.title for each in message.held_back), _SHORT)
    first = message.alerts[0]
    said = first.resolution if message.kind is MessageKind.RESOLUTION else first.summary
    return one_line(said or message.title, _SHORT)


def _notify_type(message: Message) -> str:
    if message.kind is MessageKind.RESOLUTION:
        return "success"
    if message.kind is not MessageKind.PROBLEM or message.is_test:
        return "info"
    return "failure" if message.severity in _ALARMING else "warning"
