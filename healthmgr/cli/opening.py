"""Opening the installation that a command works on: settings, logging, and the objects of bootstrap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging

NO_DATABASE = "No database: run `make run` here or set DATABASE_URL."
NO_BROKER = "No broker: run `make run` here, or set REDIS_URL or BROKER_URL."


def load_settings() -> Settings:
    """The settings of this terminal, with logging quietened to what a person at it must know."""
    settings = Settings.load()
    quiet = settings.model_copy(update={"log_level": "warning"}) if settings.log_level == "info" else settings
    configure_logging(quiet)
    return settings


def settings_with_database() -> Settings:
    """The settings; raises Unavailable when they name no database."""
    settings = load_settings()
    if not settings.database_url:
        raise Unavailable(NO_DATABASE)
    return settings


@contextmanager
def opened() -> Iterator[Healthmgr]:
    """The installation, closed again at the end. Raises Unavailable when no database is named."""
    healthmgr = build(settings_with_database())
    try:
        yield healthmgr
    finally:
        healthmgr.close()
