"""The API as a process of its own: `healthmgr api`, or `python -m healthmgr.api.serve`."""

from __future__ import annotations

import importlib
import socket
import sys
from functools import partial
from typing import Any

import structlog
import uvicorn

from healthmgr.api.agent import Agent
from healthmgr.api.app import create_app
from healthmgr.api.bounded_http import BoundedHttp
from healthmgr.api.metrics import all_families
from healthmgr.api.stream_feed import EventFeed
from healthmgr.bootstrap import Healthmgr, build
from healthmgr.dashboard.mounting import mount_dashboard
from healthmgr.errors import HealthmgrError, SettingsError
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging

log = structlog.get_logger(__name__)

_LET_REQUESTS_END_FOR = 5  # seconds, when the process is asked to stop


def serve(settings: Settings) -> None:
    """Serve at HEALTHMGR_HOST and HEALTHMGR_PORT until SIGINT or SIGTERM; exits with 1 when the port is taken.

    HAProxy's agent checks are answered at HEALTHMGR_AGENT_PORT, where that is set.

    Requests are not logged one by one: addresses of pings carry keys.
    """
    configure_logging(settings)
    healthmgr = build(settings)
    app = create_app(healthmgr)
    mount_dashboard(app, healthmgr)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        proxy_headers=False,  # dashboard/proxies.py believes those that are named
        timeout_graceful_shutdown=_LET_REQUESTS_END_FOR,
    )
    log.info("api_starting", address=f"http://{settings.host}:{settings.port}")
    pushing = _pushing(healthmgr)
    try:
        if pushing is not None:
            pushing.start()
        _Server(config, Agent(app.state.balancer_answers), settings, app.state.event_feed).run()
    finally:
        if pushing is not None:
            pushing.stop()
        healthmgr.close()


def _pushing(healthmgr: Healthmgr) -> Any:
    """What pushes metrics to a collector; None where none is named. Raises SettingsError without the extra for it."""
    settings = healthmgr.settings
    if not settings.otlp_endpoint:
        return None
    try:
        otlp = importlib.import_module("healthmgr.api.otlp")
    except ModuleNotFoundError as error:
        message = (
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not installed: pip install 'healthmgr[otel]'"
        )
        raise SettingsError(message) from error
    return otlp.Pushing(settings.otlp_endpoint, settings.otlp_interval, partial(all_families, healthmgr), healthmgr.now)


class _Server(uvicorn.Server):
    """The API, and where a port is given for it the agent, which begins before it and ends with it.

    Streams are ended first: left alone, each would be waited for in vain.
    """

    def __init__(self, config: uvicorn.Config, agent: Agent, settings: Settings, feed: EventFeed) -> None:
        super().__init__(config)
        self._feed = feed
        self._agent = agent
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._settings.agent_port:
            await self._agent.start(self._settings.host, self._settings.agent_port)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.close()
        await self._agent.stop()
        await super().shutdown(sockets)


def main() -> int:
    """Serve by the environment; a fault of it is told in one line."""
    try:
        serve(Settings.load())
    except HealthmgrError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
