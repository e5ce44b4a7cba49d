"""Escalation rules: a policy for each severity out of rules that each say one level of it.

The rules of one severity become the levels of a policy, in the order of their delays; it is hung on the routes of
that severity. Channels are meant by name, or by kind. One whose messages need no address is told itself; over the
others the rule's recipients are, and an address that nobody has as a contact becomes a recipient of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import POSITIONS, PolicyDefinition, RecipientDefinition, RouteDefinition
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.models_oncall import TIERS, RuleEntry
from healthmgr.definitions.reading_oncall import RULES
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import MOST_LEVELS, Level, Named, Policy, TargetKind
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.routing_tree import Route

_ADDRESSES = {"email": re.compile(r"[^@\s]+@[^@\s]+"), "sms": re.compile(r"\+?[0-9][0-9 ()/-]{5,}")}
_LONGEST_NAME = 63

Placed = tuple[Location, RuleEntry]


def settle_rules(known: Known, default_delay: timedelta) -> None:
    """Make policies of the draft's rules, and hang them on its routes; what is wrong is said there."""
    for severity in Severity:
        rules = [(place, rule) for place, rule in known.draft.rules if rule.severity is severity]
        if rules:
            _Settling(known, severity, default_delay).settle(sorted(rules, key=_order))


def policy_name(severity: Severity) -> str:
    """The name of the policy that the rules of a severity become."""
    return f"rules-{severity.value}"


def _order(placed: Placed) -> tuple[float, int]:
    return placed[1].delay_minutes, TIERS.index(placed[1].level)


class _Settling:
    """The rules of one severity."""

    def __init__(self, known: Known, severity: Severity, default_delay: timedelta) -> None:
        self._known = known
        self._draft = known.draft
        self._severity = severity
        self._default_delay = default_delay

    def settle(self, rules: Sequence[Placed]) -> None:
        """Make the policy, and hang it."""
        name, first = policy_name(self._severity), rules[0][0]
        if name in self._draft.declared["escalation_policies"]:
            self._draft.say(f"make a policy {shown(name)}, which is defined besides: keep one of them", *first)
            return
        if len(rules) > MOST_LEVELS:
            message = f"holds {len(rules)} rules of severity {self._severity}, {MOST_LEVELS} are allowed"
            self._draft.say(message, RULES)
            return
        levels: list[Level] = []
        before = rules[0][1].delay_minutes
        for place, rule in rules:
            delay = timedelta(minutes=rule.delay_minutes - before) if levels else self._default_delay
            self._draft.level_places[(name, len(levels))] = place
            levels.append(self._level(rule, place, delay))
            before = rule.delay_minutes
        self._draft.declared["escalation_policies"].add(name)
        self._draft.escalation_policies[name] = PolicyDefinition(
            Policy(name, tuple(levels), begins_after=timedelta(minutes=rules[0][1].delay_minutes))
        )
        self._hang(name, first)

    def _level(self, rule: RuleEntry, place: Location, delay: timedelta) -> Level:
        channels = [channel for text in rule.channels for channel in self._channels(text, (*place, "channels"))]
        addressed = [channel for channel in dict.fromkeys(channels) if self._known.needs_address(channel)]
        told = [Named(TargetKind.CHANNEL, channel) for channel in dict.fromkeys(channels) if channel not in addressed]
        people = [self._target(text, addressed, (*place, "recipients")) for text in rule.recipients]
        meant = [named for named in people if named is not None and addressed]
        return Level(rule.id or rule.level, (*dict.fromkeys(meant), *told), delay, tuple(addressed))

    def _channels(self, text: str, place: Location) -> Iterator[str]:
        """The channels that a rule means: the one of this name, else all of this kind."""
        if self._known.is_known("channels", text):
            yield text
            return
        found = self._known.channels_of(text.lower())
        if not found and self._known.others is None:
            self._known.warn(f"no channel {shown(text)} is in this file: another file must define it", *place)
        elif not found:
            hint = did_you_mean(text, self._known.names("channels"))
            self._draft.say(f"there is no channel of the name or kind {shown(text)}{hint}", *place)
        yield from found

    def _target(self, text: str, channels: Sequence[str], place: Location) -> Named | None:
        """Whom a rule's recipient means: a person, team or schedule by name, or whoever has this address."""
        if ":" in text:
            try:
                return Named.parse(text)
            except ValueError as error:
                self._draft.say(str(error), *place)
                return None
        for kind, section in (("person", "recipients"), ("team", "teams"), ("schedule", "schedules")):
            if self._known.is_known(section, text):
                return Named(TargetKind(kind), text)
        fitting = {channel for channel in self._all_channels(channels) if self._takes(channel, text)}
        if channels and not fitting & set(channels):
            names = self._known.names("recipients") | self._known.names("teams") | self._known.names("schedules")
            message = f"{shown(text)} is the name of nobody, and no address for {', '.join(channels)}"
            self._draft.say(message + did_you_mean(text, names), *place)
            return None
        return Named(TargetKind.PERSON, self._person_at(text, fitting, place)) if channels else None

    def _all_channels(self, channels: Sequence[str]) -> set[str]:
        return {*channels, *self._known.channels_of("email"), *self._known.channels_of("sms")}

    def _takes(self, channel: str, address: str) -> bool:
        kind = self._known.kind_of(channel)
        form = _ADDRESSES.get(kind)
        if form is not None:
            return form.fullmatch(address) is not None
        return any(form.fullmatch(address) for form in _ADDRESSES.values())

    def _person_at(self, address: str, channels: set[str], place: Location) -> str:
        """Whoever can be reached there; made where nobody is."""
        for name, contacts in self._known.everybody():
            if any(contacts.get(channel) == address for channel in channels):
                self._learn(name, address, channels)
                return name
        name = self._free_name(address)
        self._draft.declared["recipients"].add(name)
        self._draft.people_at[name] = place
        self._draft.recipients[name] = RecipientDefinition(name, address, dict.fromkeys(sorted(channels), address))
        return name

    def _learn(self, name: str, address: str, channels: set[str]) -> None:
        """Somebody whom rules made is reached there over these channels as well."""
        own = self._draft.recipients.get(name)
        if own is not None and self._draft.people_at[name][0] == RULES:
            contacts = {**own.contacts, **dict.fromkeys(sorted(channels), address)}
            self._draft.recipients[name] = replace(own, contacts=contacts)

    def _free_name(self, address: str) -> str:
        name = re.sub(r"[^a-z0-9]+", "-", address.lower()).strip("-")[: _LONGEST_NAME - 4] or "somebody"
        taken = self._known.names("recipients")
        numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
        return name if name not in taken else next(other for other in numbered if other not in taken)

    def _hang(self, policy: str, place: Location) -> None:
        """On every route of this severity that has no policy; on one of its own where there is none."""
        mine = Matcher("severity", Operator.EQUAL, self._severity.value)
        for name, definition in self._draft.routes.items():
            route = self._with_policy(definition.route, mine, policy)
            self._draft.routes[name] = replace(definition, route=route)
        name = self._severity.value
        if name in self._draft.declared["routing"]:
            return
        stored = self._known.stored("routing").get(name)
        if stored is not None:
            message = f"route {shown(name)} is {stored.managed_by}'s: write `escalation: {policy}` there"
            self._known.warn(message, *place)
            return
        self._draft.declared["routing"].add(name)
        self._draft.places[(name,)] = place
        route = Route(name=name, matchers=(mine,), escalation=policy)
        self._draft.routes[name] = RouteDefinition(route, POSITIONS[name])

    def _with_policy(self, route: Route, mine: Matcher, policy: str) -> Route:
        below = tuple(self._with_policy(child, mine, policy) for child in route.routes)
        receiver = self._draft.receivers.get(route.receiver)
        has_own = route.escalation or (receiver is not None and receiver.escalation)
        found = policy if mine in route.matchers and not has_own else route.escalation
        return replace(route, escalation=found, routes=below)
