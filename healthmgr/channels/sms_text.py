"""A message as a text message: short, whole sentences first, and never more segments than a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from healthmgr.channels.sms_segments import folded, segments
from healthmgr.channels.text import ELLIPSIS, one_line, web_address
from healthmgr.domain.message import HeldBack, Message, MessageKind
from healthmgr.domain.phrasing import absolute, lasted, listing

MOST_SEGMENTS = 3
_MOST_HEADLINE, _MOST_SAID = 180, 400
_LEAST_SAID = 20
_MOST_NAMES = 3
_MOST_NUMBERS = 8
_MOST_ACTING_LINK = 160


@dataclass(frozen=True, slots=True)
class SmsText:
    """What is sent. `headline` is its first line, by which an earlier attempt of the same message is known."""

    headline: str
    body: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line. Where there is no room, an elastic one is shortened, then those go whose `drop` is highest."""

    text: str
    drop: int = 0
    is_elastic: bool = False


def compose(message: Message, *, replies: bool = False) -> SmsText:
    """The message in at most `MOST_SEGMENTS` segments; `replies`: whether an answer by text message is understood.

    Raises ValueError for a message without any alert, of which nothing could be told.
    """
    if not message.alerts and message.kind is not MessageKind.DIGEST:
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")
    lines = [line for line in (_Line(_headline(message)), *_lines(message, replies=replies)) if line.text]
    body = _fitted(lines)
    return SmsText(body.partition("\n")[0], body)


def _headline(message: Message) -> str:
    test = "TEST " if message.is_test else ""
    number = f"#{message.incident_number}"
    if message.kind is MessageKind.DIGEST:
        numbers = listing([f"#{held.incident_number}" for held in message.held_back], _MOST_NUMBERS)
        return f"{test}{message.title}: {numbers}"
    if message.is_notice:
        return one_line(message.title, _MOST_HEADLINE - 100)
    news = _news(message)
    beginning, _, what = message.title.partition(": ")
    by = f", by {one_line(message.actor, 40)}" if message.actor and not _is_open(message) else ""
    return f"{test}{beginning.upper()} {number}{news}: {one_line(what, _MOST_HEADLINE - 100)}{by}"


def _news(message: Message) -> str:
    reminder = f" reminder {message.round}" if message.round and _is_open(message) else ""
    if message.kind is MessageKind.UPDATE:
        reason = one_line(message.reason, 40).replace("_", " ")
        return f" update{reminder} ({reason})" if reason else f" update{reminder}"
    return reminder


def _is_open(message: Message) -> bool:
    """Whether somebody is still wanted."""
    return message.kind in (MessageKind.PROBLEM, MessageKind.UPDATE)


def _lines(message: Message, *, replies: bool) -> Iterator[_Line]:
    if message.kind is MessageKind.DIGEST:
        yield _Line("; ".join(map(_held, message.held_back[:_MOST_NUMBERS])), drop=2, is_elastic=True)
        yield _Line(_link(message, replies=True), drop=1)
        return
    first, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    yield _Line(one_line(message.said, _MOST_SAID), is_elastic=True)
    summary = one_line(first.resolution if is_over else first.summary, 80 if message.words else _MOST_SAID)
    if message.is_notice:
        yield _Line(summary, is_elastic=True)
        for choice in message.choices:
            yield _Line(f"{choice.label}: {_address(choice.address)}" if _address(choice.address) else "")
        return
    yield _Line(summary, drop=3 if message.words else 1, is_elastic=not message.words)
    if is_over:
        ended = max((alert.resolved_at for alert in message.alerts if alert.resolved_at), default=message.composed_at)
        yield _Line(f"Lasted {lasted(ended - message.opened_at)}", drop=2)
    else:
        yield _Line(f"Since {absolute(message.opened_at)}", drop=2)
    if _is_open(message):
        impacted = listing([one_line(slug, 40) for slug in first.impacted], _MOST_NAMES)
        yield _Line(f"Failing with it: {impacted}" if impacted else "", drop=4)
        yield from _answers(message, replies=replies)
        yield _Line(f"Reply ACK {message.incident_number}" if replies else "")
    yield _Line(_link(message, replies=replies), drop=3)


def _answers(message: Message, *, replies: bool) -> Iterator[_Line]:
    """How a runbook's question is answered."""
    asked = message.approval
    if asked is None:
        return
    if replies:
        yield _Line(f"Reply APPROVE {asked.number} or DENY {asked.number}")
        return
    for choice in asked.choices:
        yield _Line(f"{choice.label}: {_address(choice.address)}" if _address(choice.address) else "")


def _held(held: HeldBack) -> str:
    over = ", resolved" if held.is_resolved and not held.title.startswith("Resolved") else ""
    return f"#{held.incident_number} {one_line(held.title, 80)}{over}"


def _link(message: Message, *, replies: bool) -> str:
    """Where to answer, when that cannot be done by replying; else where to read more."""
    acting = _address(message.links.acknowledge)
    if _is_open(message) and not replies and 0 < len(acting) <= _MOST_ACTING_LINK:
        return f"Acknowledge: {acting}"
    return _address(message.links.incident) or _address(message.url)


def _address(text: str) -> str:
    """The address where it can be followed as it is sent: signs beyond ASCII might be folded into others."""
    address = web_address(text)
    return address if address.isascii() else ""


def _fitted(lines: list[_Line]) -> str:
    while True:
        text = _shortened(lines)
        if text:
            return text
        victims = [line for line in lines if line.drop]
        if not victims:
            break
        victim = max(victims, key=lambda line: line.drop)
        lines = [line for line in lines if line is not victim]
    # Only the headline and the way to answer are left: something must be told.
    return _most_of(lines[0].text, [], lines[1:]) or _most_of(lines[0].text, [], [])


def _shortened(lines: list[_Line]) -> str:
    """The lines together, the elastic one as long as there is room for; "" where there is none."""
    text = _together([line.text for line in lines])
    if _fits(text):
        return text
    at = next((n for n, line in enumerate(lines) if line.is_elastic), None)
    return "" if at is None else _most_of(lines[at].text, lines[:at], lines[at + 1 :])


def _most_of(text: str, before: list[_Line], after: list[_Line]) -> str:
    """As much of the text as fits between the others, its cut marked; "" where that is too little to be of use."""

    def cut(length: int) -> str:
        middle = text[:length].rstrip() + ELLIPSIS
        return _together([*(line.text for line in before), middle, *(line.text for line in after)])

    least, most = _LEAST_SAID, len(text) - 1
    if most < least or not _fits(cut(least)):
        return ""
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if _fits(cut(middle)) else (least, middle - 1)
    return cut(least)


def _together(texts: list[str]) -> str:
    return folded("\n".join(texts))


def _fits(text: str) -> bool:
    return segments(text) <= MOST_SEGMENTS
