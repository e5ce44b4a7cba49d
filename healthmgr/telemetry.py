"""Logging: structlog for every process, console or JSON, with ids bound and secrets masked."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from healthmgr.secrets import mask as mask  # known by this name as well
from healthmgr.settings import Settings


def _mask_event(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = mask(value)
    return event


def _without_task(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("task", None)
    event.pop("task_id", None)
    return event


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is the standard error at that moment, for it may be replaced while a process runs."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def configure_logging(settings: Settings) -> None:
    """Set up structlog and the standard library's logging for this process; safe to call twice."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0)
    )
    # At a terminal the task's ids would bury what happened; machines are given everything.
    prepared: list[Any] = [] if settings.log_format == "json" or settings.log_level == "debug" else [_without_task]
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *prepared, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # Celery says two lines a task; Flower shows them better.
    for noisy in (
        "celery.worker.strategy",
        "celery.app.trace",
        "alembic",
        "kombu",
        "amqp",
        "asyncio",
        "urllib3",
        "httpcore",
        "httpx",
        "mail.log",
    ):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def configure_as_guest() -> None:
    """Log by the standard library's loggers `healthmgr.*`, in a program that has not set structlog up itself.

    Unset, structlog prints an exception with the variables of every frame: slowly, and secrets among them.
    """
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _mask_event,
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        # The standard library's own `exception` would add the traceback again, and mask nothing in it.
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )
