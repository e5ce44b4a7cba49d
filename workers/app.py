"""The Celery app: `celery -A workers.app worker -Q checks`, `... beat -S workers.scheduler:RowScheduler`."""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery, Task, signals
from celery.utils.log import get_logger
from kombu.entity import Queue

from healthmgr.settings import Settings
from healthmgr.telemetry import configure_logging
from workers.liveness import LivenessStep
from workers.process import Process
from workers.queues import QUEUES, ROUTES

log = get_logger(__name__)


def configuration(settings: Settings) -> dict[str, Any]:
    """Celery's configuration.

    Rows are the truth and the sweep finds what is lost, so the broker need not remember what a worker has
    taken: without emulated acknowledgement Redis neither redelivers after a visibility timeout nor costs
    two more round trips a message.
    """
    is_redis = settings.broker.startswith(("redis", "rediss", "unix"))
    return {
        "broker_url": settings.broker,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_connection_timeout": 4,
        "broker_transport_options": {"ack_emulation": False, "socket_connect_timeout": 4} if is_redis else {},
        "result_backend": None,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_default_queue": "upkeep",
        "task_routes": ROUTES,
        "task_publish_retry": False,
        "task_send_sent_event": settings.task_events == "all",
        "worker_send_task_events": settings.task_events == "all",
        "worker_prefetch_multiplier": 4,
        # A queue of its own for every worker: a second opinion is asked of one in particular.
        "worker_direct": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "enable_utc": True,
        "timezone": "UTC",
    }


app = Celery(
    "healthmgr",
    task_cls="workers.base:ServiceTask",
    include=[
        "workers.checks",
        "workers.evaluation",
        "workers.notifications",
        "workers.escalation",
        "workers.recovery",
        "workers.events",
        "workers.webhooks",
        "workers.upkeep",
        "workers.pulse",
    ],
)
# Called when the configuration is first asked for, so that importing this module reads no environment.
app.add_defaults(lambda: configuration(Settings.load()))
app.steps["consumer"].add(LivenessStep)
app.process = Process(app)


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    configure_logging(Settings.load())


@signals.celeryd_init.connect
def _show_in_flower(conf: Any, options: dict[str, Any], **_: Any) -> None:
    """Events cost half a millisecond a task: they are on wherever a worker takes neither checks nor evaluation."""
    asked = options.get("queues") or QUEUES
    queues = set(asked.split(",") if isinstance(asked, str) else asked)
    if queues.isdisjoint({"checks", "evaluation"}):
        conf.worker_send_task_events = True


@signals.task_prerun.connect
def _bind_ids(task_id: str, task: Task, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(task=task.name, task_id=task_id)


@signals.task_postrun.connect
def _unbind_ids(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task", "task_id")


@signals.worker_process_init.connect
def _start_anew_after_fork(**_: Any) -> None:
    """A forked pool process must not share its parent's connections."""
    app.process = Process(app)


@signals.worker_shutdown.connect
@signals.worker_process_shutdown.connect
def _close(**_: Any) -> None:
    app.process.close()
