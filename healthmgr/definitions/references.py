"""The second reading: what the entries say about each other, and about what other sources have stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from healthmgr.definitions.definition import (
    CheckDefinition,
    Definitions,
    PluginRegistry,
    RouteDefinition,
    Snapshot,
    Stored,
)
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.graph import find_cycles, find_too_deep
from healthmgr.domain.dependency import MAX_DEPTH
from healthmgr.domain.route import DEFAULT
from healthmgr.errors import DefinitionError, PluginError, Problem

_SECTIONS = (("channels", "channels"), ("recipients", "recipients"), ("routes", "routing"), ("checks", "checks"))
_MOST_CYCLES = 20


def complete(draft: Draft, stored: Snapshot | None, registry: PluginRegistry) -> Definitions:
    """The definitions of a draft without faults. Raises DefinitionError with every fault otherwise.

    Without `stored` (no database at hand) names that the file does not define are only warned of.
    """
    others = None if stored is None else _others(stored, draft.source)
    judge = _Judge(draft, others, registry, list(draft.warnings))
    judge.judge()
    if stored is not None:
        judge.judge_ownership(stored)
        judge.judge_what_others_need()
    if draft.problems:
        raise DefinitionError(draft.document.in_order(draft.problems))
    return Definitions(
        draft.source, draft.channels, draft.recipients, draft.routes, draft.checks, tuple(judge.warnings)
    )


def _others(stored: Snapshot, source: str) -> Snapshot:
    def of_others(items: Mapping[str, Stored[Any]]) -> dict[str, Stored[Any]]:
        return {name: item for name, item in items.items() if item.managed_by != source}

    return Snapshot(*(of_others(getattr(stored, section)) for section, _ in _SECTIONS))


@dataclass(slots=True)
class _Judge:
    draft: Draft
    others: Snapshot | None
    registry: PluginRegistry
    warnings: list[Problem] = field(default_factory=list)

    def judge(self) -> None:
        """What the file's entries say about each other."""
        for name, recipient in self.draft.recipients.items():
            for channel in recipient.contacts:
                self._judge_name(channel, "channels", "recipients", name, "contacts", channel)
        for severity, route in self.draft.routes.items():
            self._judge_route(severity, route)
        self._judge_catch_all()
        for slug, check in self.draft.checks.items():
            for index, parent in enumerate(check.dependencies):
                self._judge_parent(slug, parent, index)
            for index, member in enumerate(_members(check)):
                self._judge_name(member, "checks", "checks", slug, "config", "of", index)
        self._judge_graph()

    def judge_ownership(self, stored: Snapshot) -> None:
        """Nobody's definitions are taken from them; what its source has given up may be taken."""
        for section, written in _SECTIONS:
            for name in sorted(self.draft.declared[written]):
                owner = getattr(stored, section).get(name)
                if owner is not None and owner.managed_by != self.draft.source and owner.is_enabled:
                    message = f"belongs to {owner.managed_by}: choose another name, or remove it there first"
                    self.draft.say(message, written, name)

    def judge_what_others_need(self) -> None:
        """Routes of other sources must go on reaching everyone whom they name."""
        for severity, route in (self.others or Snapshot()).routes.items():
            if severity in self.draft.declared["routing"]:
                continue
            whose = f"which {route.managed_by} routes {severity} alerts to"
            for section, names in (
                ("recipients", route.definition.recipients),
                ("channels", route.definition.channels),
            ):
                for name in names:
                    if not self._is_known(section, name):
                        self.draft.say(f"no longer defines {shown(name)}, {whose}", section)
            for recipient, channel in self._unreachable(route.definition.recipients, route.definition.channels):
                self.draft.say(f"no contact for channel {shown(channel)}, {whose}", "recipients", recipient, "contacts")

    def _judge_route(self, severity: str, route: RouteDefinition) -> None:
        place = ("routing", severity)
        recipients = [name for name in route.recipients if self._judge_name(name, "recipients", *place, "to")]
        channels = [name for name in route.channels if self._judge_name(name, "channels", *place, "via")]
        for recipient, channel in self._unreachable(recipients, channels):
            message = f"{shown(recipient)} has no contact for channel {shown(channel)}: give one under recipients"
            self.draft.say(message, *place, "via")

    def _unreachable(self, recipients: Iterable[str], channels: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Whom these channels cannot reach. A recipient of this file gets an empty contact where none is needed."""
        for channel in channels:
            needs_address = self._needs_address(channel)
            for recipient in recipients:
                contacts = self._contacts(recipient)
                if contacts is None or contacts.get(channel):
                    continue
                if needs_address is False and recipient in self.draft.recipients:
                    own = self.draft.recipients[recipient]
                    self.draft.recipients[recipient] = replace(own, contacts={**own.contacts, channel: ""})
                elif channel not in contacts or needs_address:
                    yield recipient, channel

    def _judge_catch_all(self) -> None:
        if DEFAULT in self.draft.declared["routing"]:
            return
        message = "has no catch-all: add routing.default with `to` and `via`, so that no alert goes untold"
        if self.others is None and not self.draft.declared["routing"]:
            self._warn("has no routing: another file must define the catch-all route `default`")
        elif self.others is None or DEFAULT not in self.others.routes:
            self.draft.say(message, "routing")

    def _judge_parent(self, slug: str, parent: str, index: int) -> None:
        place = ("checks", slug, "depends_on", index)
        if not self._judge_name(parent, "checks", *place) or self.others is None:
            return
        other = self.others.checks.get(parent)
        if parent not in self.draft.declared["checks"] and other is not None and not other.is_enabled:
            self._warn(f"check {shown(parent)} of {other.managed_by} is disabled, so it explains no failure", *place)

    def _judge_graph(self) -> None:
        checks: dict[str, CheckDefinition] = {}
        if self.others is not None:
            checks.update({slug: item.definition for slug, item in self.others.checks.items() if item.is_enabled})
        checks.update(self.draft.checks)
        parents = {slug: list(check.dependencies) for slug, check in checks.items()}
        cycles = [cycle for cycle in find_cycles(parents) if any(slug in self.draft.checks for slug in cycle)]
        for cycle in cycles[:_MOST_CYCLES]:
            own = next(slug for slug in cycle if slug in self.draft.checks)
            self.draft.say(f"depends on itself: {' -> '.join(cycle)}", "checks", own, "depends_on")
        if cycles:
            return
        self._judge_composition(checks)
        for slug in find_too_deep(parents):
            own = slug if slug in self.draft.checks else next(iter(self.draft.checks), "")
            message = f"hangs on a chain of more than {MAX_DEPTH} checks (at {shown(slug)}): shorten it"
            self.draft.say(message, "checks", own, "depends_on")

    def _judge_composition(self, checks: Mapping[str, CheckDefinition]) -> None:
        """A composite hangs on its members as on parents: neither may lead back to it."""
        above = {slug: [*check.dependencies, *_members(check)] for slug, check in checks.items()}
        cycles = [cycle for cycle in find_cycles(above) if any(slug in self.draft.checks for slug in cycle)]
        for cycle in cycles[:_MOST_CYCLES]:
            own = next((slug for slug in cycle if slug in self.draft.checks and _members(checks[slug])), None)
            place = (own, "config", "of") if own else (next(s for s in cycle if s in self.draft.checks), "depends_on")
            self.draft.say(f"is made of itself: {' -> '.join(cycle)}", "checks", *place)

    def _judge_name(self, name: str, section: str, *place: str | int) -> bool:
        if self._is_known(section, name):
            return True
        one = section.removesuffix("s")
        if self.others is None:
            self._warn(f"{one} {shown(name)} is not in this file: another file must define it", *place)
        else:
            self.draft.say(f"there is no {one} {shown(name)}{did_you_mean(name, self._names(section))}", *place)
        return False

    def _is_known(self, section: str, name: str) -> bool:
        if name in self.draft.declared[section]:
            return True
        other = getattr(self.others, section, {}).get(name)
        return other is not None and (other.is_enabled or section == "checks")

    def _names(self, section: str) -> set[str]:
        return {*self.draft.declared[section], *getattr(self.others, section, {})}

    def _contacts(self, recipient: str) -> Mapping[str, str] | None:
        if recipient in self.draft.declared["recipients"]:
            own = self.draft.recipients.get(recipient)
            return own.contacts if own is not None else None
        other = self.others.recipients.get(recipient) if self.others is not None else None
        return other.definition.contacts if other is not None else None

    def _needs_address(self, channel: str) -> bool | None:
        """Whether the channel's messages go to an address of the recipient; None when its plugin does not say."""
        for kind in self._kinds(channel):
            try:
                return self.registry.channel(kind).needs_address
            except PluginError:
                break  # of a faulty channel enough is said already
        return False

    def _kinds(self, channel: str) -> Iterator[str]:
        if channel in self.draft.declared["channels"]:
            own = self.draft.channels.get(channel)
            if own is not None:
                yield own.kind
        elif self.others is not None and channel in self.others.channels:
            yield self.others.channels[channel].definition.kind

    def _warn(self, message: str, *place: str | int) -> None:
        self.warnings.append(self.draft.document.problem(message, place))


def _members(check: CheckDefinition) -> list[str]:
    """The checks that a composite is made of; none for other kinds, and for what is no list of names."""
    members = check.config.get("of") if check.kind == "composite" else None
    return [member for member in members if isinstance(member, str)] if isinstance(members, list) else []
