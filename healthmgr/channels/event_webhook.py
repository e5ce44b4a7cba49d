"""Telling a webhook of an event: one signed POST, as the channel `webhook` sends its messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from healthmgr.channels.http import Request, check_url, exchange
from healthmgr.channels.webhook import signed_headers
from healthmgr.domain.webhook import Answered
from healthmgr.errors import ChannelError


def post_event(url: str, key: str, body: Mapping[str, Any], secrets: Sequence[str], timeout: timedelta) -> Answered:
    """Hand one event over; what the receiver said, or why nothing was heard of it. Follows no redirect."""
    told = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    request = Request(url, told, signed_headers(key, told, secrets, {}))
    try:
        answer = exchange(request, timeout)
    except ChannelError as error:
        return Answered(None, str(error))
    return Answered(answer.status, str(answer), answer.retry_after)


def check_address(url: str) -> None:
    """Raises ValueError, without repeating the address, unless events can be POSTed to it."""
    check_url(url)
