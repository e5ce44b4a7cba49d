"""Redis: PING, and the numbers of INFO."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError

from healthmgr.checks.network import explain
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext


class RedisConfig(BaseModel):
    """Where the server is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(description="Address of the server: redis://:password@host:6379/0, rediss:// or unix://")

    @field_validator("url")
    @classmethod
    def _must_be_redis(cls, value: str) -> str:
        if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("write an address that begins with redis://, rediss:// or unix://")
        parse_url(value)
        return value


class RedisCheck:
    """Asks a Redis server."""

    kind: ClassVar[str] = "redis"
    Config: ClassVar[type[BaseModel]] = RedisConfig
    uses_network: ClassVar[bool] = True

    async def probe(self, config: RedisConfig, context: ProbeContext) -> Outcome:
        """Ping once over a fresh connection, and read the server's own numbers where it lets us."""
        timeout = context.timeout.total_seconds()
        client = Redis.from_url(
            config.url,
            protocol=2,  # what every server speaks, also those that know no HELLO
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
        )
        try:
            await client.ping()
            return await _describe(client)
        except (RedisError, OSError) as error:
            return Outcome(Status.UNHEALTHY, _explain(error, config.url))
        finally:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()


async def _describe(client: Redis) -> Outcome:
    try:
        info = await client.info()
    except NoPermissionError:
        return Outcome(Status.HEALTHY, "answers to PING; INFO is not permitted")
    version, role = info.get("redis_version", "?"), info.get("role", "?")
    return Outcome(Status.HEALTHY, f"answers; Redis {version}, {role}", metrics=_metrics(info))


def _metrics(info: dict[str, Any]) -> dict[str, float]:
    names = {
        "used_memory": "used_memory",
        "connected_clients": "connected_clients",
        "blocked_clients": "blocked_clients",
        "evicted_keys": "evicted_keys",
        "ops": "instantaneous_ops_per_sec",
        "uptime": "uptime_in_seconds",
    }
    metrics = {ours: float(info[theirs]) for ours, theirs in names.items() if theirs in info}
    hits, misses = float(info.get("keyspace_hits", 0)), float(info.get("keyspace_misses", 0))
    if hits + misses > 0:
        metrics["hit_rate"] = 100.0 * hits / (hits + misses)
    if float(info.get("maxmemory", 0)) > 0 and "used_memory" in metrics:
        metrics["memory_usage"] = 100.0 * metrics["used_memory"] / float(info["maxmemory"])
    return metrics


def _explain(error: BaseException, url: str) -> str:
    """Our own words where the connection failed, for redis-py's are a number and a Python tuple; else the server's."""
    target, root = parse_url(url), error
    while (deeper := root.__cause__ or root.__context__) is not None and not isinstance(root, OSError):
        root = deeper
    if isinstance(root, OSError) and not isinstance(root, TimeoutError) and "path" not in target:
        return explain(root, target.get("host", "localhost"), target.get("port", 6379))
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
