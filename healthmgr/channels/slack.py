"""The channel `slack`: a message in a Slack channel, through an incoming webhook."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from healthmgr import __version__
from healthmgr.channels.fields import ChannelConfig, holds_reference
from healthmgr.channels.http import Answer, Request, check_url, post
from healthmgr.channels.slack_blocks import payload, plain
from healthmgr.domain.message import Message
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


class SlackConfig(ChannelConfig):
    """Which incoming webhook, and how to appear."""

    url: SecretStr = Field(
        description="the incoming webhook, https://hooks.slack.com/services/...; whoever knows it can post: "
        "better written as ${SLACK_WEBHOOK_URL}"
    )
    channel: str = Field(
        "",
        max_length=200,
        pattern=r"^\S*$",
        description="another channel than the webhook's own, such as #alerts; only webhooks of old custom "
        "integrations, and compatible servers, heed it",
    )
    username: str = Field(
        "", max_length=80, description="the name to appear under; heeded by the same webhooks as `channel`"
    )

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if not holds_reference(url.get_secret_value()):
            check_url(url.get_secret_value())
        return url


class SlackChannel:
    """POSTs with requests; Slack has accepted when it says `ok`. `address` is not used: the webhook is one."""

    kind: ClassVar[str] = "slack"
    needs_address: ClassVar[bool] = False
    Config: ClassVar[type[SlackConfig]] = SlackConfig

    def send(self, config: SlackConfig, message: Message, address: str, timeout: timedelta) -> Receipt:  # noqa: ARG002
        """Hand one message to Slack; where it refuses the message's form, once more as text alone."""
        started = time.monotonic()
        try:
            check_url(config.url.get_secret_value())
            rich = payload(message)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None
        try:
            answer = _post(config, rich, timeout)
        except ChannelError as error:
            if not (error.permanent and any(word in str(error) for word in _MALFORMED)):
                raise
            answer = _post(config, plain(message), timeout - timedelta(seconds=time.monotonic() - started))
            return Receipt(detail=f"{answer}, as text alone: the blocks were refused")
        return Receipt(detail=str(answer))


def _post(config: SlackConfig, document: Mapping[str, Any], timeout: timedelta) -> Answer:
    url = config.url.get_secret_value()
    options = {"channel": config.channel, "username": config.username}
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
