"""The API as a process of its own: `healthmgr api`, or `python -m healthmgr.api.serve`."""

from __future__ import annotations

import socket
import sys

import structlog
import uvicorn

from healthmgr.api.agent import Agent
from healthmgr.api.app import create_app
from healthmgr.api.bounded_http import BoundedHttp
from healthmgr.bootstrap import build
from healthmgr.dashboard.mounting import mount_dashboard
from healthmgr.errors import HealthmgrError
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
        timeout_graceful_shutdown=_LET_REQUESTS_END_FOR,
    )
    log.info("api_starting", address=f"http://{settings.host}:{settings.port}")
    try:
        _Server(config, Agent(app.state.balancer_answers), settings).run()
    finally:
        healthmgr.close()


class _Server(uvicorn.Server):
    """The API, and where a port is given for it the agent, which begins before it and ends with it."""

    def __init__(self, config: uvicorn.Config, agent: Agent, settings: Settings) -> None:
        super().__init__(config)
        self._agent = agent
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._settings.agent_port:
            await self._agent.start(self._settings.host, self._settings.agent_port)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
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
