"""What services and plugins ask of the outside: protocols only, no behaviour."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable
from uuid import UUID

from pydantic import BaseModel

from healthmgr.domain.message import Message
from healthmgr.domain.result import Outcome
from healthmgr.domain.step import StepOutcome

if TYPE_CHECKING:
    import aiohttp


class Clock(Protocol):
    """The one clock: PostgreSQL's."""

    def now(self) -> datetime:
        """This instant, aware and UTC."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeContext:
    """What a probe may know besides its configuration.

    `timeout` is the enforced deadline of this probe; `now` the database's clock at its start; `view` the
    read-only part of our own state for passive kinds; `http` the worker's shared HTTP client (it opens a
    fresh connection for every request); None outside a worker's event loop.
    """

    slug: str
    timeout: timedelta
    now: datetime
    view: Mapping[str, Any] = field(default_factory=dict)
    http: aiohttp.ClientSession | None = None


@runtime_checkable
class CheckType(Protocol):
    """A way to probe: one file, one class, one method.

    `probe` may be a coroutine function (it then shares the worker's event loop) or a plain function (it
    then runs in a thread of its own). It returns an Outcome for anything it learnt about the target,
    "down" included, and raises ProbeError when it could not find out. `default_thresholds` apply where a
    definition gives none. `uses_network` marks kinds whose failures may be this worker's own network's.
    """

    kind: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    uses_network: ClassVar[bool]

    def probe(self, config: Any, context: ProbeContext) -> Outcome | Awaitable[Outcome]:
        """Look at the target once, within `context.timeout`."""
        ...


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's acceptance. `provider_id` is its own name for the message, if it gave one."""

    provider_id: str = ""
    detail: str = ""


@runtime_checkable
class Channel(Protocol):
    """A way to reach a person: one file, one class, one method.

    `needs_address` says whether every recipient needs a contact of its own on this channel; where the
    channel itself is the address (a webhook), one message serves all.

    `send` delivers synchronously within `timeout` and returns once the provider has accepted; it raises
    ChannelError(permanent=..., retry_after=..., is_ambiguous=...) otherwise. `address` is the recipient's
    contact on this channel ("" where the channel itself is the address, as with a webhook).

    A class may say more of itself (False where it does not): `tells_acknowledgements`, that its provider
    wants to hear when somebody has acknowledged; `is_idempotent`, that its provider takes an idempotency key,
    so that the same message sent twice arrives once; `is_exempt_from_digests`, that every incident has to
    reach it, however many there are.
    """

    kind: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    needs_address: ClassVar[bool]

    def send(self, config: Any, message: Message, address: str, timeout: timedelta) -> Receipt:
        """Hand one message to the provider."""
        ...


@runtime_checkable
class CanPreview(Protocol):
    """What a Channel may offer besides: `preview` says, as text and without secrets, what `send` would hand over."""

    def preview(self, config: Any, message: Message, address: str) -> str:
        """What would be sent; raises ValueError where the address is none. Sends nothing."""
        ...


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may know besides its configuration.

    `key` names this execution and no other (run, step, attempt): targets that take an idempotency key are given
    it. `timeout` is the enforced deadline, `now` the database's clock at the start. `facts` is what earlier steps
    of the run noted, by step.
    """

    run_id: UUID
    runbook: str
    step: str
    attempt: int
    key: str
    timeout: timedelta
    now: datetime
    check: str = ""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@runtime_checkable
class StepType(Protocol):
    """A way to repair: one file, one class, two methods.

    `run` does its work once, synchronously and within `context.timeout`, and returns Done; or it returns what
    healthmgr itself has to do (Tell, Pause, Verify, Ask, Balance) and touches nothing. It raises StepError otherwise.
    `describe` says in one line what `run` would do; it touches nothing and shows no secret.

    `Config` is what the definition's step says. Placeholders `{{ labels.host }}` in its texts are filled in before
    `run`, and reach the target as data only: `action_field` is the field that the short spelling's `action` fills;
    `fixed_fields` may hold no placeholder (a program, a statement; `command.0` is the first of a list); `url_fields`
    have what is filled in percent-encoded. `is_destructive` says that doing it twice can do harm: nothing repeats
    such a step unless its definition says `idempotent`.

    A class may say more of itself: `parameters_field`, the field (a mapping) that takes what the short spelling's
    `parameters` hold besides the fields of Config; where it does not, such parameters are unknown fields.
    """

    kind: ClassVar[str]
    Config: ClassVar[type[BaseModel]]
    action_field: ClassVar[str]
    fixed_fields: ClassVar[frozenset[str]]
    url_fields: ClassVar[frozenset[str]]
    is_destructive: ClassVar[bool]

    def run(self, config: Any, context: StepContext) -> StepOutcome:
        """Do it once."""
        ...

    def describe(self, config: Any) -> str:
        """What `run` would do, in one line."""
        ...
