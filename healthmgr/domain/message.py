"""What a notification tells a person: plain facts, ready for any channel to put in its own form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.check import Severity, Status


class MessageKind(StrEnum):
    """What a message is about."""

    PROBLEM = "problem"
    UPDATE = "update"
    ACKNOWLEDGEMENT = "acknowledgement"
    RESOLUTION = "resolution"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """One past result in an alert's history. `response_time` in seconds."""

    at: datetime
    status: Status
    message: str
    response_time: float


@dataclass(frozen=True, slots=True)
class Breach:
    """A metric beside the threshold that it crossed, as text with units ("7.2 s", "> 5 s")."""

    metric: str
    value: str
    threshold: str
    status: Status


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """Something else that changed about when the incident began: a check's state, a definition, a deployment."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that a person may follow; "" where there is none. Those that act ask for a confirmation first."""

    incident: str = ""
    acknowledge: str = ""
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a question that a notice asks: what it is called, and where it is given after a confirmation."""

    label: str
    address: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A runbook's question: the approval, its number, and how whoever gets the message may answer by a link.

    The choices act in the name of the recipient: they are for messages that one person alone reads.
    """

    approval_id: UUID
    number: int
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldBack:
    """One incident that a digest tells of: `title` is what its own message would have been called."""

    incident_number: int
    severity: Severity
    title: str
    opened_at: datetime
    is_resolved: bool = False


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """One alert of the incident.

    `last_results` newest first; `dependents` are the slugs of the checks that hang on this one;
    `impacted` those of them that are failing now and are suppressed because of it. `hanging` says what falls with
    it, where that is more than these ("12 checks in 4 services"); `foretold` what a forecast had said of it. An alert
    that came in through a door has no check: `check_slug` is "", `check_name` its name, `origin` the door, and
    `source_url` leads to where it came from.
    """

    id: UUID
    check_slug: str
    check_name: str
    severity: Severity
    status: Status
    summary: str
    opened_at: datetime
    resolved_at: datetime | None = None
    resolution: str = ""
    is_flapping: bool = False
    service: str = ""
    category: str = ""
    description: str = ""
    runbook_url: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    breaches: tuple[Breach, ...] = ()
    last_results: tuple[ResultFacts, ...] = ()
    dependents: tuple[str, ...] = ()
    impacted: tuple[str, ...] = ()
    hanging: str = ""
    foretold: str = ""
    origin: str = ""
    source_url: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One notification, whole.

    `notification_id` is the idempotency key and stays the same over every attempt. `reason` is the
    named reason of the decision to send ("first_notification", "all_resolved", ...). `thread_key` is the
    same for every message of one incident to one recipient. `how_to_acknowledge` is a command line.
    `actor` is who acknowledged or resolved it by hand. `causes` are the likeliest first, each with what speaks for
    it, as far as they were found by now; `changes` are the newest first; `told` names who else is
    told, and over what ("alice over pager"). `first_provider_id` is the provider's own name for the first message
    of this incident to this recipient over this channel, for channels that keep one message up to date.
    `attempt` counts the sendings of this notification: above 1, an earlier one may have arrived all the same.
    `held_back` is what a digest tells of; its `alerts` may be empty then, and its incident is the newest one.
    `more_alerts` counts those that are told of and not listed.
    `words` is what a person says with it: a status update, or why somebody is asked by name; `actor` is he then.
    `answers` counts how often somebody had it in hand before what is told now began: whoever was quieted by that has
    to be woken anew. `roles` tells who holds which ("commander: carol"). `merged_into` is the number of the incident
    that this one, which is over by that, went into. With `is_notice` it is about no incident at all (somebody asks
    to swap shifts): its one alert says what, and `choices` what may be answered. `approval` is what a runbook asks
    with it.
    """

    notification_id: UUID
    kind: MessageKind
    reason: str
    incident_id: UUID
    incident_number: int
    severity: Severity
    opened_at: datetime
    composed_at: datetime
    recipient: str
    thread_key: str
    is_first_of_thread: bool
    alerts: tuple[AlertFacts, ...]
    url: str = ""
    how_to_acknowledge: str = ""
    round: int = 0
    actor: str = ""
    links: Links = Links()
    changes: tuple[ChangeFacts, ...] = ()
    causes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    first_provider_id: str = ""
    held_back: tuple[HeldBack, ...] = ()
    is_test: bool = False
    attempt: int = 1
    more_alerts: int = 0
    words: str = ""
    roles: tuple[str, ...] = ()
    merged_into: int = 0
    is_notice: bool = False
    choices: tuple[Choice, ...] = ()
    approval: Asking | None = None
    answers: int = 0

    @property
    def said(self) -> str:
        """What a person says with it and who he is, "" where nobody says anything."""
        return f"{self.actor}: {self.words}" if self.words and self.actor else self.words

    @property
    def title(self) -> str:
        """One line: what, and how bad; the start of a subject or a summary."""
        if self.kind is MessageKind.DIGEST:
            return f"{len(self.held_back)} more incidents" if len(self.held_back) != 1 else "1 more incident"
        first = self.alerts[0]
        if self.is_notice:
            return first.check_name
        others = len(self.alerts) - 1 + self.more_alerts
        more = f" and {others} more" if others else ""
        if self.kind is MessageKind.RESOLUTION and self.merged_into:
            return f"Merged into #{self.merged_into}: {first.check_name}{more}"
        if self.kind is MessageKind.RESOLUTION:
            return f"Resolved: {first.check_name}{more}"
        if self.kind is MessageKind.ACKNOWLEDGEMENT:
            return f"Acknowledged: {first.check_name}{more}"
        verb = "flapping" if first.is_flapping else first.status.value
        are = "are" if more else "is"
        return f"{self.severity.value.capitalize()}: {first.check_name}{more} {are} {verb}"
