"""Redis and the broker: do they answer, and do they keep what they are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import redis
from kombu.connection import Connection
from kombu.exceptions import KombuError, OperationalError

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.cli.explaining import first_line
from healthmgr.telemetry import mask

_OLDEST = (6, 2)
_PATIENCE = 3.0  # seconds


def examine_redis(installation: Installation) -> Iterator[Finding]:
    """Whether Redis answers, is new enough, survives a restart, and throws no message away."""
    settings = installation.settings
    url = settings.redis_url or (settings.broker if settings.broker.startswith(("redis", "unix")) else "")
    if not url:
        yield skip("no Redis is used here")
        return
    try:
        facts = _facts(url)
    except (redis.RedisError, OSError, ValueError) as error:
        yield fail(
            f"Redis does not answer: {mask(first_line(error))}",
            "start it (`make run` starts everything), or correct REDIS_URL",
        )
        return
    yield from _judge(facts)


def _facts(url: str) -> dict[str, Any]:
    client: redis.Redis = redis.Redis.from_url(
        url.replace("redis+socket://", "unix://"), socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE
    )
    try:
        return dict(client.info())
    finally:
        client.close()


def _judge(facts: dict[str, Any]) -> Iterator[Finding]:
    version = str(facts["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        yield fail(f"Redis {version} is too old", "use Redis 6.2 or newer")
    else:
        yield well(f"Redis {version}")
    if not int(facts.get("aof_enabled", 0)):
        yield warn(
            "Redis keeps no append-only file: a restart loses the messages under way, until the sweep finds them again",
            "set `appendonly yes`",
        )
    policy = str(facts.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        said = f"Redis throws keys away when its memory is full (maxmemory-policy {policy}), messages among them"
        judge = fail if int(facts.get("maxmemory", 0)) else warn
        yield judge(said, "set `maxmemory-policy noeviction`")


def examine_broker(installation: Installation) -> Iterator[Finding]:
    """Whether the broker lets this machine in."""
    url = installation.settings.broker
    if not url:
        yield skip("no broker is named")
        return
    timeouts = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    with Connection(  # type: ignore[no-untyped-call]
        url, connect_timeout=_PATIENCE, transport_options=timeouts if url.startswith("redis") else {}
    ) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_PATIENCE)
        except (KombuError, OperationalError, OSError, redis.RedisError) as error:
            yield fail(f"the broker does not answer: {mask(first_line(error))}", "start it, or correct BROKER_URL")
            return
        yield well(f"the broker {connection.as_uri()} lets us in")
