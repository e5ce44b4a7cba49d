"""Texts that want to be more than text, in every field that a message has, whatever fields it will get one day."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from html.parser import HTMLParser
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from slack_limits import assert_within_limits

from healthmgr.channels.rendering import render
from healthmgr.channels.slack_blocks import news, payload, plain
from healthmgr.domain.message import Message, MessageKind

EVIL = (
    """<script>alert(1)</script><img src=//evil.example/x onerror=alert(1)>"'` <!channel> <@U1> <!subteam^S1>"""
    """ <https://evil.example|click> <javascript:alert(1)|click> </td></table><style>*{display:none}</style>"""
)
ADDRESSES = (
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x",
    'https://x/"onmouseover="alert(1)', "https://x/<script>alert(1)</script>", "//evil.example/x", EVIL,
)  # fmt: skip
DANGEROUS = {"script", "img", "iframe", "object", "embed", "form", "input", "svg", "link", "base", "video", "audio"}


class Tags(HTMLParser):
    """Which tags a page is made of, what would run in it, and where it leads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.runs: list[str] = []
        self.leads_to: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.runs += [name for name, _ in attrs if name.startswith("on")]
        self.leads_to += [value or "" for name, value in attrs if name in ("href", "src", "action", "background")]


def filled(kind: Any, text: str) -> Any:
    """A value of a type in which every text is this one; dataclasses by their fields, collections with one item."""
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{each.name: filled(hints[each.name], text) for each in dataclasses.fields(kind)})  # type: ignore[operator]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return filled(inner[0], text)
    if origin is tuple:
        return (filled(inner[0], text),)
    if origin is not None and issubclass(origin, Mapping):
        return {filled(inner[0], text): filled(inner[1], text)}
    plain_values: dict[Any, Any] = {str: text, int: 1, float: 1.0, bool: False, UUID: UUID(int=1)}
    if kind is datetime:
        return datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
    return next(iter(kind)) if isinstance(kind, type) and issubclass(kind, Enum) else plain_values[kind]


def messages(text: str) -> list[Message]:
    """One of each kind, as of an open incident and of one that is over, as a notice, and as what a person says."""
    whole: Message = filled(Message, text)
    is_open = dataclasses.replace(whole, alerts=tuple(dataclasses.replace(a, resolved_at=None) for a in whole.alerts))
    forms = (whole, is_open, dataclasses.replace(is_open, merged_into=0, approval=None, actor=""))
    found = [dataclasses.replace(form, kind=kind) for kind in MessageKind for form in forms]
    return [*found, dataclasses.replace(is_open, is_notice=True), dataclasses.replace(is_open, is_test=True)]


def test_every_field_is_filled() -> None:
    message: Message = filled(Message, EVIL)
    (alert,) = message.alerts
    parts: tuple[Any, ...] = (message, alert, message.links, *message.choices, *message.held_back, *alert.breaches)
    for part in parts:
        for each in dataclasses.fields(part):
            value = getattr(part, each.name)
            assert type(value) not in (str, tuple, dict) or value, each.name


@pytest.mark.parametrize("text", [EVIL, *ADDRESSES])
def test_a_mail_shows_it_as_the_text_that_it_is(text: str) -> None:
    for message in messages(text):
        html = render(message).html
        seen = Tags(html)
        assert not set(seen.tags) & DANGEROUS, message.kind
        assert seen.runs == []
        assert all(address.startswith(("https://", "http://", "mailto:")) for address in seen.leads_to)
        assert not any(sign in address for address in seen.leads_to for sign in "<>\"' ")
        assert html.count("<style") <= 1  # its own


@pytest.mark.parametrize("with_actions", [False, True])
def test_slack_mentions_nobody_and_leads_nowhere_because_of_it(with_actions: bool) -> None:
    for message in messages(EVIL):
        document = payload(message, with_actions=with_actions)
        assert_within_limits(document)
        for said in [*_marked(document), plain(message)["text"], news(message)["text"]]:
            assert "<" not in said, message.kind
            assert ">" not in said, message.kind
            assert not said.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").count("&")
        assert [address for address in _addresses(document) if not address.startswith("https://")] == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_slack_makes_no_button_of_what_is_no_web_address(address: str) -> None:
    for message in messages(address):
        for found in _addresses(payload(message, with_actions=True)):
            assert found.startswith("https://x/")
            assert not set(found) & set("<>\"' ")


def _marked(value: Any) -> list[str]:
    """Every text in which Slack looks for marks: not those that it is told to take as they are."""
    if isinstance(value, dict):
        if value.get("type") == "plain_text":
            return []
        own = [inner for name, inner in value.items() if name in ("text", "fallback") and isinstance(inner, str)]
        return own + [each for inner in value.values() for each in _marked(inner)]
    return [each for inner in value for each in _marked(inner)] if isinstance(value, list) else []


def _addresses(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [inner for name, inner in value.items() if name in ("url", "image_url", "title_link") and inner]
        return own + [each for inner in value.values() for each in _addresses(inner)]
    return [each for inner in value for each in _addresses(inner)] if isinstance(value, list) else []
