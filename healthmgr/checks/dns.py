"""DNS: what name servers answer for a name, and whether it is what they should."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.inet
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from healthmgr.checks.dns_records import normal, text_of
from healthmgr.checks.fields import Host
from healthmgr.checks.network import explain, place_of
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_PART_FOR_ASKING = 0.9  # of the timeout, so that a silent server can still be named
_PART_FOR_FIRST_TRY = 0.4  # of the time for asking: a datagram may be lost on the way
_MOST_SHOWN = 4  # answers in a message
_WORDS = {
    dns.rcode.NXDOMAIN: "{server} says that {name} does not exist (NXDOMAIN)",
    dns.rcode.SERVFAIL: "{server} could not resolve {name} (SERVFAIL)",
    dns.rcode.REFUSED: "{server} refuses to answer for {name} (REFUSED)",
}


class DnsConfig(BaseModel):
    """Which name to ask for, whom to ask, and what to expect."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="The whole name to ask for; with type PTR an address will do")
    type: str = Field("A", description="Type of the records: A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT or another")
    nameservers: list[Host] = Field(
        default_factory=list,
        description="Name servers that must each answer as expected; none: those of the worker's own machine, "
        "of which one is enough",
    )
    port: int = Field(53, ge=1, le=65535, description="Port of the name servers")
    protocol: Literal["udp", "tcp"] = Field("udp", description="udp, which turns to TCP for a long answer, or tcp")
    expected: list[str] = Field(default_factory=list, description="Values that the records should have")
    match: Literal["all", "any", "exact"] = Field(
        "all", description="all or any of the expected values must be there; exact: all of them and no others"
    )
    min_answers: int = Field(1, ge=0, description="Fewest records; with 0 the name need not exist")

    @field_validator("type")
    @classmethod
    def _must_be_a_type(cls, value: str) -> str:
        try:
            kind = dns.rdatatype.from_text(value)
        except (dns.exception.DNSException, ValueError):
            raise ValueError(f"{value!r} is not a type of DNS records: write A, AAAA, MX or the like") from None
        if dns.rdatatype.is_metatype(kind):
            raise ValueError(f"{value!r} cannot be asked for as one type of records")
        return dns.rdatatype.to_text(kind)

    @model_validator(mode="after")
    def _must_be_a_name(self) -> DnsConfig:
        _question_of(self)
        return self


class DnsCheck:
    """Asks name servers."""

    kind: ClassVar[str] = "dns"
    Config: ClassVar[type[BaseModel]] = DnsConfig
    uses_network: ClassVar[bool] = True

    async def probe(self, config: DnsConfig, context: ProbeContext) -> Outcome:
        """Ask all servers at once; one that is silent, fails or answers otherwise than expected is unhealthy.

        Raises ProbeError when no server is given and this machine has none of its own.
        """
        servers = config.nameservers or _own_servers()
        seconds = context.timeout.total_seconds() * _PART_FOR_ASKING
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_ask(config, server, seconds)) for server in servers]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return _combine(config, [task.result() for task in tasks])


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one server said. `problem` is empty when it is as expected; `seconds` until it spoke."""

    server: str
    problem: str = ""
    records: tuple[str, ...] = ()
    ttl: float | None = None
    seconds: float = 0.0


def _question_of(config: DnsConfig) -> dns.name.Name:
    """The name as it is asked for. Raises ValueError when it can't be one."""
    is_reverse = config.type == "PTR" and dns.inet.is_address(config.name)
    try:
        if is_reverse:
            return dns.reversename.from_address(config.name)
        return dns.name.from_text(config.name)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ValueError(f"{config.name!r} is not a name that DNS could hold: {error}") from None


def _own_servers() -> list[str]:
    try:
        return [str(server) for server in dns.resolver.Resolver().nameservers]
    except dns.exception.DNSException as error:
        raise ProbeError("this machine has no name servers of its own: name some under nameservers") from error


async def _ask(config: DnsConfig, server: str, seconds: float) -> _Answer:
    place = place_of(server, config.port)
    started = time.perf_counter()
    try:
        address = await _address_of(server, config.port)
        response = await _exchange(config, address, seconds)
    except (TimeoutError, dns.exception.Timeout):
        return _Answer(place, f"{place} gave no valid answer within {format_duration(timedelta(seconds=seconds))}")
    except EOFError:
        return _Answer(place, f"{place} closed the connection without an answer")
    except dns.exception.DNSException as error:
        return _Answer(place, f"{place} answered what is not DNS: {error or type(error).__name__}")
    except OSError as error:
        return _Answer(place, explain(error, server, config.port))
    return _judge(config, place, response, time.perf_counter() - started)


async def _address_of(server: str, port: int) -> str:
    found = await asyncio.get_running_loop().getaddrinfo(server, port, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


async def _exchange(config: DnsConfig, address: str, seconds: float) -> dns.message.Message:
    """One question and its answer: a lost datagram is sent again once, and a cut answer fetched by TCP."""
    until = time.monotonic() + seconds
    if config.protocol == "udp":
        try:
            return await _exchange_datagrams(config, address, seconds)
        except dns.message.Truncated:
            seconds = until - time.monotonic()
    query = dns.message.make_query(_question_of(config), config.type)
    async with asyncio.timeout(seconds):
        return await dns.asyncquery.tcp(query, address, timeout=seconds, port=config.port)


async def _exchange_datagrams(config: DnsConfig, address: str, seconds: float) -> dns.message.Message:
    try:
        return await _exchange_datagram(config, address, seconds * _PART_FOR_FIRST_TRY)
    except dns.exception.Timeout:
        return await _exchange_datagram(config, address, seconds * (1 - _PART_FOR_FIRST_TRY))


async def _exchange_datagram(config: DnsConfig, address: str, seconds: float) -> dns.message.Message:
    """Over a connected socket, which hears of a closed port and hears nobody but the server."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    backend = dns.asyncbackend.get_default_backend()
    query = dns.message.make_query(_question_of(config), config.type)
    made = backend.make_socket(family, socket.SOCK_DGRAM, destination=(address, config.port))  # type: ignore[no-untyped-call]
    async with await made as sock:
        return await dns.asyncquery.udp(
            query,
            address,
            timeout=seconds,
            port=config.port,
            sock=sock,
            raise_on_truncation=True,
            ignore_errors=True,  # a forged or garbled datagram must not keep us from the true answer
        )


def _judge(config: DnsConfig, place: str, response: dns.message.Message, seconds: float) -> _Answer:
    rcode = response.rcode()
    is_absent = rcode == dns.rcode.NXDOMAIN and config.min_answers == 0
    if rcode != dns.rcode.NOERROR and not is_absent:
        words = _WORDS.get(rcode, "{server} answered {rcode} for {name}")
        problem = words.format(server=place, name=config.name, rcode=dns.rcode.to_text(rcode))
        return _Answer(place, problem, seconds=seconds)
    try:
        records, ttl = _records_in(response)
    except dns.exception.DNSException as error:  # such as aliases that lead in a circle
        return _Answer(place, f"{place} gave an answer for {config.name} that makes no sense: {error}")
    problem = _mismatch(config, records)
    return _Answer(place, f"{place} {problem}" if problem else "", records, ttl, seconds)


def _records_in(response: dns.message.Message) -> tuple[tuple[str, ...], float | None]:
    """The values at the end of the chain of aliases, and the shortest time that any part of it may be kept."""
    if not isinstance(response, dns.message.QueryMessage) or not response.answer:
        return (), None
    chain = response.resolve_chaining()
    if chain.answer is None:
        return (), None
    return tuple(text_of(record) for record in chain.answer), float(chain.minimum_ttl)


def _mismatch(config: DnsConfig, records: Sequence[str]) -> str:
    """What is wrong with these records, or nothing."""
    if len(records) < config.min_answers:
        found = f"only {len(records)}" if records else "no"
        plural = "" if len(records) == 1 else "s"
        wanted = f", expected {config.min_answers}" if config.min_answers > 1 else ""
        return f"has {found} {config.type} record{plural} for {config.name}{wanted}"
    expected = {normal(config.type, value): value for value in config.expected}
    found_values = {normal(config.type, record) for record in records}
    missing = [value for key, value in expected.items() if key not in found_values]
    is_met = len(missing) < len(expected) if config.match == "any" and expected else not missing
    if config.match == "exact" and expected:
        is_met = expected.keys() == found_values
    if is_met:
        return ""
    between = {"all": " and ", "any": " or ", "exact": " and "}[config.match]
    only = "exactly " if config.match == "exact" else ""
    said = _listed(records) if records else "nothing"
    return f"answered {said} for {config.name} {config.type}, expected {only}{between.join(config.expected)}"


def _listed(records: Sequence[str]) -> str:
    shown = ", ".join(sorted(records)[:_MOST_SHOWN])
    return shown if len(records) <= _MOST_SHOWN else f"{shown} and {len(records) - _MOST_SHOWN} more"


def _combine(config: DnsConfig, answers: Sequence[_Answer]) -> Outcome:
    good = [answer for answer in answers if not answer.problem]
    problems = "; ".join(answer.problem for answer in answers if answer.problem)
    heard = [answer for answer in answers if answer.seconds]
    metrics = {"answers": float(min((len(answer.records) for answer in heard), default=0))}
    if ttls := [answer.ttl for answer in heard if answer.ttl is not None]:
        metrics["ttl"] = min(ttls)
    if len(answers) > 1:
        metrics["failed_nameservers"] = float(len(answers) - len(good))
    response_time = max((answer.seconds for answer in heard), default=None)
    if not good or (config.nameservers and len(good) < len(answers)):
        return Outcome(Status.UNHEALTHY, problems, response_time, metrics)
    records = good[0].records
    what = f"{config.name} {config.type}: {_listed(records)}" if records else f"{config.name} has no {config.type}"
    who = good[0].server if len(good) == 1 else f"{len(good)} name servers"
    return Outcome(Status.HEALTHY, f"{what} ({who})", response_time, metrics)
