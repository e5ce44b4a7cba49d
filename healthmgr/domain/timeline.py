"""What an incident's timeline tells: all that happened, who did it, and why; also what was not told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EntryKind(StrEnum):
    """What an entry is about."""

    OPENED = "opened"
    REOPENED = "reopened"
    ALERTS_JOINED = "alerts_joined"
    ALERTS_RESOLVED = "alerts_resolved"
    TOLD = "told"
    NOT_TOLD = "not_told"
    SENT = "sent"
    NOT_SENT = "not_sent"
    FELL_BACK = "fell_back"
    LEVEL_PASSED = "level_passed"
    EXHAUSTED = "exhausted"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    SNOOZED = "snoozed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    RESOLVED = "resolved"
    DECLINED = "declined"
    ASKED = "asked"
    HANDED_OVER = "handed_over"
    ROLE_GIVEN = "role_given"
    ROLE_TAKEN = "role_taken"
    TASK_ADDED = "task_added"
    TASK_DONE = "task_done"
    UPDATED = "updated"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"
    MERGED = "merged"
    LINKED = "linked"
    RUN_STARTED = "run_started"
    RUN_WAITS = "run_waits"
    RUN_REFUSED = "run_refused"
    RUN_STEP = "run_step"
    RUN_ENDED = "run_ended"
    RUN_UNDONE = "run_undone"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_VOTED = "approval_voted"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline. `actor` is "" for what healthmgr did by itself; `detail` holds JSON-ready facts."""

    kind: EntryKind
    reason: str = ""
    actor: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
