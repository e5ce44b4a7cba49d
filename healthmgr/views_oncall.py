"""The shapes in which schedules, what changes them, and who is on call are read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from healthmgr.domain.coverage import Finding
from healthmgr.domain.fairness import Burden
from healthmgr.domain.roster import Changed, KeptChange, KeptOverride, KeptSwap, KeptTemporary
from healthmgr.domain.schedule import FixedShift, Span
from healthmgr.views import View
from healthmgr.views_feeds import FeedView


class ShiftView(View):
    """One person from one instant up to another."""

    person: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, shift: FixedShift) -> ShiftView:
        """As it is shown."""
        return cls(person=shift.person, starts_at=shift.starts_at, ends_at=shift.ends_at)


class SpanView(View):
    """A time over which the same people are on call; `absence`: why nobody is; `is_meant`: no layer has hours then."""

    starts_at: datetime
    ends_at: datetime
    people: list[str]
    absence: str
    is_meant: bool = False

    @classmethod
    def of(cls, span: Span, *, is_meant: bool = False) -> SpanView:
        """As it is shown."""
        return cls(
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            people=list(span.people),
            absence=span.absence.value if span.absence else "",
            is_meant=is_meant,
        )


class FindingView(View):
    """Something that is wrong: `kind` is gap, empty_shift or double_booking."""

    kind: str
    reason: str
    schedules: list[str]
    person: str
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, finding: Finding) -> FindingView:
        """As it is shown."""
        return cls(
            kind=finding.kind.value,
            reason=finding.reason,
            schedules=list(finding.schedules),
            person=finding.person,
            starts_at=finding.starts_at,
            ends_at=finding.ends_at,
        )


class BurdenView(View):
    """One person's time on call, in seconds: in all, from 22:00 to 06:00, and on weekends."""

    person: str
    total: float
    nights: float
    weekends: float

    @classmethod
    def of(cls, burden: Burden) -> BurdenView:
        """As it is shown."""
        return cls(
            person=burden.person,
            total=burden.total.total_seconds(),
            nights=burden.nights.total_seconds(),
            weekends=burden.weekends.total_seconds(),
        )


class ChangeView(View):
    """An override (`added`, `removed`) or a temporary schedule (`shifts`)."""

    id: UUID
    kind: str
    schedule: str
    starts_at: datetime
    ends_at: datetime
    added: str = ""
    removed: str = ""
    shifts: tuple[ShiftView, ...] = ()
    comment: str
    created_by: str
    created_at: datetime
    unattended: tuple[SpanView, ...] = ()

    @classmethod
    def of(cls, kept: KeptChange, unattended: tuple[Span, ...] = ()) -> ChangeView:
        """As it is shown; `unattended` are the times at which nobody is on call because of it."""
        note = {
            "id": kept.id,
            "schedule": kept.schedule,
            "comment": kept.note.comment,
            "created_by": kept.note.created_by,
            "created_at": kept.note.created_at,
            "unattended": tuple(SpanView.of(span) for span in unattended),
        }
        if isinstance(kept, KeptOverride):
            own = kept.override
            facts = {"kind": "override", "added": own.add, "removed": own.remove}
            return cls(**note, **facts, starts_at=own.starts_at, ends_at=own.ends_at)
        return _temporary(kept, note)

    @classmethod
    def of_changed(cls, changed: Changed) -> ChangeView:
        """A change that was just made."""
        return cls.of(changed.change, changed.unattended)


def _temporary(kept: KeptTemporary, note: dict[str, object]) -> ChangeView:
    own = kept.temporary
    facts = {"kind": "temporary", "shifts": [ShiftView.of(shift) for shift in own.shifts]}
    return ChangeView.model_validate(note | facts | {"starts_at": own.starts_at, "ends_at": own.ends_at})


class SwapToldView(View):
    """Who was told something of a swap, and why; `state` as of all notifications, no `due_at` once it is finished."""

    recipient: str
    channel: str
    reason: str
    state: str
    due_at: datetime | None
    sent_at: datetime | None


class SwapView(View):
    """What is given and taken in return; `state` is proposed, accepted, declined or withdrawn; who was told of it."""

    id: UUID
    schedule: str
    proposed_by: str
    proposed_to: str
    given_from: datetime
    given_to: datetime
    taken_from: datetime | None
    taken_to: datetime | None
    comment: str
    state: str
    created_at: datetime
    answered_at: datetime | None
    told: tuple[SwapToldView, ...] = ()

    @classmethod
    def of(cls, kept: KeptSwap) -> SwapView:
        """As it is shown."""
        swap = kept.swap
        return cls(
            id=kept.id,
            schedule=kept.schedule,
            proposed_by=swap.proposed_by,
            proposed_to=swap.proposed_to,
            given_from=swap.given.starts_at,
            given_to=swap.given.ends_at,
            taken_from=swap.taken.starts_at if swap.taken else None,
            taken_to=swap.taken.ends_at if swap.taken else None,
            comment=kept.note.comment,
            state=swap.state.value,
            created_at=kept.note.created_at,
            answered_at=kept.answered_at,
        )


class ContactView(View):
    """One way to reach a person: `after` seconds after the page. `verified_at` is when a code came back from it."""

    person: str
    channel: str
    address: str
    after: float
    sent_at: datetime | None = None
    verified_at: datetime | None = None


class ScheduleLineView(View):
    """A schedule at a glance: who is on call now, until when, and who is `next`; `faults` are those of its calendars.

    It is looked at for two weeks ahead. `is_meant`: nobody is on call because no layer has hours now.
    """

    name: str
    description: str
    timezone: str
    on_call: list[str]
    until: datetime | None
    absence: str
    faults: list[str]
    next: tuple[str, ...] = ()
    next_at: datetime | None = None
    is_meant: bool = False


class ScheduleView(View):
    """A schedule from `begin` to `end`: who is on call when, what is wrong, how the burden is shared, what changes it.

    `on_call` are those at `begin`; `unverified` contacts are those of people who are on call in that time. Where the
    schedule is read from calendars, these are known from `known_from` to `known_until`: nothing is wrong beyond.
    """

    name: str
    description: str
    timezone: str
    managed_by: str
    begin: datetime
    end: datetime
    on_call: list[str]
    spans: list[SpanView]
    shifts: list[ShiftView]
    findings: list[FindingView]
    burdens: list[BurdenView]
    feeds: list[FeedView]
    changes: list[ChangeView]
    swaps: list[SwapView]
    unverified: list[ContactView]
    known_from: datetime | None = None
    known_until: datetime | None = None


class ReachedView(View):
    """Somebody who would be told now, and over what; nothing where he cannot be reached."""

    person: str
    contacts: list[ContactView]
    quiet_until: datetime | None = None


class NamedView(View):
    """What a level names, such as "schedule:primary", and the people whom it means now."""

    name: str
    people: list[str]


class WhoLevelView(View):
    """A level of a policy as it would be carried out now; `passed` says why it would not be."""

    name: str
    delay: float
    named: list[NamedView]
    reached: list[ReachedView]
    channels: list[str]
    passed: str


class WhoLegView(View):
    """A route that the alert takes: whom it tells by itself, and the policy that is climbed."""

    route: str
    receiver: str
    told: list[str]
    policy: str
    levels: list[WhoLevelView]
    is_climbed: bool


class WhoView(View):
    """Who is told of an alert with these labels at this instant; `default` are told where nobody else can be."""

    at: datetime
    labels: dict[str, str]
    legs: list[WhoLegView]
    default: list[str]
