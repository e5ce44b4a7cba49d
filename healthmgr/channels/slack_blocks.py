"""A message in Slack's Block Kit: within its limits whatever the content, never taken for markup or a mention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from healthmgr.channels.payload import require_content
from healthmgr.channels.slack_buttons import answers, buttons
from healthmgr.channels.slack_facts import fields, lasted_from_to, others, result_rows
from healthmgr.channels.slack_text import Block, escaped, markup, section, words
from healthmgr.channels.text import one_line, web_address
from healthmgr.domain.check import Severity
from healthmgr.domain.message import Message, MessageKind
from healthmgr.domain.phrasing import absolute, clock_time, listing

# Slack's limits: 150 for a header, 3000 for a section, 2000 for a field, and, undocumented, about 11,000 for all text
# together, which is what makes fields and sections here shorter than they might be.
_HEADER, _SUMMARY, _FOOTER, _FALLBACK, _NEWS = 150, 900, 400, 800, 1200
_MOST_CHANGES, _MOST_CAUSES, _MOST_HELD_BACK, _MOST_TOLD = 5, 3, 20, 8
_MOST_WORDS = 600

_COLOURS: Mapping[Severity, str] = {
    Severity.CRITICAL: "#b3261e",
    Severity.HIGH: "#b4500b",
    Severity.MEDIUM: "#f0b429",
    Severity.LOW: "#41617f",
}
# What is no problem has a colour each, whatever the severity: a channel's history then reads at a glance.
_CALM: Mapping[MessageKind, str] = {
    MessageKind.UPDATE: "#6f42c1",
    MessageKind.ACKNOWLEDGEMENT: "#1264a3",
    MessageKind.RESOLUTION: "#1b7a48",
    MessageKind.DIGEST: "#5b6472",
}
_TEST = "This is a test. Nothing is wrong, and nobody has to do anything."


def payload(message: Message, *, with_actions: bool = False) -> dict[str, Any]:
    """The body of the POST: header, coloured details, and a text for notifications and old clients.

    `with_actions` puts buttons below that Slack reports to healthmgr. Raises ValueError for a message without any
    alert, of which nothing could be told.
    """
    require_content(message)
    details = _digest(message) if message.kind is MessageKind.DIGEST else _blocks(message, with_actions=with_actions)
    return {
        **plain(message),
        "blocks": [{"type": "header", "text": words(one_line(_title(message), _HEADER), _HEADER)}],
        "attachments": [{"color": colour(message), "blocks": [*details]}],
    }


def plain(message: Message) -> dict[str, Any]:
    """The message as text alone: what is shown in notifications, and sent where the blocks are refused."""
    is_digest = message.kind is MessageKind.DIGEST
    told = [each.title for each in message.held_back[:3]] if is_digest else [_said(message)]
    number = "" if is_digest or message.is_notice else f" (#{message.incident_number})"
    asks = message.kind in (MessageKind.PROBLEM, MessageKind.UPDATE)
    lines = [
        one_line(_title(message), 300) + number,
        *(one_line(each, 300) for each in told),
        one_line(message.how_to_acknowledge if asks else "", 200),
    ]
    return _text_alone("\n".join(filter(None, lines)), _FALLBACK)


def news(message: Message, *, names_incident: bool = False, with_actions: bool = False) -> dict[str, Any]:
    """A short line that tells only what is new: for the thread below a message that is kept up to date.

    Where no such message stands above it, it `names_incident`. With `with_actions` a runbook's question keeps its
    buttons there, also when the message above it tells of something else by then.
    """
    by = f" by {one_line(message.actor, 100)}" if message.actor else ""
    match message.kind:
        case MessageKind.ACKNOWLEDGEMENT:
            first = f"Acknowledged{by}" + (f": {_what_it_is_about(message)}" if names_incident else "")
        case MessageKind.RESOLUTION:
            first = f"Resolved{by}, lasted {lasted_from_to(message)}"
        case _:
            first = f"{_what_is_new(message)}: {message.title}"
    said = "" if message.kind is MessageKind.ACKNOWLEDGEMENT else one_line(_said(message), 300)
    if message.approval is not None:
        said = one_line(message.said, _MOST_WORDS)
    alone = _text_alone("\n".join(filter(None, [one_line(first, 300), said])), _NEWS)
    asked = answers(message) if with_actions else []
    return {**alone, "blocks": [section(alone["text"]), *asked]} if asked else alone


def colour(message: Message) -> str:
    """The bar beside the details: of the severity for a problem, of its own for every other kind."""
    return _CALM.get(message.kind) or _COLOURS[message.severity]


def _text_alone(text: str, most: int) -> dict[str, Any]:
    # What a result says may hold addresses: Slack is not to visit them.
    return {"text": escaped(text, most), "unfurl_links": False, "unfurl_media": False}


def _title(message: Message) -> str:
    return f"Test: {message.title}" if message.is_test else message.title


def _said(message: Message) -> str:
    alert = message.alerts[0]
    return alert.resolution if message.kind is MessageKind.RESOLUTION else alert.summary


def _what_it_is_about(message: Message) -> str:
    return f"{message.title.partition(': ')[2]} (#{message.incident_number})"


def _what_is_new(message: Message) -> str:
    return (
        f"Reminder {message.round}" if message.round else one_line(message.reason, 100).replace("_", " ").capitalize()
    )


def _blocks(message: Message, *, with_actions: bool) -> Iterator[Block]:
    is_over = message.kind is MessageKind.RESOLUTION
    if message.is_notice:
        yield section(escaped(one_line(_said(message), 600), _SUMMARY))
        yield from buttons(message, with_actions=False)
        yield {"type": "context", "elements": [markup(line) for line in _footer(message)]}
        return
    yield section(_opening(message))
    yield {"type": "section", "fields": [markup(f"*{label}*\n{value}") for label, value in fields(message)][:10]}
    if not is_over:
        rows = result_rows(message)
        if rows:
            yield section("*Last results*\n" + "\n".join(rows))
    if len(message.alerts) > 1 or message.more_alerts:
        yield section("*With it*\n" + "\n".join(others(message)))
    if message.causes:
        said = (escaped(one_line(cause, 300), 450) for cause in message.causes[:_MOST_CAUSES])
        yield section("*What it may come from*\n" + "\n".join(f"{place}. {line}" for place, line in enumerate(said, 1)))
    if message.changes:
        yield section("*What else changed*\n" + "\n".join(_changes(message)))
    yield from buttons(message, with_actions=with_actions)
    yield {"type": "context", "elements": [markup(line) for line in _footer(message)]}


def _opening(message: Message) -> str:
    is_over = message.kind is MessageKind.RESOLUTION
    first = [_TEST if message.is_test else ""]
    if message.words:
        first.append(message.said)
    elif message.kind is MessageKind.UPDATE or (message.round and message.kind is MessageKind.PROBLEM):
        first.append(_what_is_new(message))
    if message.actor and not message.words:
        verb = "Resolved" if is_over else "Acknowledged"
        first.append(f"{verb} by {message.actor}")
    bold = " · ".join(f"*{escaped(one_line(part, _MOST_WORDS), 2 * _MOST_WORDS)}*" for part in first if part)
    return "\n".join(part for part in (bold, escaped(one_line(_said(message), 600), _SUMMARY)) if part) or (
        "No details are known."
    )


def _changes(message: Message) -> Iterator[str]:
    for change in message.changes[:_MOST_CHANGES]:
        yield f"{clock_time(change.at, message.composed_at)} · {escaped(one_line(change.what, 120), 180)}"
    if len(message.changes) > _MOST_CHANGES:
        yield f"and {len(message.changes) - _MOST_CHANGES} more"


def _digest(message: Message) -> Iterator[Block]:
    rows = []
    for each in message.held_back[:_MOST_HELD_BACK]:
        state = "resolved" if each.is_resolved else each.severity.value
        title = escaped(one_line(each.title, 120), 160)
        rows.append(f"• *#{each.incident_number}* {state} · {title} · since {absolute(each.opened_at)}")
    if len(message.held_back) > _MOST_HELD_BACK:
        rows.append(f"and {len(message.held_back) - _MOST_HELD_BACK} more")
    # Two sections, for twenty rows of the longest kind are more than one may hold.
    yield from (section("\n".join(part)) for part in (rows[:10], rows[10:]) if part)
    yield from buttons(message, with_actions=False)
    yield {"type": "context", "elements": [markup(line) for line in _footer(message)]}


def _footer(message: Message) -> Iterator[str]:
    is_asking = message.kind in (MessageKind.PROBLEM, MessageKind.UPDATE)
    if message.how_to_acknowledge and is_asking:
        # Within backticks nothing is markup but a backtick.
        command = one_line(message.how_to_acknowledge, 300).replace("`", "'")
        yield f"Acknowledge: `{escaped(command, _FOOTER)}`"
    runbook = message.alerts[0].runbook_url if message.alerts and message.kind is not MessageKind.RESOLUTION else ""
    if runbook and not (web_address(runbook) and runbook.isascii()):
        yield f"Runbook: {escaped(one_line(runbook, 300), _FOOTER)}"
    if message.roles:
        yield escaped(listing([one_line(each, 120) for each in message.roles], _MOST_TOLD), _FOOTER)
    if message.told:
        told = listing([one_line(each, 60) for each in message.told], _MOST_TOLD)
        yield escaped(f"Also told: {told}", _FOOTER)
    reason = one_line(message.reason, 100).replace("_", " ")
    about = "" if message.is_notice else f", incident #{message.incident_number}"
    told_whom = f"healthmgr{about}, to {one_line(message.recipient, 120)}: {reason}"
    yield escaped(told_whom, _FOOTER)
