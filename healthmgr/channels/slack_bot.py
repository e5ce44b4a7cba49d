"""Posting as a bot of Slack: one message for each incident, kept up to date, with what is new in its thread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from healthmgr.channels.deadline import Deadline
from healthmgr.channels.slack_api import Api, Refused
from healthmgr.channels.slack_blocks import news, payload, plain
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

# What Slack says when it dislikes the form of a message: as text alone it may still be taken.
_MALFORMED = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_blocks_too_long", "msg_too_long",
     "too_many_attachments", "markdown_text_conflict"}
)  # fmt: skip
# ... and when the incident's message can be changed or answered no longer, so that a new one has to take its place.
_LOST = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found", "cannot_reply_to_message",
     "is_inactive", "restricted_action_thread_locked", "restricted_action_thread_only_channel"}
)  # fmt: skip
_PROVIDER_ID = re.compile(r"([A-Z0-9]{1,40}):(\d{1,20}\.\d{1,20})")


@dataclass(frozen=True, slots=True)
class _Posted:
    """The incident's message, as Slack names it."""

    channel: str
    ts: str

    def __str__(self) -> str:
        return f"{self.channel}:{self.ts}"


class Bot:
    """One send: all its calls together take at most `timeout`."""

    def __init__(self, api_url: str, token: str, username: str, timeout: timedelta) -> None:
        self._api = Api(api_url, token)
        self._username = username
        self._deadline = Deadline(timeout)

    def tell(self, message: Message, target: str, *, with_actions: bool) -> Receipt:
        """Tell one message: as a new one in `target`, or in the incident's message and its thread.

        Raises ChannelError, and ValueError for a message without content.
        """
        rich = payload(message, with_actions=with_actions)
        first = _first(message)
        if first is not None:
            try:
                return self._follow_up(first, message, rich, with_actions=with_actions)
            except Refused as refusal:
                if refusal.code not in _LOST:
                    raise
        if not target:
            raise ChannelError("no Slack channel to post to: name one as `channel`, or as the recipient's contact",
                               permanent=True)  # fmt: skip
        return self._begin(target, message, rich)

    def _begin(self, target: str, message: Message, rich: Mapping[str, Any]) -> Receipt:
        options = {"channel": target, **({"username": self._username} if self._username else {})}
        answer, how = self._shown("chat.postMessage", options, rich, message)
        posted = _Posted(str(answer.get("channel", "")), str(answer.get("ts", "")))
        return Receipt(provider_id=str(posted) if _PROVIDER_ID.fullmatch(str(posted)) else "", detail=f"posted{how}")

    def _follow_up(self, first: _Posted, message: Message, rich: Mapping[str, Any], *, with_actions: bool) -> Receipt:
        # The update first: repeated, it changes nothing, while a reply that is repeated is told twice.
        _, how = self._shown("chat.update", {"channel": first.channel, "ts": first.ts}, rich, message)
        reply = {
            "channel": first.channel,
            "thread_ts": first.ts,
            # Replies reach only who follows the thread: what somebody has to act on is shown in the channel, too.
            "reply_broadcast": message.kind is MessageKind.PROBLEM,
            **news(message, with_actions=with_actions),
            **({"username": self._username} if self._username else {}),
        }
        self._api.call("chat.postMessage", reply, self._remaining())
        return Receipt(provider_id=str(first), detail=f"brought up to date{how}, and told in its thread")

    def _shown(
        self, method: str, options: Mapping[str, Any], rich: Mapping[str, Any], message: Message
    ) -> tuple[Mapping[str, Any], str]:
        """The answer, and a remark where only the text was taken."""
        try:
            return self._api.call(method, {**rich, **options}, self._remaining()), ""
        except Refused as refusal:
            if refusal.code not in _MALFORMED:
                raise
        # Empty lists, lest an update leaves the blocks of the message that it changes.
        bare = {**plain(message), "blocks": [], "attachments": [], **options}
        return self._api.call(method, bare, self._remaining()), ", as text alone: the blocks were refused"

    def _remaining(self) -> timedelta:
        try:
            return timedelta(seconds=self._deadline.remaining())
        except TimeoutError:
            raise ChannelError("Slack was too slow: no time was left for all that there is to tell") from None


def _first(message: Message) -> _Posted | None:
    """The incident's message, where there is one that this message continues: a digest stands for itself."""
    found = _PROVIDER_ID.fullmatch(message.first_provider_id)
    return _Posted(found[1], found[2]) if found and message.kind is not MessageKind.DIGEST else None
