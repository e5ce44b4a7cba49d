"""The kind `icmp`: echoes of this machine's own kernel, where the tests may ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from healthmgr.checks.icmp import IcmpCheck, IcmpConfig, echo_request, open_to_host, read_echo
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

UNPRIVILEGED = """
import os, socket
from healthmgr.checks.icmp import open_to_host
from healthmgr.errors import ProbeError
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    open_to_host(socket.AF_INET, ("127.0.0.1", 0)).close()
    print("permitted")
except ProbeError as error:
    print(error)
"""


# In a network of its own, whose loopback is all there is, echoes are allowed to everybody, and this is nobody then.
PERMITTED = """
import asyncio, concurrent.futures.thread, fcntl, os, socket, struct, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from healthmgr.checks.icmp import IcmpCheck, IcmpConfig, open_to_host
from healthmgr.ports import ProbeContext
Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 2147483647")
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running
configs = [IcmpConfig(host=host, packets=3, gap="10ms") for host in ("127.0.0.1", "::1")]
if sys.argv[1] == "drop":
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
kinds = set()
def observed(family, address):
    sock = open_to_host(family, address)
    kinds.add(sock.type)
    return sock
for config in configs:
    context = ProbeContext("x", timedelta(seconds=5), datetime.now(UTC))
    print(asyncio.run(IcmpCheck(observed).probe(config, context)).message)
print(kinds == {socket.SOCK_DGRAM})
"""


def may_ping() -> bool:
    try:
        open_to_host(socket.AF_INET, ("127.0.0.1", 0)).close()
    except ProbeError:
        return False
    return True


pings = pytest.mark.skipif(not may_ping(), reason="neither ping_group_range nor CAP_NET_RAW lets this process ping")


@pings
@pytest.mark.parametrize(
    ("host", "ip_version", "place"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("::1", None, "::1"),
        ("localhost", 4, "localhost (127.0.0.1)"),
    ],
)
def test_a_host_that_echoes_is_healthy(probe: Any, host: str, ip_version: int | None, place: str) -> None:
    started = time.monotonic()
    outcome = probe("icmp", {"host": host, "ip_version": ip_version, "gap": "10ms"})
    assert time.monotonic() - started < 2
    assert outcome.status is Status.HEALTHY
    assert outcome.message.startswith(f"{place} sent 3 of 3 echoes, in ")
    metrics = outcome.metrics
    assert metrics["packet_loss"] == 0
    assert 0 < metrics["rtt_min"] <= metrics["rtt_avg"] <= metrics["rtt_max"] < 1
    assert outcome.response_time == metrics["rtt_avg"]


@pings
@pytest.mark.parametrize("size", [8, 9, 1400])
def test_content_of_any_size_comes_back(probe: Any, size: int) -> None:
    outcome = probe("icmp", {"host": "127.0.0.1", "packets": 2, "gap": "0s", "size": size})
    assert (outcome.status, outcome.metrics["packet_loss"]) == (Status.HEALTHY, 0.0)


@pings
def test_probes_at_the_same_time_hear_their_own_echoes_alone() -> None:
    async def many() -> list[Any]:
        context = ProbeContext("subject", timedelta(seconds=5), datetime.now(UTC))
        config = IcmpConfig(host="127.0.0.1", packets=5, gap=timedelta(milliseconds=20))
        return await asyncio.gather(*(IcmpCheck().probe(config, context) for _ in range(20)))

    for outcome in asyncio.run(many()):
        assert outcome.metrics["packet_loss"] == 0
        assert outcome.metrics["rtt_max"] < 2


class Host:
    """The other end of a wire: what it does with each request is up to the test."""

    def __init__(self, answer: Callable[[bytes, int], list[bytes]]) -> None:
        self.ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ours.setblocking(False)
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with self._theirs:
            number = 0
            while request := self._theirs.recv(65_536):
                for packet in self._answer(request, number):
                    with contextlib.suppress(OSError):
                        self._theirs.send(packet)
                number += 1

    def probe(self, timeout: float = 0.5, **more: Any) -> Outcome:
        """One probe of this host."""
        context = ProbeContext("subject", timedelta(seconds=timeout), datetime.now(UTC))
        config = IcmpConfig.model_validate({"host": "127.0.0.1", "packets": 4, "gap": "1ms", **more})
        return asyncio.run(IcmpCheck(lambda family, address: self.ours).probe(config, context))

    def close(self) -> None:
        self.ours.close()
        self._thread.join(5)


def echo(request: bytes, kind: int = 0) -> bytes:
    """The reply of a decent host."""
    return bytes([kind]) + request[1:]


def with_ip_header(packet: bytes) -> bytes:
    return b"\x46" + b"\0" * 23 + packet  # six words long: with an option


NOISE = [b"\x00", b"\x45", b"\x4f\x00\x00", b"\xff" * 65]


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (lambda request, number: [], 0),
        (lambda request, number: [request], 0),
        (lambda request, number: [echo(request, kind=3)], 0),
        (lambda request, number: [echo(request)[:20]], 0),
        (lambda request, number: [echo(request)[:8] + bytes(len(request) - 8)], 0),
        (lambda request, number: [echo(request)[:6] + b"\x00\x63" + request[8:]], 0),
        (lambda request, number: [echo(request)] * 3 if number == 0 else [], 1),
        (lambda request, number: [echo(request)] if number % 2 else [], 2),
        (lambda request, number: [*NOISE, echo(request)], 4),
        (lambda request, number: [with_ip_header(request), with_ip_header(echo(request))], 4),
    ],
    ids=["deaf", "parrot", "unreachable", "cut", "other content", "other number", "thrice", "lossy", "noisy", "raw"],
)
def test_only_true_echoes_count(answer: Any, received: int) -> None:
    host = Host(answer)
    started = time.monotonic()
    outcome = host.probe(timeout=0.4)
    assert time.monotonic() - started < 1
    host.close()
    assert outcome.metrics["packet_loss"] == 100.0 * (4 - received) / 4
    assert outcome.status is (Status.HEALTHY if received >= 2 else Status.UNHEALTHY)
    assert ("rtt_avg" in outcome.metrics) is (received > 0)


def test_a_deaf_host_is_told_with_the_time_that_was_waited() -> None:
    host = Host(lambda request, number: [])
    outcome = host.probe(timeout=0.3)
    host.close()
    assert outcome.message == "127.0.0.1 sent no echo of 4 requests within 270ms"


def test_more_loss_than_may_be_is_unhealthy_and_told() -> None:
    host = Host(lambda request, number: [echo(request)] if number else [])
    outcome = host.probe(timeout=0.3, max_loss=10)
    host.close()
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.endswith(": 25% were lost, 10% may be")


def test_requests_are_sent_early_enough_to_be_answered_however_long_the_gap() -> None:
    host = Host(lambda request, number: [echo(request)])
    outcome = host.probe(timeout=0.5, gap="10s")
    host.close()
    assert outcome.metrics["packet_loss"] == 0


def test_a_cancelled_probe_closes_its_socket() -> None:
    host = Host(lambda request, number: [])

    async def cut_off() -> None:
        context = ProbeContext("subject", timedelta(seconds=30), datetime.now(UTC))
        config = IcmpConfig(host="127.0.0.1")
        async with asyncio.timeout(0.1):
            await IcmpCheck(lambda family, address: host.ours).probe(config, context)

    with pytest.raises(TimeoutError):
        asyncio.run(cut_off())
    assert host.ours.fileno() == -1
    host.close()


def test_a_host_without_an_address_is_unhealthy(probe: Any) -> None:
    outcome = probe("icmp", {"host": "no-such-host.invalid"})
    assert outcome.status is Status.UNHEALTHY
    assert "no-such-host.invalid does not resolve" in outcome.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can drop its privileges")
def test_a_worker_that_may_not_ping_could_not_tell_and_names_the_mend(project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNPRIVILEGED], cwd=project_root, capture_output=True, text=True, timeout=30, check=True
    )
    low, high = Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii").split()
    if int(low) <= 65534 <= int(high):
        assert done.stdout.strip() == "permitted"
    else:
        assert "net.ipv4.ping_group_range" in done.stdout
        assert "CAP_NET_RAW" in done.stdout


def test_a_worker_without_privileges_pings_where_its_group_may(project_root: Path) -> None:
    is_root = os.geteuid() == 0
    network = ["unshare", "--net", *([] if is_root else ["--map-root-user"])]
    allow = [*network, "sh", "-c", "echo 0 1 > /proc/sys/net/ipv4/ping_group_range"]
    if not shutil.which("unshare") or subprocess.run(allow, capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets the test make no network of its own")
    done = subprocess.run(
        [*network, sys.executable, "-c", PERMITTED, "drop" if is_root else "stay"],
        cwd=project_root,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    four, six, are_unprivileged = done.stdout.splitlines()
    assert four.startswith("127.0.0.1 sent 3 of 3 echoes")
    assert six.startswith("::1 sent 3 of 3 echoes")
    assert are_unprivileged == "True"


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_request_is_no_echo_and_its_echo_is(family: socket.AddressFamily) -> None:
    request = echo_request(family, 7, 3, b"12345678x")
    assert read_echo(family, request) is None
    assert read_echo(family, echo(request, 0 if family == socket.AF_INET else 129)) == (3, b"12345678x")


def test_the_checksum_is_that_of_the_standard() -> None:
    # The words of a packet with a right checksum sum up to all ones.
    for content in (b"12345678", b"odd sized", b"\xff" * 1400):
        packet = echo_request(socket.AF_INET, 65_535, 50, content)
        padded = packet + b"\0" * (len(packet) % 2)
        total = sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
        assert total % 0xFFFF == 0


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "Field required"),
        ({"host": "h", "packets": 0}, "greater than or equal to 1"),
        ({"host": "h", "max_loss": 100}, "less than 100"),
        ({"host": "h", "gap": "fast"}, "is not a duration"),
        ({"host": "h", "ip_version": 5}, "4 or 6"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        IcmpConfig.model_validate(document)
