"""The second reading of who is called: names, people whom nobody can reach, times that nobody is on call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import PolicyDefinition, ScheduleDefinition
from healthmgr.definitions.draft import QuietDraft
from healthmgr.definitions.faults import shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.reach import Reach
from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.coverage import FindingKind, findings
from healthmgr.domain.escalation import Level, TargetKind
from healthmgr.domain.person import QuietHours
from healthmgr.domain.schedule import Layer, Schedule

AHEAD = timedelta(days=30)  # how far gaps are looked for

SECTION_OF = {
    TargetKind.PERSON: "recipients",
    TargetKind.TEAM: "teams",
    TargetKind.SCHEDULE: "schedules",
    TargetKind.CHANNEL: "channels",
}


class OncallJudge:
    """Judges people, teams, schedules and policies of a draft beside those that other sources have stored."""

    def __init__(self, known: Known, now: datetime | None) -> None:
        self._known = known
        self._draft = known.draft
        self._reach = Reach(known)
        self._now = now

    def judge(self) -> None:
        """What they say about each other."""
        for name in list(self._draft.recipients):
            self._judge_person(name)
        for name, team in self._draft.teams.items():
            self._judge_members(team.members, "teams", name)
        for schedule in self._draft.schedules.values():
            self._judge_schedule(schedule)
        for definition in self._draft.escalation_policies.values():
            self._judge_policy(definition)

    def _judge_person(self, name: str) -> None:
        person, place = self._draft.recipients[name], self._draft.place_of("recipients", name)
        for index, contact in enumerate(person.contact_plan):
            is_known = self._known.judge_name(contact.channel, "channels", *place, "contacts", index, "via")
            if is_known and not contact.address and self._known.needs_address(contact.channel):
                self._draft.say("needs an address: say `to`", *place, "contacts", index)
        for channel in () if person.contact_plan else person.contacts:
            self._known.judge_name(channel, "channels", *place, "contacts", channel)
        quiet = self._draft.quiet.get(name, ())
        if quiet:
            rules = tuple(rule for each in quiet if (rule := self._quiet(each)).hours or rule.windows)
            self._draft.recipients[name] = replace(person, quiet=rules)

    def _quiet(self, written: QuietDraft) -> QuietHours:
        """The quiet hours; the time windows that they name are looked up when they are needed."""
        for index, name in written.windows.items():
            self._known.judge_name(name, "time_windows", *written.place, "hours", index)
        if Severity.CRITICAL in written.severities:
            message = "lets critical things wait, too: nobody hears of them in these hours"
            self._known.warn(message, *written.place, "severities")
        return QuietHours(written.intervals, written.severities, tuple(dict.fromkeys(written.windows.values())))

    def _judge_members(self, names: Iterable[str], *place: str | int) -> None:
        for name in names:
            if self._known.judge_name(name, "recipients", *place) and self._reach.of(name) is False:
                self._draft.say(f"{shown(name)} has no contact, so nobody can reach them: give one", *place)

    def _judge_schedule(self, schedule: ScheduleDefinition) -> None:
        for index, layer in enumerate(schedule.layers):
            self._judge_members(dict.fromkeys(people_of(layer)), "schedules", schedule.name, "layers", index)
        if self._now is None or not schedule.layers or schedule.feeds:
            return
        plain = Schedule(schedule.name, schedule.layers)
        try:
            found = findings([plain], self._now, self._now + AHEAD)
        except ValueError as error:
            self._known.warn(f"was not looked at for gaps: {error}", "schedules", schedule.name)
            return
        gaps = [finding for finding in found if finding.kind is FindingKind.GAP]
        if gaps:
            location = zone(schedule.timezone)
            begin, end = (at.astimezone(location) for at in (gaps[0].starts_at, gaps[0].ends_at))
            times = f"from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({schedule.timezone})"
            more = f", and {len(gaps) - 1} more times within {AHEAD.days} days" if len(gaps) > 1 else ""
            self._known.warn(f"has nobody on call {times}{more}", "schedules", schedule.name)

    def _judge_policy(self, definition: PolicyDefinition) -> None:
        for index, level in enumerate(definition.policy.levels):
            place = self._draft.level_places[(definition.name, index)]
            for channel in level.channels:
                self._known.judge_name(channel, "channels", *place, "via")
            for window in level.when.during:
                self._known.judge_name(window, "time_windows", *place, "when", "during")
            for number, named in enumerate(level.targets):
                self._judge_target(named.kind, named.name, (*place, "to", number))
            self._judge_reach(level, place)

    def _judge_target(self, kind: TargetKind, name: str, place: Location) -> None:
        section = SECTION_OF[kind]
        if kind is TargetKind.PERSON and not self._known.is_known(section, name):
            other = next((k for k in TargetKind if self._known.is_known(SECTION_OF[k], name)), None)
            if other is not None:
                self._draft.say(f"is no person, but a {other}: write {other}:{name}", *place)
                return
        self._known.judge_name(name, section, *place)
        if kind is TargetKind.CHANNEL and self._known.needs_address(name):
            self._draft.say("needs an address: name people, and the channel under `via`", *place)

    def _judge_reach(self, level: Level, place: Location) -> None:
        """A level has to reach somebody; whom it misses is said."""
        if any(named.kind is TargetKind.CHANNEL for named in level.targets) or not level.targets:
            return
        people = [person for named in level.targets for person in self._reach.people(named)]
        reached = [(person, self._reach.of(person, level.channels)) for person in people]
        missed = list(dict.fromkeys(person for person, is_reached in reached if is_reached is False))
        if not missed:
            return
        over = f" over {', '.join(level.channels)}" if level.channels else ""
        if len(missed) == len(set(people)):
            self._draft.say(f"reaches nobody: {_listed(missed)} cannot be reached{over}: give a contact", *place)
        else:
            self._known.warn(f"does not reach {_listed(missed)}, who cannot be reached{over}", *place)


def people_of(layer: Layer) -> Iterator[str]:
    """Everybody whom a layer names."""
    yield from layer.rotation.members if layer.rotation else ()
    yield from layer.people
    yield from (shift.person for shift in layer.shifts)


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(shown(name) for name in names[:5])
    return few + (f" and {len(names) - 5} more" if len(names) > 5 else "")
