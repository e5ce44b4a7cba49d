"""Who is meant by a target, as far as definitions tell, and whether anybody could reach them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from healthmgr.definitions.definition import RecipientDefinition, ScheduleDefinition, TeamDefinition
from healthmgr.definitions.known import Known
from healthmgr.domain.escalation import Named, TargetKind


class Reach:
    """Answers for the draft's own definitions and for those of other sources."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def people(self, named: Named) -> tuple[str, ...]:
        """Everybody whom a target may mean at one time or another; nobody where that is not known here."""
        if named.kind is TargetKind.PERSON:
            return (named.name,)
        if named.kind is TargetKind.TEAM:
            team: TeamDefinition | None = self._found("teams", named.name, self._known.draft.teams)
            return team.members if team is not None else ()
        if named.kind is TargetKind.SCHEDULE:
            schedule: ScheduleDefinition | None = self._found("schedules", named.name, self._known.draft.schedules)
            layers = schedule.layers if schedule is not None and not schedule.feeds else ()
            members = (name for layer in layers for name in (layer.rotation.members if layer.rotation else ()))
            return tuple(dict.fromkeys([*members, *(name for layer in layers for name in layer.people)]))
        return ()

    def of(self, person: str, channels: Sequence[str] = ()) -> bool | None:
        """Whether somebody can be reached, over these channels or any at all; None where that is not known here."""
        found: RecipientDefinition | None = self._found("recipients", person, self._known.draft.recipients)
        if found is None:
            return None
        plan = [(contact.channel, contact.address) for contact in found.contact_plan]
        ways = [way for way in plan or found.contacts.items() if not channels or way[0] in channels]
        return any(address or not self._known.needs_address(channel) for channel, address in ways)

    def _found(self, section: str, name: str, own: Mapping[str, Any]) -> Any:
        if name in self._known.draft.declared[section]:
            return own.get(name)  # None where it is at fault: enough is said of it already
        stored = self._known.stored(section).get(name)
        return stored.definition if stored is not None and stored.is_enabled else None
