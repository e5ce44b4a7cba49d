"""The heartbeat that healthmgr sends to a watcher of its own: silence there means that we are not well."""

from __future__ import annotations

import requests
import structlog

log = structlog.get_logger(__name__)

TIMEOUT = 5.0


def ping(url: str) -> None:
    """Ping the address, if there is one; a failure is logged, for the watcher will notice the silence."""
    if not url:
        return
    try:
        requests.get(url, timeout=TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        log.warning("outbound_heartbeat_failed", error=type(error).__name__)
