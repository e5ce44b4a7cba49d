"""SMTP: how far a mail server would go with a message, without handing one in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from healthmgr.checks.fields import Host
from healthmgr.checks.network import down, place_of
from healthmgr.checks.secured import TlsContexts, certificate_of, connected, trusting_anyone
from healthmgr.checks.smtp_dialogue import Dialogue, Reply, TalkFailed
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_PART_FOR_TALKING = 0.9  # of the timeout, so that the step that took too long can still be told
_IMPLICIT_TLS_PORT = 465
_TIME_FOR_FAREWELL = 0.5  # seconds

# One mailbox, that cannot smuggle a second command into the line.
Mailbox = Annotated[str, Field(pattern=r"^[^\s<>\x00-\x1f\x7f]+@[^\s<>\x00-\x1f\x7f]+$")]


class SmtpConfig(BaseModel):
    """Which mail server, and how far to go with it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Host = Field(description="Name or address of the mail server")
    port: int = Field(25, ge=1, le=65535, description="Its port: 25, 587 for submission, 465 for TLS from the start")
    tls: Literal["auto", "starttls", "tls", "none"] = Field(
        "auto",
        description="auto: TLS at once on port 465, else STARTTLS where it is offered; starttls and tls insist; "
        "none: in the clear, the password too",
    )
    verify_tls: bool = Field(True, description="Whether the server's certificate has to be valid for its host")
    ca_file: str | None = Field(
        None, min_length=1, description="File with the authorities to trust, PEM; else those of the system"
    )
    username: str = Field("", description="Account to log in with; empty: no login")
    password: SecretStr = Field(SecretStr(""), description="Password of the account")
    mail_from: Mailbox | None = Field(None, description="Sender that the server should accept")
    rcpt_to: Mailbox | None = Field(None, description="Recipient that the server should accept; nothing is sent")

    @model_validator(mode="after")
    def _must_be_whole(self) -> SmtpConfig:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("username and password belong together: give both, or neither")
        if self.rcpt_to is not None and self.mail_from is None:
            raise ValueError("rcpt_to needs a mail_from: a server takes no recipient before a sender")
        return self

    @property
    def is_tls_at_once(self) -> bool:
        """Whether TLS comes before the first word."""
        return self.tls == "tls" or (self.tls == "auto" and self.port == _IMPLICIT_TLS_PORT)


class SmtpCheck:
    """Talks to a mail server."""

    kind: ClassVar[str] = "smtp"
    Config: ClassVar[type[BaseModel]] = SmtpConfig
    uses_network: ClassVar[bool] = True

    def __init__(self) -> None:
        self._contexts = TlsContexts()

    async def probe(self, config: SmtpConfig, context: ProbeContext) -> Outcome:
        """Go as far as the configuration asks, and say QUIT; any step that is refused is unhealthy.

        Raises ProbeError when `ca_file` can't be used here.
        """
        talk = _Talk(config, self._contexts, context.now)
        try:
            async with asyncio.timeout(context.timeout.total_seconds() * _PART_FOR_TALKING) as deadline:
                return await talk.hold()
        except TalkFailed as failure:
            return Outcome(Status.UNHEALTHY, talk.without_secrets(str(failure)), metrics=talk.metrics)
        except OSError as error:
            if not deadline.expired():
                return down(error, config.host, config.port)
            waited = format_duration(context.timeout * _PART_FOR_TALKING)
            message = f"{place_of(config.host, config.port)} took longer than {waited}: it was at {talk.step}"
            return Outcome(Status.UNHEALTHY, message, metrics=talk.metrics)


class _Talk:
    """One conversation. `step` is where it is, in words."""

    def __init__(self, config: SmtpConfig, contexts: TlsContexts, now: datetime) -> None:
        self.metrics: dict[str, float] = {}
        self.step = "the connection"
        self._config = config
        self._contexts = contexts
        self._now = now
        self._done: list[str] = []

    async def hold(self) -> Outcome:
        """From the connection to QUIT. Raises TalkFailed or OSError."""
        config, started = self._config, time.perf_counter()
        place = place_of(config.host, config.port)
        async with connected(config.host, config.port) as (reader, writer):
            self.metrics["connect_time"] = time.perf_counter() - started
            if config.is_tls_at_once:
                await self._secure(writer)
            dialogue = Dialogue(place, reader, writer)
            self.step = "the greeting"
            banner = await dialogue.greeting()
            self.metrics["banner_time"] = time.perf_counter() - started
            await self._hello(dialogue, writer)
            if config.username:
                await self._log_in(dialogue)
            await self._offer_mail(dialogue)
            response_time = time.perf_counter() - started
            await _take_leave(dialogue)
        said = self.without_secrets(f"{place} answered {banner}")
        return Outcome(Status.HEALTHY, "; ".join([said, *self._done]), response_time, self.metrics)

    async def _hello(self, dialogue: Dialogue, writer: asyncio.StreamWriter) -> None:
        config, self.step = self._config, "EHLO"
        await dialogue.hello()
        if config.is_tls_at_once or config.tls == "none":
            return
        if config.tls == "starttls" or "STARTTLS" in dialogue.extensions:
            self.step = "STARTTLS"
            await dialogue.ask_for_tls()
            await self._secure(writer)
            self.step = "EHLO after STARTTLS"
            await dialogue.hello()

    async def _secure(self, writer: asyncio.StreamWriter) -> None:
        config, started, self.step = self._config, time.perf_counter(), "agreeing on TLS"
        trusting = self._contexts.trusting(config.ca_file) if config.verify_tls else trusting_anyone()
        await writer.start_tls(trusting, server_hostname=config.host)
        self.metrics["tls_time"] = time.perf_counter() - started
        self._done.append(writer.get_extra_info("ssl_object").version() or "TLS")
        with contextlib.suppress(ValueError):  # whether it can be read matters to the kind tls
            self.metrics["certificate_days_left"] = certificate_of(writer).days_left(self._now)

    async def _log_in(self, dialogue: Dialogue) -> None:
        self.step = "AUTH"
        if "tls_time" not in self.metrics and self._config.tls != "none":
            raise TalkFailed(
                f"{place_of(self._config.host, self._config.port)} offers no STARTTLS, "
                "so the password would be readable: set tls to none to allow that"
            )
        reply = await self._say_password(dialogue, dialogue.extensions.get("AUTH", "").upper().split())
        dialogue.expect(reply, "AUTH")
        self._done.append("logged in")

    async def _say_password(self, dialogue: Dialogue, mechanisms: list[str]) -> Reply:
        user, password = self._config.username, self._config.password.get_secret_value()
        if "PLAIN" in mechanisms:
            return await dialogue.say(f"AUTH PLAIN {_encoded(f'{chr(0)}{user}{chr(0)}{password}')}", "AUTH")
        if "LOGIN" in mechanisms:
            dialogue.expect(await dialogue.say("AUTH LOGIN"), "AUTH LOGIN", 334)
            dialogue.expect(await dialogue.say(_encoded(user), "the user name"), "the user name", 334)
            return await dialogue.say(_encoded(password), "the password")
        offered = f"only {', '.join(mechanisms)}" if mechanisms else "no login"
        raise TalkFailed(f"the server offers {offered}, and neither PLAIN nor LOGIN")

    async def _offer_mail(self, dialogue: Dialogue) -> None:
        config = self._config
        if config.mail_from is None:
            return
        self.step = "MAIL FROM"
        dialogue.expect(await dialogue.say(f"MAIL FROM:<{config.mail_from}>"), f"the sender {config.mail_from}")
        if config.rcpt_to is not None:
            self.step = "RCPT TO"
            dialogue.expect(await dialogue.say(f"RCPT TO:<{config.rcpt_to}>"), f"the recipient {config.rcpt_to}")
            self._done.append(f"would take mail for {config.rcpt_to}")
        self.step = "RSET"
        await dialogue.say("RSET")

    def without_secrets(self, text: str) -> str:
        """A server may repeat what it was told, the password too, as it is or as it was sent."""
        password = self._config.password.get_secret_value()
        for secret in (_encoded(f"\0{self._config.username}\0{password}"), _encoded(password), password):
            text = text.replace(secret, "***") if secret else text
        return text


async def _take_leave(dialogue: Dialogue) -> None:
    """Say QUIT; a server that is slow or silent in answering it has already shown what was asked of it."""
    with contextlib.suppress(TalkFailed, OSError, TimeoutError):
        async with asyncio.timeout(_TIME_FOR_FAREWELL):
            await dialogue.say("QUIT")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
