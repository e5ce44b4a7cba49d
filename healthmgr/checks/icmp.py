"""ICMP: echo requests, how many of them come back, and how soon."""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from healthmgr.checks.fields import Host
from healthmgr.checks.network import down
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration, length_of
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_PART_FOR_LISTENING = 0.9  # of the timeout, so that what was lost can still be told
_PART_FOR_SENDING = 0.5  # of the time for listening, at most
_FAMILIES = {None: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}
_PROTOCOLS = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_REQUESTS = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLIES = {socket.AF_INET: 0, socket.AF_INET6: 129}
_HEADER = struct.Struct("!BBHHH")
_TOKEN_SIZE = 8
_LARGEST_PACKET = 65_535
_NOT_PERMITTED = (
    "this worker may not send echo requests: let its group do so with "
    'sysctl -w net.ipv4.ping_group_range="0 2147483647", or give it the capability CAP_NET_RAW'
)

Duration = Annotated[timedelta, BeforeValidator(length_of)]

Opener = Callable[[socket.AddressFamily, Any], socket.socket]


class IcmpConfig(BaseModel):
    """Whom to ask for an echo, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: Host = Field(description="Name or address of the host")
    packets: int = Field(3, ge=1, le=50, description="Echo requests in one probe")
    gap: Duration = Field(
        timedelta(milliseconds=200), ge=timedelta(0), description="Time between two requests; less when it is short"
    )
    size: int = Field(56, ge=_TOKEN_SIZE, le=1400, description="Bytes of content in each request")
    max_loss: float = Field(50, ge=0, lt=100, description="Percent of the requests that may be lost; more is unhealthy")
    ip_version: Literal[4, 6] | None = Field(None, description="4 or 6, where a name has addresses of both versions")


class IcmpCheck:
    """Asks a host for echoes."""

    kind: ClassVar[str] = "icmp"
    Config: ClassVar[type[BaseModel]] = IcmpConfig
    uses_network: ClassVar[bool] = True

    def __init__(self, open_to: Opener | None = None) -> None:
        self._open = open_to or open_to_host

    async def probe(self, config: IcmpConfig, context: ProbeContext) -> Outcome:
        """Send the requests and wait for all echoes; a host without an address or without echoes is unhealthy.

        Raises ProbeError when this worker is not permitted to send echo requests.
        """
        seconds = context.timeout.total_seconds() * _PART_FOR_LISTENING
        until = time.monotonic() + seconds
        try:
            family, address = await _address_of(config)
            with self._open(family, address) as sock:
                echoes = _Echoes(family, config.packets, config.size)
                await _exchange(sock, echoes, config.gap.total_seconds(), until - time.monotonic())
        except OSError as error:
            return down(error, config.host, None)
        return _judge(config, str(address[0]), echoes.times, timedelta(seconds=seconds))


async def _address_of(config: IcmpConfig) -> tuple[socket.AddressFamily, Any]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(config.host, None, family=_FAMILIES[config.ip_version], type=socket.SOCK_DGRAM)
    return found[0][0], found[0][4]


def open_to_host(family: socket.AddressFamily, address: Any) -> socket.socket:
    """A connected socket for echo requests: of the kind that needs no privilege, else a raw one.

    Raises ProbeError when this process may have neither, and OSError when no way leads to the address.
    """
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            sock = socket.socket(family, kind, _PROTOCOLS[family])
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
                raise
            continue
        try:
            sock.setblocking(False)
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock
    raise ProbeError(_NOT_PERMITTED)


@dataclass(slots=True)
class _Echoes:
    """The requests of one probe, told from everybody else's by a token in their content."""

    family: socket.AddressFamily
    count: int
    size: int
    times: dict[int, float] = field(default_factory=dict)
    _sent: dict[int, float] = field(default_factory=dict)
    _token: bytes = field(default_factory=lambda: secrets.token_bytes(_TOKEN_SIZE))
    _identifier: int = field(default_factory=lambda: secrets.randbelow(65_536))

    def request(self, number: int) -> bytes:
        """The packet with this number; its time runs from now."""
        packet = echo_request(self.family, self._identifier, number, self._token.ljust(self.size, b"\0"))
        self._sent[number] = time.perf_counter()
        return packet

    def hear(self, packet: bytes) -> None:
        """Note the time of an echo, if it is one of ours; a second one of the same number changes nothing."""
        now = time.perf_counter()
        read = read_echo(self.family, packet)
        if read is None or read[1] != self._token.ljust(self.size, b"\0"):
            return
        number = read[0]
        if number in self._sent and number not in self.times:
            self.times[number] = now - self._sent[number]


async def _exchange(sock: socket.socket, echoes: _Echoes, gap: float, seconds: float) -> None:
    """Send and listen at once, until the last echo is there or the time is up."""
    gap = min(gap, seconds * _PART_FOR_SENDING / echoes.count)
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline, asyncio.TaskGroup() as group:
            group.create_task(_listen(sock, echoes))
            group.create_task(_send(sock, echoes, gap))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    except TimeoutError:
        if not deadline.expired():
            raise


async def _send(sock: socket.socket, echoes: _Echoes, gap: float) -> None:
    loop = asyncio.get_running_loop()
    for number in range(echoes.count):
        await loop.sock_sendall(sock, echoes.request(number))
        if number + 1 < echoes.count:
            await asyncio.sleep(gap)


async def _listen(sock: socket.socket, echoes: _Echoes) -> None:
    loop = asyncio.get_running_loop()
    while len(echoes.times) < echoes.count:
        echoes.hear(await loop.sock_recv(sock, _LARGEST_PACKET))


def echo_request(family: socket.AddressFamily, identifier: int, number: int, content: bytes) -> bytes:
    """An echo request, with the checksum of version 4; that of version 6 is the kernel's work."""
    kind = _REQUESTS[family]
    checksum = _checksum(_HEADER.pack(kind, 0, 0, identifier, number) + content) if family == socket.AF_INET else 0
    return _HEADER.pack(kind, 0, checksum, identifier, number) + content


def read_echo(family: socket.AddressFamily, packet: bytes) -> tuple[int, bytes] | None:
    """The number and the content of an echo reply; None for anything else."""
    if family == socket.AF_INET and packet and packet[0] >> 4 == 4:  # raw sockets show the IP header, too
        packet = packet[(packet[0] & 0x0F) * 4 :]
    if len(packet) < _HEADER.size:
        return None
    kind, _, _, _, number = _HEADER.unpack_from(packet)
    return (number, packet[_HEADER.size :]) if kind == _REPLIES[family] else None


def _checksum(packet: bytes) -> int:
    """The complement of the sum of all 16-bit words, carries added in (RFC 1071)."""
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _judge(config: IcmpConfig, address: str, times: dict[int, float], waited: timedelta) -> Outcome:
    received, sent = len(times), config.packets
    metrics = {"packet_loss": 100.0 * (sent - received) / sent}
    place = config.host if config.host == address else f"{config.host} ({address})"
    if not times:
        message = f"{place} sent no echo of {sent} requests within {format_duration(waited)}"
        return Outcome(Status.UNHEALTHY, message, metrics=metrics)
    average = sum(times.values()) / received
    metrics.update(rtt_min=min(times.values()), rtt_avg=average, rtt_max=max(times.values()))
    message = f"{place} sent {received} of {sent} echoes, in {average * 1000:.3g} ms on average"
    is_lossy = metrics["packet_loss"] > config.max_loss
    if is_lossy:
        message += f": {metrics['packet_loss']:.0f}% were lost, {config.max_loss:g}% may be"
    return Outcome(Status.UNHEALTHY if is_lossy else Status.HEALTHY, message, average, metrics)
