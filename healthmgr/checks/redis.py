"""Redis: PING, the numbers of INFO, replication, persistence, and the lengths of keys."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError

from healthmgr.checks.network import explain
from healthmgr.checks.redis_info import is_replica, metrics_of, unsaved
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.ports import ProbeContext

_LENGTHS = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN", "string": "STRLEN"}


class RedisConfig(BaseModel):
    """Where the server is, and what it should be and hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        repr=False, description="Address of the server: redis://:password@host:6379/0, rediss:// or unix://"
    )
    role: Literal["primary", "replica"] | None = Field(None, description="What the server has to be")
    keys: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (), max_length=100, description="Keys whose lengths become metrics: key celery gives length_celery"
    )
    keys_must_exist: bool = Field(False, description="Whether a key that is not there is unhealthy, not just empty")

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
            return await _describe(client, config, context.now)
        except (RedisError, OSError) as error:
            return Outcome(Status.UNHEALTHY, _explain(error, config.url))
        except (ValueError, RecursionError) as error:  # what its parser meets in an answer that is none
            return Outcome(Status.UNHEALTHY, f"the server does not speak Redis: {type(error).__name__}: {error}"[:300])
        finally:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()


async def _describe(client: Redis, config: RedisConfig, now: datetime) -> Outcome:
    try:
        info = await client.info()
    except NoPermissionError:
        info = {}
    metrics = metrics_of(info, now) if info else {}
    missing = []
    for key in config.keys:
        length = await _length(client, key)
        metrics[f"length_{key}"] = float(length or 0)
        if length is None:
            missing.append(key)
    status, faults = _judge(config, info, missing)
    if not info:
        told = "answers to PING; INFO is not permitted"
    else:
        role = "replica" if is_replica(info) else str(info.get("role", "?"))
        told = f"answers; Redis {info.get('redis_version', '?')}, {role}"
    return Outcome(status, "; ".join([*faults, told]), metrics=metrics)


def _judge(config: RedisConfig, info: Mapping[str, Any], missing: Sequence[str]) -> tuple[Status, list[str]]:
    """Down is what does not do its work; degraded what works and would lose data."""
    down = []
    role = "replica" if is_replica(info) else "primary"
    if config.role is not None and info and role != config.role:
        down.append(f"the server is a {role}, expected a {config.role}")
    if is_replica(info) and info.get("master_link_status") != "up":
        down.append(f"the link to its primary {info.get('master_host')}:{info.get('master_port')} is down")
    if config.keys_must_exist and missing:
        down.append(f"there is no key {', '.join(missing)}")
    lost = list(unsaved(info))
    if down:
        return Status.UNHEALTHY, down + lost
    return (Status.DEGRADED, lost) if lost else (Status.HEALTHY, [])


async def _length(client: Redis, key: str) -> int | None:
    """Elements of a list, set, sorted set, hash or stream, bytes of a string; None where there is no such key."""
    kind = await client.type(key)
    kind = kind.decode() if isinstance(kind, bytes) else kind
    if kind == "none":
        return None
    command = _LENGTHS.get(kind)
    return int(await client.execute_command(command, key)) if command else 1  # type: ignore[no-untyped-call]


def _explain(error: BaseException, url: str) -> str:
    """Our own words where the connection failed, for redis-py's are a number and a Python tuple; else the server's."""
    target, root = parse_url(url), error
    while (deeper := root.__cause__ or root.__context__) is not None and not isinstance(root, OSError):
        root = deeper
    if isinstance(root, OSError) and not isinstance(root, TimeoutError) and "path" not in target:
        return explain(root, target.get("host", "localhost"), target.get("port", 6379))
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
