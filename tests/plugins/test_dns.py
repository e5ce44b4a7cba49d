"""The kind `dns`, against name servers on this machine that tell the truth, lie, fail or say nothing."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import ValidationError

from healthmgr.checks.dns import DnsConfig
from healthmgr.domain.check import Status

ZONE = {
    ("shop.example.", "A"): ["10.0.0.1", "10.0.0.2"],
    ("shop.example.", "AAAA"): ["2001:db8::1"],
    ("shop.example.", "MX"): ["10 Mail.shop.example."],
    ("shop.example.", "NS"): ["ns1.shop.example."],
    ("shop.example.", "TXT"): ['"v=spf1 " "-all"', '"Größe"'],
    ("_sip._tcp.shop.example.", "SRV"): ["1 2 5060 sip.shop.example."],
    ("alias.example.", "CNAME"): ["shop.example."],
    ("1.0.0.10.in-addr.arpa.", "PTR"): ["shop.example."],
    ("many.example.", "A"): [f"10.1.{i // 250}.{i % 250}" for i in range(600)],
}
RCODES = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED, "notimp": dns.rcode.NOTIMP}
TTL = 300


def answer_truly(wire: bytes, is_tcp: bool) -> list[bytes]:
    """What a decent server sends back: one message."""
    query = dns.message.from_wire(wire)
    response = dns.message.make_response(query)
    name, record_type = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
    first = name.split(".")[0]
    if first in RCODES:
        response.set_rcode(RCODES[first])
    elif not any(known == name for known, _ in ZONE):
        response.set_rcode(dns.rcode.NXDOMAIN)
    if alias := ZONE.get((name, "CNAME")):
        response.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *alias))
        name = alias[0]
    if records := ZONE.get((name, record_type)):
        response.answer.append(dns.rrset.from_text(name, TTL, "IN", record_type, *records))
    if not is_tcp and len(response.to_wire()) > 512:
        response.answer.clear()
        response.flags |= dns.flags.TC
    return [response.to_wire()]


class NameServer:
    """UDP and TCP on one port. `answer` gives the datagrams, or messages, to send for one question."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = address
        self.tcp = socket.create_server((address, 0), family=family)
        self.port = int(self.tcp.getsockname()[1])
        self.udp = socket.socket(family, socket.SOCK_DGRAM)
        self.udp.bind((address, self.port))
        self.answer: Callable[[bytes, bool], list[bytes]] = answer_truly
        self.asked: list[str] = []
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            readable, _, _ = select.select([self.udp, self.tcp, self._ended], [], [])
            if self._ended in readable:
                return
            if self.udp in readable:
                self._answer_datagram()
            if self.tcp in readable:
                self._answer_connection()

    def _answer_datagram(self) -> None:
        wire, sender = self.udp.recvfrom(4096)
        self.asked.append("udp")
        for answer in self.answer(wire, False):
            self.udp.sendto(answer, sender)

    def _answer_connection(self) -> None:
        connection, _ = self.tcp.accept()
        self.asked.append("tcp")
        with connection:
            size = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
            for answer in self.answer(connection.recv(size, socket.MSG_WAITALL), True):
                connection.sendall(struct.pack("!H", len(answer)) + answer)

    def close(self) -> None:
        self._end.send(b"x")
        self._thread.join(5)
        for one in (self.udp, self.tcp, self._end, self._ended):
            one.close()


@pytest.fixture
def server() -> Iterator[NameServer]:
    running = NameServer()
    yield running
    running.close()


@pytest.fixture
def ask(probe: Any, server: NameServer) -> Any:
    """ask(name, type, ...) puts one question to the server."""

    def go(name: str, record_type: str = "A", *, timeout: float = 5, **more: Any) -> Any:
        document = {"name": name, "type": record_type, "nameservers": [server.address], "port": server.port, **more}
        return probe("dns", document, timeout=timedelta(seconds=timeout))

    return go


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_name_that_resolves_is_healthy(ask: Any, server: NameServer, protocol: str) -> None:
    outcome = ask("shop.example", protocol=protocol)
    assert outcome.status is Status.HEALTHY
    assert outcome.message == f"shop.example A: 10.0.0.1, 10.0.0.2 (127.0.0.1:{server.port})"
    assert outcome.metrics == {"answers": 2.0, "ttl": float(TTL)}
    assert 0 < outcome.response_time < 5
    assert server.asked == [protocol]


@pytest.mark.parametrize(
    ("name", "record_type", "expected"),
    [
        ("shop.example", "A", ["10.0.0.2"]),
        ("shop.example.", "a", ["10.0.0.2", "10.0.0.1"]),
        ("shop.example", "AAAA", ["2001:DB8:0::1"]),
        ("shop.example", "MX", ["10 mail.shop.example"]),
        ("shop.example", "NS", ["NS1.shop.example."]),
        ("shop.example", "TXT", ["v=spf1 -all"]),
        ("shop.example", "TXT", ["Größe"]),
        ("_sip._tcp.shop.example", "SRV", ["1 2 5060 sip.shop.example"]),
        ("alias.example", "A", ["10.0.0.1"]),
        ("alias.example", "CNAME", ["shop.example"]),
        ("10.0.0.1", "PTR", ["shop.example"]),
        ("1.0.0.10.in-addr.arpa", "PTR", ["shop.example"]),
    ],
)
def test_expected_values_are_found_however_they_are_spelt(
    ask: Any, name: str, record_type: str, expected: list[str]
) -> None:
    assert ask(name, record_type, expected=expected).status is Status.HEALTHY


def test_an_alias_may_be_kept_no_longer_than_its_shortest_part(ask: Any) -> None:
    assert ask("alias.example").metrics["ttl"] == 60.0


@pytest.mark.parametrize(
    ("match", "expected", "words"),
    [
        ("all", ["10.0.0.1", "10.9.9.9"], "expected 10.0.0.1 and 10.9.9.9"),
        ("any", ["10.8.8.8", "10.9.9.9"], "expected 10.8.8.8 or 10.9.9.9"),
        ("any", ["10.9.9.9", "10.0.0.1"], None),
        ("exact", ["10.0.0.1"], "expected exactly 10.0.0.1"),
        ("exact", ["10.0.0.2", "10.0.0.1"], None),
        ("any", [], None),
        ("all", ["not an address"], "expected not an address"),
    ],
)
def test_other_values_than_expected_are_unhealthy(ask: Any, match: str, expected: list[str], words: str | None) -> None:
    outcome = ask("shop.example", match=match, expected=expected)
    assert outcome.status is (Status.UNHEALTHY if words else Status.HEALTHY)
    if words:
        assert outcome.message.endswith(f"answered 10.0.0.1, 10.0.0.2 for shop.example A, {words}")


@pytest.mark.parametrize(
    ("name", "record_type", "more", "words"),
    [
        ("gone.example", "A", {}, "says that gone.example does not exist (NXDOMAIN)"),
        ("servfail.example", "A", {}, "could not resolve servfail.example (SERVFAIL)"),
        ("refused.example", "A", {}, "refuses to answer for refused.example (REFUSED)"),
        ("notimp.example", "A", {}, "answered NOTIMP for notimp.example"),
        ("shop.example", "CAA", {}, "has no CAA records for shop.example"),
        ("shop.example", "A", {"min_answers": 3}, "has only 2 A records for shop.example, expected 3"),
        ("servfail.example", "A", {"min_answers": 0}, "could not resolve servfail.example (SERVFAIL)"),
        ("gone.example", "A", {"min_answers": 0, "expected": ["10.0.0.1"]}, "answered nothing for gone.example A"),
    ],
)
def test_each_failure_is_told_by_its_name(
    ask: Any, server: NameServer, name: str, record_type: str, more: Any, words: str
) -> None:
    outcome = ask(name, record_type, **more)
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message.startswith(f"127.0.0.1:{server.port} {words}")


@pytest.mark.parametrize(("name", "record_type"), [("gone.example", "A"), ("shop.example", "CAA")])
def test_a_name_that_should_not_be_there_is_healthy_when_it_is_not(ask: Any, name: str, record_type: str) -> None:
    outcome = ask(name, record_type, min_answers=0)
    assert outcome.status is Status.HEALTHY
    assert outcome.metrics == {"answers": 0.0}


def test_a_long_answer_is_fetched_by_tcp(ask: Any, server: NameServer) -> None:
    outcome = ask("many.example")
    assert (outcome.status, outcome.metrics["answers"]) == (Status.HEALTHY, 600.0)
    assert "and 596 more" in outcome.message
    assert server.asked == ["udp", "tcp"]


def test_a_closed_port_is_refused_at_once(probe: Any, closed_port: int) -> None:
    started = time.monotonic()
    outcome = probe("dns", {"name": "shop.example", "nameservers": ["127.0.0.1"], "port": closed_port})
    assert time.monotonic() - started < 2
    assert (outcome.status, outcome.message) == (
        Status.UNHEALTHY,
        f"connection refused by 127.0.0.1:{closed_port}",
    )


def test_a_silent_server_is_named_within_the_timeout(ask: Any, server: NameServer) -> None:
    server.answer = lambda wire, is_tcp: []
    started = time.monotonic()
    outcome = ask("shop.example", timeout=0.5)
    assert time.monotonic() - started < 1
    assert outcome.message == f"127.0.0.1:{server.port} gave no valid answer within 450ms"
    assert server.asked == ["udp", "udp"]


def test_a_lost_datagram_is_sent_again(ask: Any, server: NameServer) -> None:
    server.answer = lambda wire, is_tcp: answer_truly(wire, is_tcp) if len(server.asked) > 1 else []
    assert ask("shop.example", timeout=1).status is Status.HEALTHY


def test_forged_and_garbled_datagrams_do_not_hide_the_true_answer(ask: Any, server: NameServer) -> None:
    def lie_first(wire: bytes, is_tcp: bool) -> list[bytes]:
        (truth,) = answer_truly(wire, is_tcp)
        other_id = bytes([truth[0] ^ 1]) + truth[1:]
        return [b"", b"\xff\xfe nonsense", other_id, wire, truth]

    server.answer = lie_first
    assert ask("shop.example", expected=["10.0.0.1"]).status is Status.HEALTHY


@pytest.mark.parametrize(
    "garbage",
    [b"\xff\xfe nonsense", b"", b"\x00" * 12, b"\x00" * 65_000],
    ids=["nonsense", "empty", "no question", "huge"],
)
def test_garbage_over_tcp_is_unhealthy(ask: Any, server: NameServer, garbage: bytes) -> None:
    server.answer = lambda wire, is_tcp: [garbage]
    outcome = ask("shop.example", protocol="tcp", timeout=1)
    assert outcome.status is Status.UNHEALTHY
    assert f"127.0.0.1:{server.port}" in outcome.message


def test_aliases_that_lead_in_a_circle_are_unhealthy(ask: Any, server: NameServer) -> None:
    def circle(wire: bytes, is_tcp: bool) -> list[bytes]:
        response = dns.message.make_response(dns.message.from_wire(wire))
        response.answer.append(dns.rrset.from_text("a.example.", 60, "IN", "CNAME", "b.example."))
        response.answer.append(dns.rrset.from_text("b.example.", 60, "IN", "CNAME", "a.example."))
        return [response.to_wire()]

    server.answer = circle
    outcome = ask("a.example")
    assert outcome.status is Status.UNHEALTHY
    assert "for a.example that makes no sense: The CNAME chain is too long" in outcome.message


def test_every_name_server_that_is_named_must_answer(probe: Any, server: NameServer) -> None:
    document = {"name": "shop.example", "nameservers": ["127.0.0.1", "127.0.0.2"], "port": server.port}
    outcome = probe("dns", document, timeout=timedelta(seconds=1))
    assert outcome.status is Status.UNHEALTHY
    assert "127.0.0.2" in outcome.message
    assert "127.0.0.1" not in outcome.message
    assert (outcome.metrics["failed_nameservers"], outcome.metrics["answers"]) == (1.0, 2.0)


def test_a_server_may_be_given_by_name_or_by_an_address_of_the_sixth_version(probe: Any, server: NameServer) -> None:
    named = probe("dns", {"name": "shop.example", "nameservers": ["localhost"], "port": server.port})
    assert named.status is Status.HEALTHY
    sixth = NameServer("::1")
    try:
        outcome = probe("dns", {"name": "shop.example", "nameservers": ["::1"], "port": sixth.port})
    finally:
        sixth.close()
    assert (outcome.status, outcome.message.split("(")[1]) == (Status.HEALTHY, f"[::1]:{sixth.port})")


def test_a_name_server_that_has_no_address_is_unhealthy(probe: Any) -> None:
    outcome = probe("dns", {"name": "shop.example", "nameservers": ["no-such-host.invalid"]})
    assert outcome.status is Status.UNHEALTHY
    assert "no-such-host.invalid does not resolve" in outcome.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"name": "a..b"}, "not a name that DNS could hold"),
        ({"name": "x" * 64 + ".example"}, "not a name that DNS could hold"),
        ({"name": "a.example", "type": "NONSENSE"}, "not a type of DNS records"),
        ({"name": "a.example", "type": "ANY"}, "cannot be asked for"),
        ({"name": "a.example", "min_answers": -1}, "greater than or equal to 0"),
        ({"name": "a.example", "protocol": "quic"}, "'udp' or 'tcp'"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(document: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DnsConfig.model_validate(document)
