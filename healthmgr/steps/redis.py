"""Redis: one command, of those that repair."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as TooLate
from redis.retry import Retry

from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.ports import StepContext
from healthmgr.steps.apart import carry_out_apart
from healthmgr.steps.fields import Command, Length, StepConfig, shortest
from healthmgr.steps.output import line

_FUNCTION = f"{__name__}:carry_out"
# What may be told a server: it changes named keys, or says something to those who listen.
ALLOWED: Final = frozenset(
    {
        "DEL", "UNLINK", "EXPIRE", "PEXPIRE", "PERSIST", "SET", "INCRBY", "DECRBY", "HSET", "HDEL", "LPUSH", "RPUSH",
        "LREM", "LTRIM", "SADD", "SREM", "ZADD", "ZREM", "XTRIM", "XDEL", "PUBLISH",
    }
)  # fmt: skip
_TO_BE_CONFIRMED: Final = frozenset({"FLUSHDB"})


class RedisConfig(StepConfig):
    """Where, and what."""

    url: SecretStr = Field(description="Address of the server: redis://:password@host:6379/0, rediss:// or unix://")
    command: Command = Field(
        repr=False,
        description="The command and its arguments, one item each",
        examples=[["DEL", "session:{{ labels.user }}"]],
    )
    confirm: bool = Field(False, description="Has to be true for FLUSHDB, which deletes all keys of the database")
    timeout: Length | None = Field(None, description="Time for the whole, where the step's own is too long")

    @field_validator("url")
    @classmethod
    def _must_be_redis(cls, url: SecretStr) -> SecretStr:
        if urlsplit(url.get_secret_value()).scheme not in ("redis", "rediss", "unix"):
            raise ValueError("write an address that begins with redis://, rediss:// or unix://")
        parse_url(url.get_secret_value())  # type: ignore[no-untyped-call]
        return url

    @model_validator(mode="after")
    def _must_be_allowed(self) -> Self:
        name = self.command[0].upper()
        if name in _TO_BE_CONFIRMED and not self.confirm:
            raise ValueError(f"command: {name} deletes everything: say `confirm: true` as well")
        if name not in ALLOWED | _TO_BE_CONFIRMED:
            permitted = ", ".join(sorted(ALLOWED | _TO_BE_CONFIRMED))
            raise ValueError(f"command: {name[:30]!r} is none of those that a step may give: {permitted}")
        return self


class RedisStep:
    """Gives a Redis server one command."""

    kind: ClassVar[str] = "redis"
    Config: ClassVar[type[RedisConfig]] = RedisConfig
    action_field: ClassVar[str] = "command"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"command.0", "url", "confirm"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: RedisConfig, context: StepContext) -> Done:
        """Give it once; what the server refuses is permanent, what it did not answer a timeout."""
        timeout = shortest(context.timeout, config.timeout)
        url = config.url.get_secret_value()
        order = {"url": url, "command": list(config.command), "seconds": timeout.total_seconds()}
        return carry_out_apart(_FUNCTION, order, timeout, (url, urlsplit(url).password or ""))

    def describe(self, config: RedisConfig) -> str:
        """The command, and to whom."""
        url = urlsplit(config.url.get_secret_value())
        place = url.path if url.scheme == "unix" else f"{url.hostname or 'localhost'}:{url.port or 6379}{url.path}"
        return line(f"tell Redis at {place}: {' '.join(config.command)}", [url.password or ""])


def carry_out(url: str, command: list[str], seconds: float) -> dict[str, Any]:
    """In a process that can be ended: the client's own timeout begins anew with every byte."""
    client = Redis.from_url(
        url,
        protocol=2,  # what every server speaks, also those that know no HELLO
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
        decode_responses=True,
        encoding_errors="replace",
    )
    try:
        client.ping()
    except ResponseError as error:
        raise StepError(_words(error), permanent=True) from None
    except (RedisError, OSError) as error:
        raise StepError(f"no connection: {_words(error)}") from None
    try:
        answer = client.execute_command(*command)  # type: ignore[no-untyped-call]
    except ResponseError as error:
        raise StepError(f"{command[0]} was refused: {_words(error)}", permanent=True) from None
    except (NoConnection, TooLate, OSError) as error:
        said = f"{command[0]} was sent and not answered, so what it did is unknown: {_words(error)}"
        raise StepError(said, is_timeout=True) from None
    finally:
        client.close()
    told = answer if isinstance(answer, str | int | float | None) else repr(answer)
    return {"message": f"{command[0]} answered {told}", "facts": {"answer": told}}


def _words(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
