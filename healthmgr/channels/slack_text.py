"""Text as Slack takes it: never markup or a mention of its own, and cut to the length that Slack counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from healthmgr.channels.text import ELLIPSIS

Block = dict[str, Any]
_ESCAPES: Mapping[str, str] = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


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


def cut(text: str, most: int) -> str:
    """The text, at most `most` UTF-16 units long, for places where nothing is markup."""
    while _units(text) > most:
        text = text[: most - 1 - (_units(text) - len(text))].rstrip() + ELLIPSIS
    return text


def markup(text: str) -> Block:
    """A text object of what is escaped already. Verbatim: a bare @channel in somebody's output calls nobody."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def words(text: str, most: int) -> Block:
    """A text object in which nothing is markup."""
    return {"type": "plain_text", "text": cut(text, most), "emoji": False}


def section(text: str) -> Block:
    """A paragraph of what is escaped already."""
    return {"type": "section", "text": markup(text)}


def _units(text: str) -> int:
    """How long Slack finds it: characters beyond the basic plane count twice."""
    return sum(2 if ord(character) > 0xFFFF else 1 for character in text)
