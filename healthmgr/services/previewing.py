"""Messages that page nobody: what an incident's notification would say now, and a test of one channel."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ValidationError
from uuid_utils.compat import uuid7

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.example import example_message, with_context
from healthmgr.domain.message import AlertFacts, HeldBack, Message, MessageKind
from healthmgr.domain.notification import SEND_TIMEOUT
from healthmgr.errors import Conflict, DefinitionError, NotFound, PluginError, Problem
from healthmgr.ports import CanPreview, Channel, Receipt
from healthmgr.secrets import resolve
from healthmgr.services.notifying import ChannelFinder


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel as it is defined: secrets in `config` are still references; `contacts` are addresses by recipient."""

    name: str
    kind: str
    config: Mapping[str, Any]
    is_enabled: bool
    contacts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReadyChannel:
    """A channel that could send: its plugin, and its configuration with every reference resolved."""

    stored: StoredChannel
    plugin: Channel
    config: BaseModel


@dataclass(frozen=True, slots=True)
class Draft:
    """Which message is wanted: of this kind, about this incident, to this recipient over this channel."""

    incident_id: UUID
    kind: MessageKind
    recipient: str
    channel: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asks, and from where ("cli", "api"): for the audit log."""

    actor: str
    name: str


@dataclass(frozen=True, slots=True)
class Wish:
    """Which preview is wanted: about an incident, or an example; as a channel would send it, or for none of them.

    `to` is a recipient or an address; "" for any recipient that the channel reaches.
    """

    kind: MessageKind
    incident_id: UUID | None = None
    channel: str = ""
    to: str = ""


class Forms(Protocol):
    """A message in the forms that channels send, and which of the installation's own templates failed."""

    @property
    def subject(self) -> str:
        """One line."""
        ...

    @property
    def text(self) -> str:
        """For those who read text."""
        ...

    @property
    def html(self) -> str:
        """For mail programs."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """Own templates that failed."""
        ...


class Renders(Protocol):
    """What lays messages out, in the installation's own templates for a kind of channel or in the built-in ones."""

    def __call__(self, message: Message, *, kind: str, templates: str) -> Forms:
        """The forms of a message."""
        ...


@dataclass(frozen=True, slots=True)
class Preview:
    """A message in its forms. `sent` is what the channel would hand over, "" where it cannot say so."""

    message: Message
    is_example: bool
    channel: ReadyChannel | None
    forms: Forms
    sent: str


class PreviewingTransaction(Protocol):
    """One transaction of previewing; commits when its context ends well."""

    def channel(self, name: str) -> StoredChannel | None:
        """The channel of this name; None where there is none."""
        ...

    def channel_names(self) -> list[str]:
        """The names of all channels that are enabled, sorted."""
        ...

    def compose(self, draft: Draft, now: datetime) -> Message:
        """The message as it would be composed now."""
        ...

    def open_incidents(self, most: int) -> list[UUID]:
        """The newest incidents that are open."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write one entry of the audit log."""
        ...


class PreviewingStore(Protocol):
    """Where channels, incidents and the audit log are."""

    def begin(self) -> AbstractContextManager[PreviewingTransaction]:
        """Open a transaction."""
        ...


_MOST_OF_A_DIGEST = 10


class Previewing:
    """Composes messages without telling anybody, and sends tests."""

    def __init__(
        self, store: PreviewingStore, channels: ChannelFinder, environ: Mapping[str, str], render: Renders
    ) -> None:
        self._store = store
        self._channels = channels
        self._environ = environ
        self._render = render

    def preview(self, wish: Wish, actor: str, now: datetime) -> Preview:
        """What would be sent now. Raises as `channel` does, and DefinitionError for what is no address of it."""
        ready = self.channel(wish.channel) if wish.channel else None
        contacts = ready.stored.contacts if ready else {}
        recipient = wish.to or next(iter(sorted(contacts)), "") or "somebody"
        if wish.incident_id is None:
            message = with_context(replace(example_message(wish.kind), recipient=recipient))
        else:
            message = self.message(Draft(wish.incident_id, wish.kind, recipient, wish.channel), actor, now)
        templates = getattr(ready.config, "templates", "") if ready else ""
        forms = self._render(message, kind=ready.stored.kind if ready else "", templates=templates)
        sent = ""
        if ready and isinstance(ready.plugin, CanPreview):
            try:
                sent = ready.plugin.preview(ready.config, message, contacts.get(recipient, wish.to))
            except ValueError as error:
                raise DefinitionError([Problem(str(error), path="to")]) from error
        return Preview(message, wish.incident_id is None, ready, forms, sent)

    def newest_incident(self) -> UUID | None:
        """The newest incident that is open; None where there is none."""
        with self._store.begin() as transaction:
            return next(iter(transaction.open_incidents(1)), None)

    def message(self, draft: Draft, actor: str, now: datetime) -> Message:
        """What this notification would say now; a resolution as if all were well now. Nothing is stored or sent."""
        with self._store.begin() as transaction:
            if draft.kind is MessageKind.DIGEST:
                return _digest(transaction, draft, now)
            message = transaction.compose(draft, now)
        if draft.kind is MessageKind.RESOLUTION:
            return replace(message, alerts=tuple(_ended(alert, now) for alert in message.alerts))
        return replace(message, actor=actor) if draft.kind is MessageKind.ACKNOWLEDGEMENT else message

    def channel(self, name: str) -> ReadyChannel:
        """The channel, ready to send.

        Raises NotFound for one that is not defined, Conflict for one that no definitions name any more, and
        PluginError (SecretMissing among them) for one that cannot be used in this process.
        """
        with self._store.begin() as transaction:
            stored, names = transaction.channel(name), transaction.channel_names()
        if stored is None:
            raise NotFound(f"There is no channel {name!r}. Defined: {', '.join(names) or 'none'}.")
        if not stored.is_enabled:
            raise Conflict(f"The channel {name} is disabled: no definitions name it any more.")
        plugin = self._channels.channel(stored.kind)
        try:
            config = plugin.Config.model_validate(resolve(stored.config, self._environ))
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise PluginError(f"The configuration of {name} is not valid here: {faults}") from None
        return ReadyChannel(stored, plugin, config)

    def send_test(self, ready: ReadyChannel, to: str, kind: MessageKind, origin: Origin, now: datetime) -> Receipt:
        """Send one test to a recipient, or to an address; it is written to the audit log, and nowhere else.

        Raises Conflict where the channel needs an address and none is given, ChannelError when it is not accepted.
        """
        stored = ready.stored
        address = stored.contacts.get(to, to)
        if ready.plugin.needs_address and not address:
            known = f" {', '.join(sorted(stored.contacts))} can be reached over it." if stored.contacts else ""
            raise Conflict(f"{stored.name} needs to be told whom to reach: a recipient, or an address.{known}")
        with self._store.begin() as transaction:
            detail = {"to": to, "kind": kind.value}
            transaction.audit(origin.actor, origin.name, "channel.test", stored.name, detail, now)
        return ready.plugin.send(ready.config, harmless_message(stored, to, kind, origin, now), address, SEND_TIMEOUT)


def _digest(transaction: PreviewingTransaction, draft: Draft, now: datetime) -> Message:
    problems = [
        transaction.compose(replace(draft, incident_id=incident_id, kind=MessageKind.PROBLEM), now)
        for incident_id in transaction.open_incidents(_MOST_OF_A_DIGEST) or [draft.incident_id]
    ]
    newest = max(problems, key=lambda problem: problem.opened_at)
    held_back = tuple(HeldBack(m.incident_number, m.severity, m.title, m.opened_at) for m in problems)
    worst = min((m.severity for m in problems), key=lambda severity: severity.rank)
    return replace(
        newest, kind=MessageKind.DIGEST, alerts=(), held_back=held_back, severity=worst, how_to_acknowledge=""
    )


def _ended(alert: AlertFacts, now: datetime) -> AlertFacts:
    if alert.resolved_at is not None:
        return alert
    return replace(alert, resolved_at=now, resolution="recovered", breaches=())


def harmless_message(
    channel: StoredChannel, to: str, kind: MessageKind, origin: Origin, now: datetime, summary: str = ""
) -> Message:
    """A harmless message. The incident is the same for every test of a channel: what one opens, another can close."""
    incident_id = uuid5(NAMESPACE_URL, f"healthmgr:test:{channel.name}")
    is_over = kind is MessageKind.RESOLUTION
    summary = summary or f"A test of the channel {channel.name}, asked for by {origin.actor}. Nothing is wrong."
    alert = AlertFacts(
        id=incident_id,
        check_slug="",
        check_name=f"Channel {channel.name}",
        severity=Severity.LOW,
        status=Status.HEALTHY,
        summary=summary,
        opened_at=now,
        resolved_at=now if is_over else None,
        resolution=summary if is_over else "",
    )
    notification_id = uuid7()
    return Message(
        notification_id=notification_id,
        kind=kind,
        reason="test",
        incident_id=incident_id,
        incident_number=0,
        severity=Severity.LOW,
        opened_at=now,
        composed_at=now,
        recipient=to or channel.name,
        thread_key=str(notification_id),
        is_first_of_thread=True,
        alerts=(alert,),
        actor=origin.actor,
        is_test=True,
    )
