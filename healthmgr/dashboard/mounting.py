"""Puts the dashboard onto the application of the API."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from nicegui import ui

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard import (
    announcements,
    audit,
    check_page,
    graph_page,
    incidents,
    muting,
    oncall,
    overview,
    people,
    routes,
    runbook_page,
    runbooks,
    runs,
    settings,
    simulate,
    workers,
)
from healthmgr.dashboard.guarding import Guard
from healthmgr.dashboard.live import Live
from healthmgr.dashboard.oidc_door import oidc_router, provider_of
from healthmgr.dashboard.proxies import Proxies, ProxyRules
from healthmgr.dashboard.shell import ROOT
from healthmgr.dashboard.signing_in import Door, signing_router

# Each registers its pages when it is imported.
PAGES = (
    overview,
    check_page,
    graph_page,
    incidents,
    oncall,
    people,
    simulate,
    routes,
    muting,
    runbooks,
    runbook_page,
    runs,
    workers,
    announcements,
    audit,
    settings,
)


def mount_dashboard(app: FastAPI, healthmgr: Healthmgr) -> Live:
    """Mount the pages at `/ui`, the doors to them, and the way there from `/`; what keeps them up to date."""
    provider = provider_of(healthmgr.settings)
    door = Door(healthmgr, has_provider=provider is not None)
    app.include_router(signing_router(healthmgr, door))
    if provider is not None:
        app.include_router(oidc_router(healthmgr, provider, door))

    @app.get("/", include_in_schema=False)
    def lead_in() -> RedirectResponse:
        return RedirectResponse(ROOT + "/", status_code=307)

    ui.run_with(
        app,
        mount_path=ROOT,
        title="healthmgr",
        dark=None,
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
        gzip_middleware_factory=None,  # the application around it has one
        reconnect_timeout=10.0,
    )
    live = Live()
    app.add_middleware(Guard, healthmgr=healthmgr, live=live)
    app.add_middleware(Proxies, told=ProxyRules.of(healthmgr.settings))
    return live
