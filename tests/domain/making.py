"""Checks, alerts and whole walks of results for the tests of the domain; a status is written as one letter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from healthmgr.domain.alert import AlertDecision, Amend, Close, Open, OpenAlert, decide
from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.notification import Group, Pace, Reason, Send, Told
from healthmgr.domain.notification import decide as decide_telling
from healthmgr.domain.result import Result
from healthmgr.domain.state import Change, State, advance

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

H, D, U, N = Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY, Status.UNKNOWN
LETTERS = {"H": H, "D": D, "U": U, "?": N}


def statuses(letters: str) -> list[Status]:
    """ "HDU?" as statuses; blanks are for the eye."""
    return [LETTERS[letter] for letter in letters if letter != " "]


def uid(number: int) -> UUID:
    """A small id, easy to tell apart."""
    return UUID(int=number)


def a_check(**over: Any) -> Check:
    """A check every minute, of high severity, three attempts, no hunt for flapping."""
    given = {
        "id": uid(1),
        "slug": "api",
        "name": "API",
        "kind": "http",
        "interval": MINUTE,
        "timeout": timedelta(seconds=10),
        "retry_interval": timedelta(seconds=15),
        "severity": Severity.HIGH,
        "degraded_severity": Severity.MEDIUM,
        "detects_flapping": False,
    }
    return Check(**(given | over))


def a_result(status: Status = H, sequence: int = 1, **over: Any) -> Result:
    """A result of `a_check`."""
    given = {
        "check_id": uid(1),
        "message": "as measured",
        "response_time": 0.1,
        "started_at": NOW + sequence * MINUTE,
    }
    return Result(status=status, sequence=sequence, **(given | over))


def follow(letters: str, state: State | None = None, *, max_attempts: int = 3, flapping: bool = False) -> list[Change]:
    """What each of these results does to the state, one after the other."""
    state, changes = state or State(), []
    for status in statuses(letters):
        sequence = state.last_sequence + 1
        change = advance(
            state,
            status,
            at=NOW + sequence * MINUTE,
            sequence=sequence,
            max_attempts=max_attempts,
            detects_flapping=flapping,
        )
        changes.append(change)
        state = change.new
    return changes


def after(letters: str, **options: Any) -> State:
    """The state that these results leave."""
    return follow(letters, **options)[-1].new


@dataclass
class Walk:
    """One check from result to what people are told: states, its alert, its group. Nobody acknowledges."""

    check: Check = field(default_factory=a_check)
    state: State = field(default_factory=State)
    alert: OpenAlert | None = None
    quiet_until: datetime | None = None
    told: Told | None = None
    now: datetime = NOW
    opened: int = 0

    def see(self, letters: str) -> list[Reason]:
        """What people are told while these results come in, a minute apart."""
        return [send.reason for _, send in self.steps(letters) if send is not None]

    def decisions(self, letters: str) -> list[AlertDecision]:
        """What each of these results does to the alert."""
        return [decision for decision, _ in self.steps(letters)]

    def steps(self, letters: str) -> Iterator[tuple[AlertDecision, Send | None]]:
        """Both, result by result."""
        for status in statuses(letters):
            self.now += MINUTE
            change = advance(
                self.state,
                status,
                at=self.now,
                sequence=self.state.last_sequence + 1,
                max_attempts=self.check.max_attempts,
                detects_flapping=self.check.detects_flapping,
            )
            decision = decide(change, self.check, self.alert, self.quiet_until, self.now)
            self.state = change.new
            yield decision, self._carry_out(decision, status)

    def resolve_by_hand(self) -> None:
        """A person closes the alert; that holds for an hour."""
        assert self.alert is not None
        self.alert, self.told = None, None
        self.quiet_until = self.now + timedelta(hours=1)

    def _carry_out(self, decision: AlertDecision, status: Status) -> Send | None:
        match decision:
            case Open(severity=severity, is_flapping=is_flapping):
                assert self.alert is None
                self.opened += 1
                self.alert = OpenAlert(uid(self.opened), severity, status, is_flapping)
                return self._tell()
            case Amend(severity=severity, is_told=is_told, is_flapping=is_flapping):
                assert self.alert is not None
                self.alert = replace(self.alert, severity=severity, status=status, is_flapping=is_flapping)
                return self._tell() if is_told else None
            case Close():
                self.alert = None
                return self._tell()
            case _:
                return None

    def _tell(self) -> Send | None:
        firing = frozenset({self.alert.id} if self.alert else ())
        flapping = frozenset({self.alert.id} if self.alert and self.alert.is_flapping else ())
        resolved = (self.told.firing if self.told else frozenset()) - firing
        severity = self.alert.severity if self.alert else None
        decision = decide_telling(
            Group(firing, flapping, resolved, frozenset(), severity), self.told, False, Pace(), self.now
        )
        if not isinstance(decision, Send):
            return None
        if severity is None:
            self.told = None
        else:
            worst = min((s for s in (severity, self.told and self.told.severity) if s), key=lambda s: s.rank)
            self.told = Told(firing, flapping, worst)
        return decision
