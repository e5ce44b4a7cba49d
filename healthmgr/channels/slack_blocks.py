"""A message in Slack's Block Kit: within its limits whatever the content, never taken for markup or a mention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from healthmgr.channels.text import ELLIPSIS, one_line, web_address
from healthmgr.domain.check import Severity
from healthmgr.domain.message import AlertFacts, Message, MessageKind, ResultFacts
from healthmgr.domain.phrasing import absolute, clock_time, lasted, listing, relative, span, took

# Slack's limits: 150 for a header, 3000 for a section, 2000 for a field, 75 for a button, and, undocumented, about
# 11,000 for all text together, which is what makes fields and sections here shorter than they might be.
_HEADER, _SUMMARY, _FIELD, _BUTTON, _FOOTER, _FALLBACK = 150, 900, 300, 75, 400, 800
_MOST_RESULTS, _MOST_BREACHES, _MOST_OTHERS, _MOST_NAMES = 5, 5, 12, 8

_ESCAPES: Mapping[str, str] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_COLOURS: Mapping[Severity, str] = {
    Severity.CRITICAL: "#b3261e",
    Severity.HIGH: "#b4500b",
    Severity.MEDIUM: "#f0b429",
    Severity.LOW: "#41617f",
}
# Updates and resolutions have a colour each, whatever the severity: a channel's history then reads at a glance.
_UPDATE, _RESOLVED = "#6f42c1", "#1b7a48"

Block = dict[str, Any]


def payload(message: Message) -> dict[str, Any]:
    """The body of the POST: header, coloured details, and a text for notifications and old clients.

    Raises ValueError for a message without any alert, of which nothing could be told.
    """
    if not message.alerts:
        raise ValueError(f"the message {message.notification_id} has no alert to tell of")
    header = {"type": "plain_text", "text": _cut(one_line(message.title, _HEADER), _HEADER), "emoji": False}
    return {
        **plain(message),
        "blocks": [{"type": "header", "text": header}],
        "attachments": [{"color": colour(message), "blocks": [*_blocks(message)]}],
    }


def plain(message: Message) -> dict[str, Any]:
    """The message as text alone: what is shown in notifications, and sent where the blocks are refused."""
    alert, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    lines = [
        f"{one_line(message.title, 300)} (#{message.incident_number})",
        one_line(alert.resolution if is_over else alert.summary, 300),
        one_line("" if is_over else message.how_to_acknowledge, 200),
    ]
    text = escaped("\n".join(filter(None, lines)), _FALLBACK)
    # What a result says may hold addresses: Slack is not to visit them.
    return {"text": text, "unfurl_links": False, "unfurl_media": False}


def colour(message: Message) -> str:
    """The bar beside the details: of the severity for a problem, of its own for an update and a resolution."""
    if message.kind is MessageKind.RESOLUTION:
        return _RESOLVED
    return _UPDATE if message.kind is MessageKind.UPDATE else _COLOURS[message.severity]


def escaped(text: str, most: int) -> str:
    """The text with &, < and > escaped, so that it holds no link and no mention; at most `most` UTF-16 units long.

    A cut is marked, and divides neither an escape nor a character.
    """
    pieces = [_ESCAPES.get(character, character) for character in text]
    if sum(map(_units, pieces)) <= most:
        return "".join(pieces)
    kept, room = [], most - len(ELLIPSIS)
    for piece in pieces:
        room -= _units(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + ELLIPSIS


def _units(text: str) -> int:
    """How long Slack finds it: characters beyond the basic plane count twice."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)


def _cut(text: str, most: int) -> str:
    while _units(text) > most:
        text = text[: most - 1 - (_units(text) - len(text))].rstrip() + ELLIPSIS
    return text


def _blocks(message: Message) -> Iterator[Block]:
    alert, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    yield _section(_opening(message))
    yield {"type": "section", "fields": [_text(f"*{label}*\n{value}") for label, value in _fields(message)][:10]}
    if alert.last_results and not is_over:
        rows = "\n".join(_row(result, message) for result in alert.last_results[:_MOST_RESULTS])
        yield _section(f"*Last results*\n{rows}")
    if len(message.alerts) > 1:
        yield _section("*With it*\n" + "\n".join(_others(message)))
    buttons = [*_buttons(message)]
    if buttons:
        yield {"type": "actions", "elements": buttons}
    yield {"type": "context", "elements": [_text(line) for line in _footer(message)]}


def _opening(message: Message) -> str:
    alert, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    news = message.reason.replace("_", " ").capitalize() if message.kind is MessageKind.UPDATE else ""
    reminder = f"Reminder {message.round}" if message.round and not is_over else ""
    said = one_line(alert.resolution if is_over else alert.summary, 600)
    first = " · ".join(f"*{escaped(one_line(part, 100), 200)}*" for part in (news, reminder) if part)
    return "\n".join(part for part in (first, escaped(said, _SUMMARY)) if part) or "No details are known."


def _fields(message: Message) -> Iterator[tuple[str, str]]:
    """Label and value, ready to be shown, in the order of their use; at most ten are."""
    alert, is_over = message.alerts[0], message.kind is MessageKind.RESOLUTION
    yield ("Severity was" if is_over else "Severity"), message.severity.value
    yield ("Lasted", _lasted(message)) if is_over else ("Since", _since(message))
    facts = (
        ("Service", alert.service),
        ("Check", alert.check_slug),
        ("Measured then" if is_over else "Measured", _measured(alert)),
        ("Problem was", alert.summary if is_over else ""),
        ("Failed with it" if is_over else "Failing with it", listing(alert.impacted, _MOST_NAMES)),
        ("Depends on it", "" if is_over else listing(alert.dependents, _MOST_NAMES)),
        ("Labels", ", ".join(f"{name}={value}" for name, value in [*alert.labels.items()][:_MOST_NAMES])),
    )
    yield from ((label, escaped(one_line(value, _FIELD), _FIELD)) for label, value in facts if value)


def _since(message: Message) -> str:
    return f"{absolute(message.opened_at)} ({relative(message.opened_at, message.composed_at)})"


def _lasted(message: Message) -> str:
    ended = max((alert.resolved_at for alert in message.alerts if alert.resolved_at), default=message.composed_at)
    return f"{lasted(ended - message.opened_at)}: {span(message.opened_at, ended)}"


def _measured(alert: AlertFacts) -> str:
    return "; ".join(
        f"{breach.metric.replace('_', ' ')} {breach.value} ({breach.status.value} at {breach.threshold})"
        for breach in alert.breaches[:_MOST_BREACHES]
    )


def _row(result: ResultFacts, message: Message) -> str:
    took_so_long = took(result.response_time)
    at = clock_time(result.at, message.composed_at)
    return f"{at} · {result.status.value} · {took_so_long} · {escaped(one_line(result.message, 160), 300)}"


def _others(message: Message) -> Iterator[str]:
    others = message.alerts[1:]
    for alert in others[:_MOST_OTHERS]:
        is_over = alert.resolved_at is not None
        status = "resolved" if is_over else "flapping" if alert.is_flapping else alert.status.value
        said = one_line(alert.resolution if is_over else alert.summary, 80)
        yield f"• *{escaped(one_line(alert.check_name, 50), 70)}* is {status}: {escaped(said, 100)}"
    if len(others) > _MOST_OTHERS:
        yield f"and {len(others) - _MOST_OTHERS} more"


def _buttons(message: Message) -> Iterator[Block]:
    is_over = message.kind is MessageKind.RESOLUTION
    may_acknowledge = bool(message.how_to_acknowledge) and not is_over
    incident = f"Open incident #{message.incident_number}" + (" and acknowledge" if may_acknowledge else "")
    links = (
        ("incident", incident, message.url),
        ("runbook", "Runbook", "" if is_over else message.alerts[0].runbook_url),
    )
    for name, label, address in links:
        url = web_address(address)
        if url.isascii() and url:
            words = {"type": "plain_text", "text": _cut(label, _BUTTON), "emoji": False}
            yield {"type": "button", "action_id": name, "text": words, "url": url}


def _footer(message: Message) -> Iterator[str]:
    is_over = message.kind is MessageKind.RESOLUTION
    if message.how_to_acknowledge and not is_over:
        # Within backticks nothing is markup but a backtick.
        command = one_line(message.how_to_acknowledge, 300).replace("`", "'")
        yield f"Acknowledge: `{escaped(command, _FOOTER)}`"
    runbook = message.alerts[0].runbook_url
    if runbook and not is_over and not (web_address(runbook) and runbook.isascii()):
        yield f"Runbook: {escaped(one_line(runbook, 300), _FOOTER)}"
    reason = one_line(message.reason, 100).replace("_", " ")
    told = f"healthmgr, incident #{message.incident_number}, to {one_line(message.recipient, 120)}: {reason}"
    yield escaped(told, _FOOTER)


def _section(text: str) -> Block:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> Block:
    # Verbatim: a bare @channel in somebody's output calls nobody.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
