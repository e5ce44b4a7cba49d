"""A message to send: a session manager that answers too slowly, and what fails because of it."""

from __future__ import annotations

from typing import Any

from healthmgr.domain.example import example_alert, example_message, with_context
from healthmgr.domain.message import AlertFacts, Message, MessageKind


def make_alert(**changes: Any) -> AlertFacts:
    """An open critical alert with every fact filled in; `changes` are fields of AlertFacts."""
    return example_alert(**changes)


def make_message(kind: MessageKind = MessageKind.PROBLEM, **changes: Any) -> Message:
    """A message of this kind about `make_alert()`; `changes` are fields of Message. A resolution comes after 64 min."""
    return example_message(kind, **changes)


def make_whole_message(kind: MessageKind = MessageKind.PROBLEM, **changes: Any) -> Message:
    """The same with links that act, with what else changed at that time, and with who is told."""
    return with_context(example_message(kind, **changes))
