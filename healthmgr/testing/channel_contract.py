"""What every channel owes, checked on the class and, given a configuration, on a send."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from healthmgr.domain.message import Message
from healthmgr.domain.quantity import format_duration
from healthmgr.errors import ChannelError
from healthmgr.ports import Channel, Receipt
from healthmgr.testing.messages import make_message
from healthmgr.testing.plugin_contract import assert_config, assert_discreet, assert_plugin, owe

_GRACE = 1.0  # seconds beyond the timeout


def assert_channel_contract(
    channel: type[Any],
    config: Mapping[str, Any] | None = None,
    address: str = "",
    *,
    message: Message | None = None,
    timeout: timedelta = timedelta(seconds=2),
) -> None:
    """Raises AssertionError, saying what to change, unless this class is a channel that healthmgr can use.

    With a `config`, as in a definitions file, one message is sent as well (`make_message()` unless given): it has
    to return a Receipt or raise a ChannelError that tells no secret, within `timeout`.
    """
    assert_plugin(channel, "send", ["config", "message", "address", "timeout"])
    name = channel.__qualname__
    owe(isinstance(getattr(channel, "needs_address", None), bool), f"{name}: needs_address has to be True or False")
    owe(isinstance(channel(), Channel), f"{name}: it lacks something of healthmgr.ports.Channel")
    assert_config(channel)
    if config is not None:
        assert_discreet(channel, config, _sent(channel, config, address, message or make_message(), timeout))


def _sent(
    channel: type[Any], config: Mapping[str, Any], address: str, message: Message, timeout: timedelta
) -> list[str]:
    name = channel.__qualname__
    plugin = channel()
    judged = plugin.Config.model_validate(dict(config))
    started = time.monotonic()
    try:
        receipt = plugin.send(judged, message, address, timeout)
    except ChannelError as error:
        said = ["".join(traceback.format_exception(error))]
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__} escaped from send: raise ChannelError instead") from error
    else:
        owe(isinstance(receipt, Receipt), f"{name}: send returned {type(receipt).__name__}, not a Receipt")
        said = [receipt.provider_id, receipt.detail]
    is_in_time = time.monotonic() - started <= timeout.total_seconds() + _GRACE
    owe(is_in_time, f"{name}: send took longer than its timeout of {format_duration(timeout)}")
    return said
