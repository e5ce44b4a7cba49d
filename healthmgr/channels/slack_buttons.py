"""The buttons below a message in Slack: addresses to open, and actions that Slack reports back to healthmgr."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from healthmgr.channels.slack_text import Block, words
from healthmgr.channels.text import web_address
from healthmgr.domain.message import Message, MessageKind

# Slack's limits: 75 for a button, 100 and 300 for the title and text of a question, 30 for its answers.
_BUTTON, _TITLE, _QUESTION, _ANSWER = 75, 100, 300, 30
_OVER = frozenset({MessageKind.RESOLUTION, MessageKind.DIGEST})
_ANSWERED = frozenset({*_OVER, MessageKind.ACKNOWLEDGEMENT})


class Action(StrEnum):
    """What a person can have done by a button. The names are part of every message that was ever sent: none changes."""

    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    APPROVE = "approve"
    DENY = "deny"

    @property
    def action_id(self) -> str:
        """The action as Slack reports it back."""
        return f"healthmgr.{self.value}"


def buttons(message: Message, *, with_actions: bool) -> list[Block]:
    """The blocks with buttons, none when there is nothing to press.

    With `with_actions` the incident is acknowledged, escalated, silenced and resolved from within Slack, and what a
    runbook asks is answered; without, by the message's links, but for what is asked: all who read a channel see those.
    """
    acting = [*_actions(message)] if with_actions else []
    rows = [acting, [*_links(message, is_acting=bool(acting))]]
    asked = answers(message) if with_actions else []
    return [*asked, *({"type": "actions", "elements": row} for row in rows if row)]


def answers(message: Message) -> list[Block]:
    """The block with the buttons by which a runbook's question is answered; none where nothing is asked."""
    if message.approval is None or message.kind in _OVER or message.is_test:
        return []
    value = str(message.approval.approval_id)
    approve = {
        **_button(Action.APPROVE.action_id, f"Approve {message.approval.number}"),
        "value": value,
        "style": "primary",
        "confirm": {
            "title": words("Let the runbook go on?", _TITLE),
            "text": words("It is noted under your name.", _QUESTION),
            "confirm": words("Approve", _ANSWER),
            "deny": words("Not yet", _ANSWER),
        },
    }
    deny = {**_button(Action.DENY.action_id, f"Deny {message.approval.number}"), "value": value, "style": "danger"}
    return [{"type": "actions", "elements": [approve, deny]}]


def _actions(message: Message) -> Iterator[Block]:
    if message.kind in _OVER or message.is_test:
        return
    value = str(message.incident_id)
    if message.kind not in _ANSWERED:
        yield {**_button(Action.ACKNOWLEDGE.action_id, "Acknowledge"), "value": value, "style": "primary"}
        yield {**_button(Action.ESCALATE.action_id, "Escalate"), "value": value}
    yield {**_button(Action.SILENCE.action_id, "Silence 1h"), "value": value}
    question = f"Is incident #{message.incident_number} over? Whoever was told of it is told so."
    yield {
        **_button(Action.RESOLVE.action_id, "Resolve"),
        "value": value,
        "confirm": {
            "title": words("Resolve the incident?", _TITLE),
            "text": words(question, _QUESTION),
            "confirm": words("Resolve", _ANSWER),
            "deny": words("Not yet", _ANSWER),
        },
    }


def _links(message: Message, *, is_acting: bool) -> Iterator[Block]:
    is_answered, is_over = message.kind in _ANSWERED, message.kind in _OVER
    acknowledge = "" if is_acting or is_answered else message.links.acknowledge
    may_acknowledge = bool(message.how_to_acknowledge) and not (is_acting or is_answered or acknowledge)
    first = message.alerts[0] if message.alerts and not is_over else None
    chosen = [(f"choice_{place}", each.label, each.address) for place, each in enumerate(message.choices)]
    incident = f"Open incident #{message.incident_number}" + (" and acknowledge" if may_acknowledge else "")
    links = (
        *chosen,
        ("acknowledge_link", "Acknowledge", acknowledge),
        ("incident", incident, message.links.incident or message.url),
        ("silence_link", "Silence", "" if is_acting or is_over else message.links.silence),
        ("runbook", "Runbook", first.runbook_url if first else ""),
        ("source", "Source", first.source_url if first else ""),
    )
    for name, label, address in links:
        url = web_address(address)
        if url.isascii() and url:
            yield {**_button(name, label), "url": url}


def _button(action_id: str, label: str) -> Block:
    return {"type": "button", "action_id": action_id, "text": words(label, _BUTTON)}
