"""The API as a process of its own: `healthmgr api`, or `python -m healthmgr.api.serve`."""

from __future__ import annotations

import sys

import structlog
import uvicorn

from healthmgr.api.app import create_app
from healthmgr.api.bounded_http import BoundedHttp
from healthmgr.bootstrap import build
from healthmgr.errors import HealthmgrError
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging

log = structlog.get_logger(__name__)

_LET_REQUESTS_END_FOR = 5  # seconds, when the process is asked to stop


def serve(settings: Settings) -> None:
    """Serve at HEALTHMGR_HOST and HEALTHMGR_PORT until SIGINT or SIGTERM; exits with 1 when the port is taken.

    Requests are not logged one by one: addresses of pings carry keys.
    """
    configure_logging(settings)
    healthmgr = build(settings)
    config = uvicorn.Config(
        create_app(healthmgr),
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_LET_REQUESTS_END_FOR,
    )
    log.info("api_starting", address=f"http://{settings.host}:{settings.port}")
    try:
        uvicorn.Server(config).run()
    finally:
        healthmgr.close()


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
