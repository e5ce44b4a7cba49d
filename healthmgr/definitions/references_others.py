"""What other sources name must still be there when this one is applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from healthmgr.definitions.definition import PolicyDefinition
from healthmgr.definitions.faults import shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.reach import Reach
from healthmgr.definitions.references_oncall import SECTION_OF
from healthmgr.domain.escalation import Named, TargetKind
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.runbook import Runbook


def judge_what_others_need(known: Known) -> None:
    """What other sources have defined must go on reaching all whom it names: routes, policies, teams, runbooks ..."""
    _Needs(known).judge()


class _Needs:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._draft = known.draft

    def judge(self) -> None:
        """Judge each of them that this source does not take over."""
        for name, route in self._left("routing"):
            for node in _nodes(route.definition.route):
                whose = f"which route {shown(name)} of {route.managed_by} names"
                self._need("receivers", filter(None, [node.receiver]), whose)
                self._need("escalation_policies", filter(None, [node.escalation]), whose)
                self._need("time_windows", (*node.mute_during, *node.active_during), whose)
                self._need_reach(node.to, node.via, whose)
        for name, receiver in self._left("receivers"):
            whose = f"which receiver {shown(name)} of {receiver.managed_by} names"
            self._need("escalation_policies", filter(None, [receiver.definition.escalation]), whose)
            self._need_reach(receiver.definition.recipients, receiver.definition.channels, whose)
        for name, policy in self._left("escalation_policies"):
            self._need_of_policy(policy.definition, f"which policy {shown(name)} of {policy.managed_by} names")
        for name, item in self._left("runbooks"):
            whose = f"which runbook {shown(name)} of {item.managed_by} names"
            runbook: Runbook = item.definition.runbook
            self._need("teams", filter(None, [runbook.team]), whose)
            for text in runbook.approval.approvers:
                named = Named.parse(text)
                self._need(SECTION_OF[named.kind], [named.name], whose)
        for name, item in self._left("slos"):
            self._need(
                "checks", item.definition.slo.checks, f"which service level {shown(name)} of {item.managed_by} names"
            )
        reach = Reach(self._known)
        for section, kind in (("teams", TargetKind.TEAM), ("schedules", TargetKind.SCHEDULE)):
            for name, item in self._left(section):
                whose = f"which {kind} {shown(name)} of {item.managed_by} names"
                self._need("recipients", reach.people(Named(kind, name)), whose)

    def _left(self, section: str) -> Iterator[tuple[str, Any]]:
        for name, item in self._known.stored(section).items():
            if name not in self._draft.declared[section] and item.is_enabled:
                yield name, item

    def _need_of_policy(self, definition: PolicyDefinition, whose: str) -> None:
        for level in definition.policy.levels:
            self._need("channels", level.channels, whose)
            self._need("time_windows", level.when.during, whose)
            for named in level.targets:
                self._need(SECTION_OF[named.kind], [named.name], whose)

    def _need(self, section: str, names: Iterable[str], whose: str) -> None:
        for name in names:
            if not self._known.is_known(section, name):
                self._draft.say(f"no longer defines {shown(name)}, {whose}", section)

    def _need_reach(self, recipients: tuple[str, ...], channels: tuple[str, ...], whose: str) -> None:
        self._need("recipients", recipients, whose)
        self._need("channels", channels, whose)
        for recipient, channel in self._known.unreachable(recipients, channels):
            place = self._draft.place_of("recipients", recipient)
            self._draft.say(f"no contact for channel {shown(channel)}, {whose}", *place, "contacts")


def _nodes(route: Route) -> Iterator[Route]:
    yield route
    for child in route.routes:
        yield from _nodes(child)
