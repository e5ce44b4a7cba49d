"""Posting to an incoming webhook of Slack, which takes messages and neither names nor changes them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from healthmgr import __version__
from healthmgr.channels.http import Answer, Request, post
from healthmgr.channels.slack_blocks import news, payload, plain
from healthmgr.domain.message import Message, MessageKind
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt

# What Slack says when it dislikes the form of a message: as text alone it may still be taken.
_MALFORMED = ("invalid_blocks", "invalid_attachments", "invalid_payload", "msg_blocks_too_long", "msg_too_long")
_ADVICE: Mapping[str, str] = {
    "no_service": "the webhook was removed or its app uninstalled; make a new one",
    "no_team": "the workspace is gone; make a webhook in another",
    "invalid_token": "the webhook's address is not right; copy it again from the app's page",
    "channel_not_found": "there is no such channel; correct `channel`, or leave it out",
    "channel_is_archived": "the channel is archived; choose another",
    "action_prohibited": "an administrator of the workspace has to allow the webhook to post",
    "user_not_found": "there is no such user; correct `channel`",
}


def post_to_webhook(
    url: str, options: Mapping[str, str], message: Message, timeout: timedelta, *, with_actions: bool
) -> Receipt:
    """One message to the webhook; an acknowledgement is one line. Raises ChannelError, and ValueError for no content.

    Slack has accepted when it says `ok`. `options` are further fields of the message, those that are not empty.
    """
    started = time.monotonic()
    try:
        answer = _post(url, options, _document(message, with_actions=with_actions), timeout)
    except ChannelError as error:
        if not (error.permanent and any(word in str(error) for word in _MALFORMED)):
            raise
        answer = _post(url, options, plain(message), timeout - timedelta(seconds=time.monotonic() - started))
        return Receipt(detail=f"{answer}, as text alone: the blocks were refused")
    return Receipt(detail=str(answer))


def _document(message: Message, *, with_actions: bool) -> Mapping[str, Any]:
    rich = payload(message, with_actions=with_actions)
    if message.kind is not MessageKind.ACKNOWLEDGEMENT:
        return rich
    # The problem stands above it with all its facts; who has taken it on is all that is new.
    return news(message, names_incident=True)


def _post(url: str, options: Mapping[str, str], document: Mapping[str, Any], timeout: timedelta) -> Answer:
    body = json.dumps({**document, **{name: value for name, value in options.items() if value}})
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"healthmgr/{__version__}"}
    request = Request(url, body.encode(), headers, secrets=(url, urlsplit(url).path))
    try:
        answer = post(request, timeout)
    except ChannelError as error:
        advice = next((words for code, words in _ADVICE.items() if code in str(error)), "")
        if not advice:
            raise
        raise ChannelError(f"{error}: {advice}", permanent=error.permanent, retry_after=error.retry_after) from None
    if answer.reply != "ok":
        # Slack says no more than "ok"; anything else with 200 is a proxy, a sign-in page, or another service.
        raise ChannelError(
            f"{request.place} did not say `ok` as Slack does, but {answer}: see that `url` is an incoming webhook",
            permanent=True,
        )
    return answer
