"""What keeps an alert from being told now: silences, maintenance windows, and other alerts.

Silences and inhibition behave as Alertmanager's (silence/silence.go, inhibit/inhibit.go). Muting is about telling
alone: what is muted goes on being watched, and is told when the mute ends while it is still broken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.domain.notification import Reason


@dataclass(frozen=True, slots=True)
class Subject:
    """An alert as mutes see it: its labels, severity and origin among them."""

    id: UUID
    labels: Mapping[str, str]
    check_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Muted:
    """Not told now, and why: `by` is the silence's id, the window's or the rule's name. `until` None: not known."""

    reason: Reason
    by: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ActiveSilence:
    """A silence that holds now."""

    id: UUID
    matchers: tuple[Matcher, ...]
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ActiveMaintenance:
    """A maintenance window that is open now. `covered` are the checks below those it names, where it covers them."""

    name: str
    matchers: tuple[Matcher, ...]
    ends_at: datetime
    covered: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While an alert fires that the `source` matches, those that the `target` matches are not told, where all of the
    `equal` labels are the same; a label that both lack is the same.
    """

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def inhibitor(self, target: Subject, firing: Sequence[Subject]) -> Subject | None:
        """The firing alert that mutes this one; one that matches both sides mutes no other that does."""
        if not match_all(self.target, target.labels):
            return None
        is_two_sided = match_all(self.source, target.labels)
        for source in firing:
            if source.id == target.id or not match_all(self.source, source.labels):
                continue
            if is_two_sided and match_all(self.target, source.labels):
                continue
            if all(source.labels.get(name, "") == target.labels.get(name, "") for name in self.equal):
                return source
        return None


@dataclass(frozen=True, slots=True)
class Mutes:
    """All that mutes at one instant. `firing` are the open alerts, for inhibition."""

    silences: tuple[ActiveSilence, ...] = ()
    maintenance: tuple[ActiveMaintenance, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    firing: Sequence[Subject] = field(default_factory=tuple)

    @property
    def are_none(self) -> bool:
        """Whether nothing at all mutes."""
        return not (self.silences or self.maintenance or self.inhibitions)

    def judge(self, subject: Subject) -> Muted | None:
        """What mutes this alert, the one that lasts longest first; None when it may be told."""
        return self.silenced(subject) or self.maintained(subject) or self.inhibited(subject)

    def silenced(self, subject: Subject) -> Muted | None:
        """The silence that holds it back longest."""
        found = [silence for silence in self.silences if match_all(silence.matchers, subject.labels)]
        if not found:
            return None
        last = max(found, key=lambda silence: silence.ends_at)
        return Muted(Reason.SILENCED, str(last.id), last.ends_at)

    def maintained(self, subject: Subject) -> Muted | None:
        """The maintenance window that holds it back longest."""
        found = [
            window
            for window in self.maintenance
            if subject.check_id in window.covered or match_all(window.matchers, subject.labels)
        ]
        if not found:
            return None
        last = max(found, key=lambda window: window.ends_at)
        return Muted(Reason.IN_MAINTENANCE, last.name, last.ends_at)

    def inhibited(self, subject: Subject) -> Muted | None:
        """The rule by which another alert that fires holds it back."""
        for rule in self.inhibitions:
            if rule.inhibitor(subject, self.firing) is not None:
                return Muted(Reason.INHIBITED, rule.name)
        return None

    def suppresses_below(self, subject: Subject) -> bool:
        """Whether this alert, as a root cause, still explains what hangs on its check.

        One that is muted does not, for then nobody would hear of either; unless its window covers what hangs on it.
        """
        if self.silenced(subject) is not None:
            return False
        windows = [window for window in self.maintenance if match_all(window.matchers, subject.labels)]
        return not windows or any(window.covered for window in windows)
