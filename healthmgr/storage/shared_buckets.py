"""Budgets of requests that all processes count together, in Redis (6.2 commands alone)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import redis
import structlog
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from healthmgr.rates import Taken, TokenBuckets

log = structlog.get_logger(__name__)

WINDOW = 60.0  # seconds that a budget is for
_PREFIX = "healthmgr:budget:"
_PATIENCE = 0.1  # seconds: a caller waits no longer for being counted
_LEFT_ALONE_FOR = 5.0  # seconds, once it did not answer

# One number a name: the instant at which its budget is whole again. Each request moves it on by its share of the
# window, and comes too early where that leads further ahead than the window is long. By Redis's own clock.
_TAKE = """
local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wanted = full_at + window / quota
if wanted - now > window + 0.000001 then
  return {0, tostring(full_at - now), tostring(wanted - now - window)}
end
redis.call('SET', KEYS[1], string.format('%.6f', wanted), 'PX', math.max(1, math.ceil((wanted - now) * 1000)))
return {math.floor((window - (wanted - now)) * quota / window + 0.001), tostring(wanted - now), '0'}
"""


class SharedBuckets:
    """How many requests a minute each name of each kind may make; all at once, or spread over it.

    `quotas` says how many by kind; what it does not name, or names with 0, is not limited. While Redis is away, or
    none is named, each process counts for itself. `tick` gives seconds that only grow.
    """

    def __init__(self, redis_url: str, quotas: Mapping[str, int], tick: Callable[[], float] = time.monotonic) -> None:
        self._quotas = {kind: quota for kind, quota in quotas.items() if quota}
        self._own = {kind: TokenBuckets(quota / WINDOW, quota, tick) for kind, quota in self._quotas.items()}
        self._tick = tick
        self._lock = threading.Lock()
        self._asked_again_at = 0.0
        self._client = _client(redis_url) if redis_url else None
        self._script = self._client.register_script(_TAKE) if self._client is not None else None

    def quota(self, kind: str) -> int:
        """How many a minute; 0 where there is no limit."""
        return self._quotas.get(kind, 0)

    def take_one(self, kind: str, who: str) -> Taken | None:
        """Take one, and tell what is left; None of a kind without a limit."""
        quota = self._quotas.get(kind)
        if quota is None:
            return None
        return self._take_shared(kind, who, quota) or self._own[kind].take_one(who)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _take_shared(self, kind: str, who: str, quota: int) -> Taken | None:
        """None while Redis does not count."""
        if self._script is None or self._tick() < self._asked_again_at:
            return None
        try:
            left, full_after, too_early = self._script(keys=[f"{_PREFIX}{kind}:{who}"], args=[quota, WINDOW])
        except RedisError as error:
            self._leave_alone(error)
            return None
        return Taken(int(left), float(full_after), float(too_early))

    def _leave_alone(self, error: RedisError) -> None:
        """Ask nothing for a while, so that not every request waits for what does not answer."""
        with self._lock:
            is_news = self._tick() >= self._asked_again_at
            self._asked_again_at = self._tick() + _LEFT_ALONE_FOR
        if is_news:
            log.warning("budgets_counted_by_each_process", error=str(error))


def _client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(
        redis_url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE, retry=Retry(NoBackoff(), 0)
    )
