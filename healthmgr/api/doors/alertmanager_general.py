"""Alertmanager's questions about itself: status with a configuration, and its health endpoints."""

from __future__ import annotations

import platform
import time
from datetime import timedelta

import yaml
from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from healthmgr import __version__
from healthmgr.api.doors.alertmanager_views import moment
from healthmgr.api.doors.entry import Looks
from healthmgr.api.health import Readyz, readyz
from healthmgr.api.parts import PartsDep
from healthmgr.domain.alertmanager import configuration

# The version whose API this is: tools choose by it how they speak.
_SPOKEN = "0.28.0"
_STARTED = time.monotonic()

router = APIRouter()
health = APIRouter()


@router.get("/status")
def get_status(parts: PartsDep, _: Looks) -> Response:
    """The version, and our routes as a configuration that `amtool config routes` can walk."""
    document = configuration(parts.door_reading.directory())
    version = {
        "version": _SPOKEN,
        "revision": f"healthmgr {__version__}",
        "branch": "healthmgr",
        "buildUser": "",
        "buildDate": "",
        "goVersion": f"Python {platform.python_version()}",
    }
    return JSONResponse(
        {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": version,
            "config": {"original": yaml.safe_dump(document, sort_keys=False, allow_unicode=True)},
            "uptime": moment(parts.clock.now() - timedelta(seconds=time.monotonic() - _STARTED)),
        }
    )


@health.api_route("/-/healthy", methods=["GET", "HEAD"])
def get_healthy() -> Response:
    """That this process answers."""
    return PlainTextResponse("OK")


@health.api_route("/-/ready", methods=["GET", "HEAD"])
def get_ready(response: Response, parts: PartsDep) -> Readyz:
    """Whether requests can be served, as `/readyz`."""
    return readyz(response, parts)


@health.post("/-/reload")
def reload() -> Response:
    """Nothing to do: every definition is in force from the moment that it is applied."""
    return PlainTextResponse("")
