"""TLS: the certificate that a server shows, how long it lasts, and whether clients will trust it."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from healthmgr.checks.certificates import Certificate, explain_expiry, explain_fault
from healthmgr.checks.fields import Host
from healthmgr.checks.network import down, place_of
from healthmgr.checks.secured import TlsContexts, certificate_of, connected, trusting_anyone
from healthmgr.checks.smtp_dialogue import Dialogue, TalkFailed
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_PART_FOR_TALKING = 0.9  # of the timeout, so that what was waited for can still be told


class TlsConfig(BaseModel):
    """Which server to look at, and how long its certificate should last."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host = Field(description="Name or address to connect to")
    port: int = Field(443, ge=1, le=65535, description="Port to connect to")
    server_name: Host | None = Field(
        None, description="The name that the certificate must be for, when it is not the host"
    )
    starttls: Literal["smtp"] | None = Field(
        None, description="smtp: talk to a mail server first, and turn to TLS by STARTTLS"
    )
    verify: bool = Field(True, description="Whether clients must be able to trust it; false judges its dates alone")
    ca_file: str | None = Field(
        None, min_length=1, description="File with the authorities to trust, PEM; else those of the system"
    )
    warning_days: float = Field(21, ge=0, description="Degraded when fewer days are left")
    critical_days: float = Field(7, ge=0, description="Unhealthy when fewer days are left")

    @model_validator(mode="after")
    def _must_warn_first(self) -> TlsConfig:
        if self.critical_days > self.warning_days:
            raise ValueError(f"critical_days {self.critical_days:g} is above warning_days {self.warning_days:g}")
        return self


@dataclass(frozen=True, slots=True)
class _Seen:
    certificate: Certificate
    protocol: str
    metrics: dict[str, float]


class TlsCheck:
    """Looks at a server's certificate."""

    kind: ClassVar[str] = "tls"
    Config: ClassVar[type[BaseModel]] = TlsConfig
    uses_network: ClassVar[bool] = True

    def __init__(self) -> None:
        self._contexts = TlsContexts()

    async def probe(self, config: TlsConfig, context: ProbeContext) -> Outcome:
        """Shake hands once as a client would; a second time, trusting anyone, where the first one failed.

        Expired, soon to expire, for another host or signed by nobody trusted is unhealthy; raises ProbeError
        when `ca_file` can't be used here.
        """
        trusting = self._contexts.trusting(config.ca_file) if config.verify else trusting_anyone()
        place, seconds = place_of(config.host, config.port), context.timeout.total_seconds() * _PART_FOR_TALKING
        try:
            async with asyncio.timeout(seconds) as deadline:
                return await _look(config, trusting, context.now)
        except TalkFailed as failure:
            return Outcome(Status.UNHEALTHY, str(failure))
        except ValueError as error:
            return Outcome(Status.UNHEALTHY, f"{place} shows a certificate that cannot be read: {error}")
        except OSError as error:
            if deadline.expired():
                waited = format_duration(context.timeout * _PART_FOR_TALKING)
                return Outcome(Status.UNHEALTHY, f"{place} did not agree on TLS within {waited}")
            return down(error, config.host, config.port)


async def _look(config: TlsConfig, trusting: ssl.SSLContext, now: datetime) -> Outcome:
    try:
        seen = await _shake_hands(config, trusting)
    except ssl.SSLCertVerificationError as error:
        seen = await _shake_hands(config, trusting_anyone())
        fault = explain_fault(error, seen.certificate, config.server_name or config.host, now)
        return _judge(config, seen, now, fault)
    return _judge(config, seen, now)


async def _shake_hands(config: TlsConfig, trusting: ssl.SSLContext) -> _Seen:
    started = time.perf_counter()
    async with connected(config.host, config.port) as (reader, writer):
        metrics = {"connect_time": time.perf_counter() - started}
        if config.starttls == "smtp":
            dialogue = Dialogue(place_of(config.host, config.port), reader, writer)
            await dialogue.greeting()
            await dialogue.hello()
            await dialogue.ask_for_tls()
        asked = time.perf_counter()
        await writer.start_tls(trusting, server_hostname=config.server_name or config.host)
        metrics["tls_time"] = time.perf_counter() - asked
        return _Seen(certificate_of(writer), writer.get_extra_info("ssl_object").version() or "TLS", metrics)


def _judge(config: TlsConfig, seen: _Seen, now: datetime, fault: str = "") -> Outcome:
    days, expiry = seen.certificate.days_left(now), explain_expiry(seen.certificate, now)
    subject = f"the certificate of {place_of(config.host, config.port)}"
    if fault:
        also = f"; it {expiry}" if days < config.warning_days and not fault.startswith("expired") else ""
        return _outcome(Status.UNHEALTHY, f"{subject} {fault}{also}", seen, days)
    if days < config.critical_days:
        return _outcome(Status.UNHEALTHY, f"{subject} {expiry}", seen, days)
    if days < config.warning_days:
        return _outcome(Status.DEGRADED, f"{subject} {expiry}", seen, days)
    signed = "itself" if seen.certificate.is_self_issued else seen.certificate.issuer
    return _outcome(Status.HEALTHY, f"{seen.protocol}; {subject}, signed by {signed}, {expiry}", seen, days)


def _outcome(status: Status, message: str, seen: _Seen, days: float) -> Outcome:
    """The response time is that of the handshake that was seen, whether or not it took a second one."""
    metrics = {"certificate_days_left": days, **seen.metrics}
    return Outcome(status, message, sum(seen.metrics.values()), metrics)
