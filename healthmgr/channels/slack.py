"""The channel `slack`: a message in a Slack channel, through a bot's token or an incoming webhook."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import ClassVar, Self

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator

from healthmgr.channels.fields import ChannelConfig, holds_reference
from healthmgr.channels.http import check_url
from healthmgr.channels.slack_blocks import payload
from healthmgr.channels.slack_bot import Bot
from healthmgr.channels.slack_webhook import post_to_webhook
from healthmgr.domain.message import Message
from healthmgr.errors import ChannelError
from healthmgr.ports import Receipt


class SlackConfig(ChannelConfig):
    """A bot's token or an incoming webhook, where to post, and how to appear."""

    url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("url", "webhook_url", "webhookUrl"),
        description="an incoming webhook, https://hooks.slack.com/services/...; whoever knows it can post: "
        "better written as ${SLACK_WEBHOOK_URL}. Not used where there is a bot_token; `webhook_url` is the same",
    )
    bot_token: SecretStr | None = Field(
        None,
        description="a bot's token, xoxb-..., of an app with the scope chat:write: each incident then is one message "
        "that is kept up to date, with what is new in its thread; better written as ${SLACK_BOT_TOKEN}",
    )
    channel: str = Field(
        "",
        max_length=200,
        pattern=r"^\S*$",
        description="where to post, such as #alerts or C0123456789. A bot has to be in that channel, and posts to the "
        "recipient's own contact (a channel or a user id) instead where there is one; of webhooks only those of old "
        "custom integrations, and of compatible servers, heed it",
    )
    username: str = Field(
        "",
        max_length=80,
        description="the name to appear under; a bot needs the scope chat:write.customize for it, and of webhooks the "
        "same heed it as `channel`",
    )
    buttons: bool = Field(
        False,
        description="whether an incident is acknowledged, silenced for an hour and resolved by buttons; the app's "
        "Interactivity has to be switched on and to lead to healthmgr, and `signing_secret` to be given",
    )
    signing_secret: SecretStr | None = Field(
        None, description="the app's signing secret, by which a pressed button is known to come from Slack"
    )
    api_url: str = Field("https://slack.com/api", description="where Slack's API is, for compatible servers")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not holds_reference(url.get_secret_value()):
            check_url(url.get_secret_value())
        return url

    @field_validator("api_url")
    @classmethod
    def _is_an_address(cls, api_url: str) -> str:
        if not holds_reference(api_url):
            check_url(api_url)
        return api_url.rstrip("/")

    @field_validator("bot_token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        text = token.get_secret_value() if token is not None else "x"
        if not text or not all("!" <= character <= "~" for character in text):
            raise ValueError("the token is not one: copy `Bot User OAuth Token` from the app's page")
        return token

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.url is None and self.bot_token is None:
            raise ValueError("say how to reach Slack: `url` (an incoming webhook) or `bot_token` (and `channel`)")
        if self.buttons and self.signing_secret is None:
            raise ValueError("`buttons` need `signing_secret`: without it nobody knows that it was Slack who called")
        return self


class SlackChannel:
    """Through a bot, `address` may name another channel or a user; through a webhook it is not used."""

    kind: ClassVar[str] = "slack"
    needs_address: ClassVar[bool] = False
    tells_acknowledgements: ClassVar[bool] = True
    Config: ClassVar[type[SlackConfig]] = SlackConfig

    def send(self, config: SlackConfig, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Hand one message to Slack; where it refuses the message's form, once more as text alone.

        A bot's receipt names the incident's message, as CHANNEL:TS; with that as `first_provider_id`, later messages
        of the incident bring it up to date and say in its thread what is new.
        """
        try:
            if config.bot_token is not None:
                bot = Bot(config.api_url, config.bot_token.get_secret_value(), config.username, timeout)
                return bot.tell(message, address or config.channel, with_actions=config.buttons)
            url = config.url.get_secret_value() if config.url is not None else ""
            check_url(url)
            options = {"channel": config.channel, "username": config.username}
            return post_to_webhook(url, options, message, timeout, with_actions=config.buttons)
        except ValueError as error:
            raise ChannelError(str(error), permanent=True) from None

    def preview(self, config: SlackConfig, message: Message, address: str) -> str:  # noqa: ARG002
        """The message in Block Kit's JSON, as its Block Kit Builder takes it; ValueError where nothing can be told."""
        return json.dumps(payload(message, with_actions=config.buttons), ensure_ascii=False, indent=2) + "\n"
