"""Celery: workers that answer, messages that wait, and how long the oldest of them has waited."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from kombu.connection import Connection
from kombu.exceptions import ChannelError, OperationalError
from kombu.pidbox import Mailbox
from kombu.transport import pyamqp, redis  # noqa: F401 - kombu looks for them when it connects: by then they are here
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from healthmgr.checks.apart import Apart
from healthmgr.domain.check import Status
from healthmgr.domain.quantity import length_of
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_AMQP_NOT_FOUND = 404
# What the parsers of Redis' and AMQP's protocols meet in an answer that is none.
_NONSENSE = (ValueError, RecursionError, LookupError, TypeError, AttributeError, struct.error)
_LONGEST_COMPLAINT = 300  # characters

Duration = Annotated[timedelta, BeforeValidator(length_of)]


class CeleryConfig(BaseModel):
    """Which broker, which queues, and how many workers there should be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    broker_url: str = Field(min_length=1, repr=False, description="Address of the broker: redis://... or amqp://...")
    queues: list[str] = Field(
        default_factory=lambda: ["celery"], description="Queues whose waiting messages are counted"
    )
    min_workers: int = Field(1, ge=0, description="Fewest workers that must answer; 0 asks none")
    ping_timeout: Duration = Field(
        timedelta(seconds=1), gt=timedelta(0), description="How long to listen for the workers' answers"
    )
    transport_options: dict[str, Any] = Field(
        default_factory=dict, description="Celery's broker_transport_options, where the application sets its own"
    )


def look(config: CeleryConfig, timeout: timedelta, now: datetime) -> Outcome:
    """Count what waits and who answers, in a process that can be ended: kombu listens as long as a broker talks."""
    started = time.perf_counter()
    with _connect(config, timeout) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            metrics, missing = _measure_queues(connection, config.queues, now)
            response_time = time.perf_counter() - started  # listening to workers always takes its full time
            names = _ping(connection, _time_to_listen(config, timeout)) if config.min_workers else []
        except (*connection.connection_errors, *connection.channel_errors, OperationalError, OSError) as error:
            return Outcome(Status.UNHEALTHY, f"the broker does not answer: {_one_line(error)}")
        except MemoryError:
            return Outcome(Status.UNHEALTHY, "the broker says more than can be listened to")
        except _NONSENSE as error:
            said = f"the broker does not speak as one: {type(error).__name__}: {_one_line(error)}"
            return Outcome(Status.UNHEALTHY, said[:_LONGEST_COMPLAINT])
    if config.min_workers:
        metrics["workers"] = float(len(names))
    return _judge(config, metrics, missing, response_time)


class CeleryCheck:
    """Asks a Celery application's broker and workers."""

    kind: ClassVar[str] = "celery"
    Config: ClassVar[type[BaseModel]] = CeleryConfig
    uses_network: ClassVar[bool] = True

    _apart: ClassVar[Apart] = Apart(look, CeleryConfig, most_memory=64 * 1_048_576)

    async def probe(self, config: CeleryConfig, context: ProbeContext) -> Outcome:
        """Count what waits and who answers; a broker out of reach or too few workers are unhealthy."""
        return await self._apart.look(config, context)


def _connect(config: CeleryConfig, timeout: timedelta) -> Any:
    seconds = timeout.total_seconds()
    options: dict[str, Any] = {}
    if config.broker_url.startswith(("redis", "rediss", "sentinel")):
        # A visitor must never take another's unacknowledged messages for lost and put them back.
        options.update(ack_emulation=False, socket_timeout=seconds, socket_connect_timeout=seconds)
    options.update(config.transport_options)
    return Connection(config.broker_url, connect_timeout=seconds, transport_options=options)  # type: ignore[no-untyped-call]


def _time_to_listen(config: CeleryConfig, timeout: timedelta) -> float:
    """At most half of the probe's time, because the last answer starts the wait anew."""
    return min(config.ping_timeout, timeout / 2).total_seconds()


def _ping(connection: Any, seconds: float) -> list[str]:
    mailbox = Mailbox("celery", type="fanout", accept=["json"], serializer="json")(connection)  # type: ignore[no-untyped-call]
    replies = mailbox.multi_call("ping", timeout=seconds) or []
    return [name for reply in replies for name in reply]


def _measure_queues(connection: Any, queues: list[str], now: datetime) -> tuple[dict[str, float], list[str]]:
    """The metrics of these queues, and the names of those that an AMQP broker does not know."""
    metrics: dict[str, float] = {}
    missing: list[str] = []
    ages: list[float] = []
    for queue in queues:
        depth = _depth(connection, queue)
        if depth is None:
            missing.append(queue)
            continue
        metrics[f"queue_depth_{queue}"] = float(depth)
        ages.extend(_ages_of_oldest(connection, queue, now) if depth else [])
    if queues and len(missing) < len(queues):
        metrics["queue_depth"] = sum(metrics.values())
    if ages:
        metrics["oldest_message_age"] = max(ages)
    return metrics, missing


def _depth(connection: Any, queue: str) -> int | None:
    """Messages that wait, of all priorities; None when the broker has no such queue."""
    channel = connection.channel()  # one each, because AMQP closes the channel of a question that fails
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except (ChannelError, *connection.channel_errors) as error:
        if connection.transport.driver_type == "redis":
            return 0  # an empty list does not exist in Redis
        if getattr(error, "reply_code", None) == _AMQP_NOT_FOUND:
            return None
        raise
    finally:
        with contextlib.suppress(*connection.connection_errors, *connection.channel_errors):
            channel.close()


def _ages_of_oldest(connection: Any, queue: str, now: datetime) -> list[float]:
    """Seconds since the oldest message of each priority was published, where its header says when. Redis only."""
    if connection.transport.driver_type != "redis":
        return []  # AMQP can't look without taking
    with connection.channel() as channel:
        prefix = getattr(channel, "global_keyprefix", "") or ""
        keys = [f"{prefix}{channel._q_for_pri(queue, step)}" for step in channel.priority_steps]
        with channel.conn_or_acquire() as client:
            heads = [client.lindex(key, -1) for key in keys]
    ages = [_age(head, now) for head in heads if head]
    return [age for age in ages if age is not None]


def _age(message: bytes | str, now: datetime) -> float | None:
    try:
        published_at = datetime.fromisoformat(json.loads(message)["headers"]["published_at"])
        return max(0.0, (now - published_at).total_seconds())
    except (ValueError, KeyError, TypeError):
        return None


def _judge(config: CeleryConfig, metrics: dict[str, float], missing: list[str], response_time: float) -> Outcome:
    workers, depth = metrics.get("workers"), metrics.get("queue_depth", 0.0)
    waiting = f"{depth:.0f} messages wait"
    if workers is not None and workers < config.min_workers:
        said = f"{workers:.0f} of at least {config.min_workers} workers answered; {waiting}"
        return Outcome(Status.UNHEALTHY, said, response_time, metrics)
    if missing:
        return Outcome(Status.UNHEALTHY, f"the broker has no queue {', '.join(missing)}", response_time, metrics)
    said = f"{workers:.0f} workers answered; {waiting}" if workers is not None else waiting
    return Outcome(Status.HEALTHY, said, response_time, metrics)


def _one_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
