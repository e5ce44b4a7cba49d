"""How many messages wait in each queue, on Redis and on AMQP brokers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from celery import Celery
from kombu.exceptions import KombuError, OperationalError

from healthmgr.errors import Unavailable


def queue_depths(app: Celery, queues: Sequence[str]) -> Mapping[str, int]:
    """Messages waiting in each queue; one that is not declared yet is empty. Raises Unavailable."""
    try:
        with app.connection_for_write() as connection:
            return {name: _depth(connection, name) for name in queues}
    except (OperationalError, KombuError, OSError, *app.connection_for_write().connection_errors) as error:
        raise Unavailable(f"the broker does not answer: {error}") from error


def _depth(connection: object, name: str) -> int:
    # A channel each: on AMQP a passive declaration of a missing queue closes its channel.
    with connection.channel() as channel:  # type: ignore[attr-defined]
        try:
            return int(channel.queue_declare(queue=name, passive=True).message_count)
        except connection.channel_errors:  # type: ignore[attr-defined]
            return 0
