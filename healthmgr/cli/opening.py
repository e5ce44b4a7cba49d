"""Opening the installation that a command works on: settings, logging, and the objects of bootstrap."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging

NO_DATABASE = "No database: run `make run` here or set DATABASE_URL."
NO_BROKER = "No broker: run `make run` here, or set REDIS_URL or BROKER_URL."


def load_settings() -> Settings:
    """The settings of this terminal, with logging quietened to what a person at it must know.

    The variables that a running `healthmgr up` gave its children become this process's too: definitions
    refer to them, so that `healthmgr apply` in a second terminal understands what the first one did.
    """
    settings = Settings.load()
    for name, value in _left_by_up(settings).items():
        os.environ[name] = os.environ.get(name) or value
    quiet = settings.model_copy(update={"log_level": "warning"}) if settings.log_level == "info" else settings
    configure_logging(quiet)
    return settings


def _left_by_up(settings: Settings) -> dict[str, str]:
    try:
        return dict(json.loads(settings.environment_file.read_text(encoding="utf-8")))  # Settings.load could read it
    except FileNotFoundError:
        return {}


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
