"""Celery: takes back tasks, empties a queue, and has workers restart or resize their pools."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Literal, Self

from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.pidbox import Mailbox
from kombu.transport import pyamqp, redis  # noqa: F401 - kombu looks for them when it connects: by then they are here
from pydantic import Field, SecretStr, model_validator

from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.ports import StepContext
from healthmgr.steps.apart import carry_out_apart
from healthmgr.steps.fields import Length, Names, StepConfig, shortest
from healthmgr.steps.output import line

_FUNCTION = f"{__name__}:carry_out"
_MOST_TASKS = 10_000  # that are revoked at once: workers remember 50,000
_WHERE = ("active", "reserved", "scheduled")

Action = Literal["revoke", "purge", "pool_restart", "pool_grow", "pool_shrink", "autoscale"]


class CeleryConfig(StepConfig):
    """Which application, and what is to happen."""

    action: Action = Field(
        description="revoke tasks, purge a queue, or pool_restart, pool_grow, pool_shrink, autoscale"
    )
    broker_url: SecretStr = Field(description="Address of the application's broker: redis://... or amqp://...")
    task_ids: Names = Field((), description="revoke: these tasks")
    task: str = Field("", description="revoke: the tasks of this name that workers have taken")
    older_than: Length | None = Field(None, description="revoke: of those with that name, the ones that run this long")
    terminate: bool = Field(False, description="revoke: also end the processes that run them (SIGTERM)")
    queue: str = Field("", description="purge: the queue whose waiting messages are thrown away")
    most: int | None = Field(None, ge=0, description="purge: most messages that may be thrown away; with more, none is")
    by: int = Field(1, ge=1, le=100, description="pool_grow, pool_shrink: by how many processes")
    most_processes: int | None = Field(None, ge=1, le=1000, description="autoscale: the most processes of a worker")
    fewest_processes: int | None = Field(None, ge=0, le=1000, description="autoscale: the fewest")
    workers: Names = Field((), description="Workers by name that are told, and must answer; if not given, all of them")
    answers: int = Field(1, ge=0, description="How many workers must answer, where `workers` names none")
    listen: Length = Field(timedelta(seconds=2), description="How long to listen for their answers")
    transport_options: dict[str, Any] = Field(
        {}, description="Celery's broker_transport_options, where the application sets its own"
    )
    timeout: Length | None = Field(None, description="Time for the whole, where the step's own is too long")

    @model_validator(mode="after")
    def _must_agree(self) -> Self:
        if self.action == "revoke" and bool(self.task_ids) == bool(self.task):
            raise ValueError("revoke needs either task_ids or task")
        if self.older_than is not None and not self.task:
            raise ValueError("older_than goes with task")
        if self.action == "purge" and (not self.queue or self.most is None):
            raise ValueError("purge needs queue, and most: how many messages may be thrown away")
        if self.action == "autoscale" and (self.most_processes is None or self.fewest_processes is None):
            raise ValueError("autoscale needs most_processes and fewest_processes")
        return self


class CeleryStep:
    """Tells a Celery application's broker or workers something."""

    kind: ClassVar[str] = "celery"
    Config: ClassVar[type[CeleryConfig]] = CeleryConfig
    action_field: ClassVar[str] = "action"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"action", "broker_url", "transport_options", "most"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: CeleryConfig, context: StepContext) -> Done:
        """Tell them and wait for the answers. Raises StepError where too few answer, or one says no."""
        timeout = shortest(context.timeout, config.timeout)
        url = config.broker_url.get_secret_value()
        order = {
            **config.model_dump(mode="json", exclude={"broker_url", "timeout", "listen", "older_than"}),
            "broker_url": url,
            "listen": min(config.listen, timeout / 4).total_seconds(),
            "older_than": None if config.older_than is None else config.older_than.total_seconds(),
        }
        return carry_out_apart(_FUNCTION, {"order": order, "seconds": timeout.total_seconds()}, timeout, (url,))

    def describe(self, config: CeleryConfig) -> str:
        """What would be told to whom."""
        whom = ", ".join(config.workers) or "all workers"
        return line(
            {
                "revoke": f"revoke {', '.join(config.task_ids) or f'the tasks {config.task}'} at {whom}",
                "purge": f"throw away what waits in the queue {config.queue}, unless that is more than {config.most}",
                "pool_restart": f"have {whom} restart their pools",
                "pool_grow": f"have {whom} add {config.by} processes",
                "pool_shrink": f"have {whom} give up {config.by} processes",
                "autoscale": f"have {whom} run {config.fewest_processes} to {config.most_processes} processes",
            }[config.action]
        )


def carry_out(order: dict[str, Any], seconds: float) -> dict[str, Any]:
    """In a process that can be ended: kombu listens as long as a broker talks."""
    with _connect(order, seconds) as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        except (*connection.connection_errors, OperationalError, OSError) as error:
            raise StepError(f"the broker does not answer: {_one_line(error)}") from None
        try:
            if order["action"] == "purge":
                return _purge(connection, order)
            return _Control(connection, order).carry_out()
        except (*connection.connection_errors, *connection.channel_errors, OperationalError, OSError) as error:
            said = f"the broker was lost meanwhile, so what was done is unknown: {_one_line(error)}"
            raise StepError(said, is_timeout=True) from None


def _connect(order: Mapping[str, Any], seconds: float) -> Any:
    options: dict[str, Any] = {}
    if order["broker_url"].startswith(("redis", "rediss", "sentinel")):
        # A visitor must never take another's unacknowledged messages for lost and put them back.
        options.update(ack_emulation=False, socket_timeout=seconds, socket_connect_timeout=seconds)
    options.update(order["transport_options"])
    return Connection(order["broker_url"], connect_timeout=seconds, transport_options=options)  # type: ignore[no-untyped-call]


def _purge(connection: Any, order: Mapping[str, Any]) -> dict[str, Any]:
    queue, most = order["queue"], order["most"]
    with connection.channel() as channel:
        try:
            waiting = int(channel.queue_declare(queue=queue, passive=True).message_count)
        except connection.channel_errors as error:
            if connection.transport.driver_type != "redis":
                raise StepError(f"the broker has no queue {queue}: {_one_line(error)}", permanent=True) from None
            waiting = 0  # an empty list does not exist in Redis
        if waiting > most:
            raise StepError(f"{queue} holds {waiting} messages, and at most {most} may be thrown away", permanent=True)
        thrown = int(channel.queue_purge(queue=queue) or 0) if waiting else 0
    return {"message": f"{thrown} messages of {queue} thrown away", "facts": {"messages": thrown}}


class _Control:
    """Talks to the workers of an application by its broadcasts."""

    def __init__(self, connection: Any, order: Mapping[str, Any]) -> None:
        mailbox = Mailbox("celery", type="fanout", accept=["json"], serializer="json")  # type: ignore[no-untyped-call]
        self._mailbox = mailbox(connection)
        self._order = order

    def carry_out(self) -> dict[str, Any]:
        """Tell the workers; what they answered."""
        action, order = self._order["action"], self._order
        if action == "revoke":
            return self._revoke()
        arguments: dict[str, Any] = {"pool_restart": {"reload": False}, "autoscale": {}}.get(action, {"n": order["by"]})
        if action == "autoscale":
            arguments = {"max": order["most_processes"], "min": order["fewest_processes"]}
        answers = self._tell(action, arguments)
        return _done(f"{len(answers)} workers answered", answers)

    def _revoke(self) -> dict[str, Any]:
        ids = list(self._order["task_ids"] or self._ids_by_name())
        if not ids:
            return {"message": "no worker has such a task", "facts": {"tasks": 0}}
        if len(ids) > _MOST_TASKS:
            raise StepError(f"{len(ids)} tasks are more than the {_MOST_TASKS} that may be revoked", permanent=True)
        answers = self._tell("revoke", {"task_id": ids, "terminate": self._order["terminate"], "signal": "SIGTERM"})
        done = _done(f"{len(ids)} tasks revoked at {len(answers)} workers", answers)
        return {**done, "facts": {**done["facts"], "tasks": len(ids)}}

    def _ids_by_name(self) -> Iterator[str]:
        oldest = self._order["older_than"]
        for where in _WHERE if oldest is None else _WHERE[:1]:  # only what runs has an age
            for tasks in self._tell(where, {}).values():
                yield from _ids(tasks, self._order["task"], oldest)

    def _tell(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answers by worker; raises StepError where one says no, or one that has to answer does not."""
        wanted = list(self._order["workers"])
        replies = (
            self._mailbox.call(wanted, command, arguments, timeout=self._order["listen"])
            if wanted
            else self._mailbox.multi_call(command, arguments, timeout=self._order["listen"])
        )
        answers = {name: answer for reply in replies or () for name, answer in reply.items()}
        refused = [f"{name}: {a['error']}" for name, a in answers.items() if isinstance(a, dict) and "error" in a]
        if refused:
            raise StepError(f"{command} was refused by {'; '.join(refused)}", permanent=True)
        silent = [name for name in wanted if name not in answers]
        if silent or (not wanted and len(answers) < self._order["answers"]):
            said = f"no answer from {', '.join(silent)}" if silent else f"{len(answers)} workers answered"
            raise StepError(f"{command}: {said}, so what they did is unknown", is_timeout=True)
        return answers


def _ids(tasks: Iterable[Any], name: str, oldest: float | None) -> Iterator[str]:
    for each in tasks:
        task = each.get("request", each)  # a scheduled one stands within its time
        started = task.get("time_start")
        is_old = oldest is None or (isinstance(started, int | float) and time.time() - started >= oldest)
        if task.get("name") == name and is_old:
            yield str(task["id"])


def _done(message: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    said = "\n".join(f"{name}: {answer}" for name, answer in sorted(answers.items()))
    return {"message": message, "output": said, "facts": {"workers": sorted(answers)}}


def _one_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
