"""Bad people, teams, schedules and policies, one kind after the other: refused with line, field and what to write."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from healthmgr.definitions.definition import Definitions, Snapshot
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from tests.definitions.frame import Bad, assert_refused, file_of
from tests.definitions.plugins import TestRegistry

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REST = """\
channels: {post: {kind: letter, config: {host: h}}, bell: {kind: bell, config: {host: h}}}
recipients: {ops: {contacts: {post: ops@example.com}}, mute: {}}
routing: {default: {to: ops, via: post}}
"""
PERSON = "people:\n  ann: "
TEAM = "teams:\n  web: "
SCHEDULE = "schedules:\n  primary:\n    "
LAYER = SCHEDULE + "layers:\n    - "
TURNS = LAYER + "rotation: "
POLICY = "escalation_policies:\n  std:\n    "
LEVEL = POLICY + "levels:\n    - "
RULE = "escalation_rules:\n- "
GOOD_RULE = "{severity: critical, level: L1_SUPPORT, channels: [post], recipients: [ops]}"

KINDS: dict[str, Bad] = {
    # people
    "person that is text": (PERSON + "x\n", 3, "people.ann", "expected a mapping"),
    "unknown field of a person": (PERSON + "{contact: {}}\n", 3, "people.ann.contact", "did you mean 'contacts'?"),
    "person in capitals": ("people:\n  Ann: {}\n", 3, "people.Ann", "should be lower-case"),
    "person under both names": (
        "people: {ops: {}}\nrecipients: {ops: {contacts: {post: a@b}}}\n",
        3,
        "recipients.ops",
        "is written twice, first in line 2",
    ),
    "zone of a person": (PERSON + "{timezone: Europe/Belrin}\n", 3, "people.ann.timezone", "there is no time zone"),
    "contact on no channel": (PERSON + "{contacts: [{to: x}]}\n", 3, "people.ann.contacts[0].via", "is required"),
    "contact on an unknown channel": (
        PERSON + "{contacts: [{via: pots, to: x}]}\n",
        3,
        "people.ann.contacts[0].via",
        "did you mean 'post'?",
    ),
    "contact by unknown channel": (PERSON + "{contacts: {pots: x}}\n", 3, "people.ann.contacts.pots", "no channel"),
    "contact without address": (PERSON + "{contacts: [{via: post}]}\n", 3, "people.ann.contacts[0]", "needs an addr"),
    "contact twice": (
        PERSON + "{contacts: [{via: post, to: x}, {via: post, to: x, after: 2m}]}\n",
        3,
        "people.ann.contacts[1]",
        "a second time",
    ),
    "contact some time": (
        PERSON + "{contacts: [{via: post, to: x, after: soon}]}\n",
        3,
        "people.ann.contacts[0].after",
        "'soon' is not a duration",
    ),
    "contact before the page": (
        PERSON + "{contacts: [{via: post, to: x, after: -2m}]}\n",
        3,
        "people.ann.contacts[0].after",
        "not a duration",
    ),
    "contacts that are text": (PERSON + "{contacts: x}\n", 3, "people.ann.contacts", "expected a mapping"),
    "address that is a number": (PERSON + "{contacts: {post: 5}}\n", 3, "people.ann.contacts.post", "in quotes"),
    "address that is not set": (
        PERSON + '{contacts: [{via: post, to: "${ADDRESS}"}]}\n',
        3,
        "people.ann.contacts[0].to",
        "needs ADDRESS",
    ),
    "quiet without hours": (
        PERSON + "{quiet_hours: [{severities: low}]}\n",
        3,
        "people.ann.quiet_hours[0].hours",
        "is required",
    ),
    "quiet in no hours": (PERSON + "{quiet_hours: {hours: []}}\n", 3, "people.ann.quiet_hours[0].hours", "never quiet"),
    "quiet in an unknown window": (
        PERSON + "{quiet_hours: [{hours: night}]}\n",
        3,
        "people.ann.quiet_hours[0].hours[0]",
        "there is no time window 'night'",
    ),
    "quiet at a time that cannot be": (
        PERSON + "{quiet_hours: [{hours: [{times: [{start_time: '22:00', end_time: '06:00'}]}]}]}\n",
        3,
        "people.ann.quiet_hours[0].hours[0].times",
        "has to end later the same day",
    ),
    "quiet for an unknown severity": (
        PERSON + "{quiet_hours: [{hours: {weekdays: [sunday]}, severities: [mild]}]}\n",
        3,
        "people.ann.quiet_hours[0].severities[0]",
        "expected critical, high, medium or low",
    ),
    # teams
    "team of nobody": (TEAM + "[]\n", 3, "teams.web", "is empty"),
    "team without members": (TEAM + "{}\n", 3, "teams.web.members", "is required"),
    "team of a stranger": (TEAM + "[osp]\n", 3, "teams.web", "there is no recipient 'osp'; did you mean 'ops'?"),
    "team of somebody mute": (TEAM + "[ops, mute]\n", 3, "teams.web", "'mute' has no contact"),
    # schedules
    "schedule of nobody": (SCHEDULE + "timezone: UTC\n", 3, "schedules.primary", "has nobody in it"),
    "schedule with overrides alone": (
        SCHEDULE + "ical: {overrides: 'https://x/y'}\n",
        3,
        "schedules.primary",
        "has nobody in it",
    ),
    "zone of a schedule": (SCHEDULE + "timezone: Mars\n", 4, "schedules.primary.timezone", "there is no time zone"),
    "calendar that is no address": (
        SCHEDULE + "ical: {primary: shifts.ics}\n",
        4,
        "schedules.primary.ical.primary",
        "the address of a calendar",
    ),
    "calendar whose address is not set": (
        SCHEDULE + "ical: {primary: '${CALENDAR}'}\n",
        4,
        "schedules.primary.ical.primary",
        "needs CALENDAR",
    ),
    "layer that is text": (LAYER + "ops\n", 5, "schedules.primary.layers[0]", "expected a layer"),
    "layer of an unknown field": (LAYER + "{peolpe: [ops]}\n", 5, "schedules.primary.layers[0].peolpe", "no such"),
    "layer of a stranger": (LAYER + "people: [osp]\n", 5, "schedules.primary.layers[0]", "did you mean 'ops'?"),
    "layer of nobody": (LAYER + "people: []\n", 5, "schedules.primary.layers[0].people", "write a list of 1 to"),
    "turns of both sorts": (
        LAYER + "{people: [ops], rotation: {type: daily, start: '2026-01-05 09:00', members: [ops]}}\n",
        5,
        "schedules.primary.layers[0].rotation.type",
        "people do not take turns",
    ),
    "turns of an unknown type": (
        TURNS + "{type: fortnightly, start: '2026-01-05 09:00', members: [ops]}\n",
        5,
        "schedules.primary.layers[0].rotation.type",
        "write one of hourly, daily",
    ),
    "turns without a start": (
        TURNS + "{type: weekly, members: [ops]}\n",
        5,
        "schedules.primary.layers[0]",
        "start: is missing",
    ),
    "turns that start on no day": (
        TURNS + "{type: weekly, start: '2026-02-30 09:00', members: [ops]}\n",
        5,
        "schedules.primary.layers[0].rotation.start",
        "such as '2026-01-05 09:00'",
    ),
    "turns that start in a zone": (
        TURNS + "{type: weekly, start: '2026-02-03T09:00:00Z', members: [ops]}\n",
        5,
        "schedules.primary.layers[0].rotation.start",
        "without a zone",
    ),
    "turns of no length": (
        TURNS + "{type: weekly, length: 0, start: '2026-01-05 09:00', members: [ops]}\n",
        5,
        "schedules.primary.layers[0].rotation.length",
        "from 1 to",
    ),
    "turns of nobody": (
        TURNS + "{type: weekly, start: '2026-01-05 09:00', members: []}\n",
        5,
        "schedules.primary.layers[0].rotation.members",
        "write a list of 1 to",
    ),
    "turns in an unknown zone": (
        TURNS + "{type: weekly, start: '2026-01-05 09:00', members: [ops], timezone: Utopia}\n",
        5,
        "schedules.primary.layers[0].rotation.timezone",
        "there is no time zone",
    ),
    "turns said twice": (
        LAYER + "{type: daily, rotation: {type: daily, start: '2026-01-05 09:00', members: [ops]}}\n",
        5,
        "schedules.primary.layers[0].type",
        "keep one of them",
    ),
    "layer that ends before it begins": (
        LAYER + "{people: [ops], from: '2026-02-01', to: '2026-01-01'}\n",
        5,
        "schedules.primary.layers[0].to",
        "has to end after it begins",
    ),
    "layer in hours that cannot be": (
        LAYER + "{people: [ops], hours: [{weekdays: [someday]}]}\n",
        5,
        "schedules.primary.layers[0].hours[0]",
        "someday",
    ),
    # policies
    "policy of no level": (POLICY + "levels: []\n", 4, "escalation_policies.std.levels", "is empty"),
    "policy without levels": (POLICY + "repeat: 1\n", 3, "escalation_policies.std.levels", "is required"),
    "policy that never ends": (
        POLICY + "repeat: 1000\n    levels: [{to: ops}]\n",
        4,
        "escalation_policies.std.repeat",
        "must be at most 100",
    ),
    "level of nobody": (LEVEL + "to: []\n", 5, "escalation_policies.std.levels[0].to", "reaches nobody"),
    "level without to": (LEVEL + "after: 5m\n", 5, "escalation_policies.std.levels[0].to", "is required"),
    "level that is text": (LEVEL + "ops\n", 5, "escalation_policies.std.levels[0]", "expected a mapping"),
    "level to an unknown sort": (
        LEVEL + "to: tema:web\n",
        5,
        "escalation_policies.std.levels[0].to[0]",
        "is no target",
    ),
    "level to a stranger": (LEVEL + "to: osp\n", 5, "escalation_policies.std.levels[0].to[0]", "did you mean 'ops'?"),
    "level to no team": (LEVEL + "to: team:web\n", 5, "escalation_policies.std.levels[0].to[0]", "no team 'web'"),
    "level to no schedule": (
        LEVEL + "to: schedule:x\n",
        5,
        "escalation_policies.std.levels[0].to[0]",
        "no schedule 'x'",
    ),
    "level to a team without its sort": (
        "teams: {web: [ops]}\n" + LEVEL + "to: web\n",
        6,
        "escalation_policies.std.levels[0].to[0]",
        "write team:web",
    ),
    "level to no channel": (LEVEL + "to: channel:x\n", 5, "escalation_policies.std.levels[0].to[0]", "no channel 'x'"),
    "level to a channel that needs an address": (
        LEVEL + "to: channel:post\n",
        5,
        "escalation_policies.std.levels[0].to[0]",
        "needs an address",
    ),
    "level over no channel": (
        LEVEL + "{to: ops, via: pots}\n",
        5,
        "escalation_policies.std.levels[0].via",
        "did you mean 'post'?",
    ),
    "level that reaches nobody": (LEVEL + "to: mute\n", 5, "escalation_policies.std.levels[0]", "reaches nobody"),
    "level that reaches nobody there": (
        LEVEL + "{to: ops, via: bell}\n",
        5,
        "escalation_policies.std.levels[0]",
        "cannot be reached over bell",
    ),
    "level some time": (LEVEL + "{to: ops, after: soon}\n", 5, "escalation_policies.std.levels[0].after", "duration"),
    "level at two times": (
        LEVEL + "{to: ops, after: 5m, delay: 5m}\n",
        5,
        "escalation_policies.std.levels[0].delay",
        "says the same as after",
    ),
    "level in an unknown window": (
        LEVEL + "{to: ops, when: {during: night}}\n",
        5,
        "escalation_policies.std.levels[0].when.during",
        "no time window 'night'",
    ),
    "level for a few alerts": (
        LEVEL + "{to: ops, when: {alerts: some}}\n",
        5,
        "escalation_policies.std.levels[0].when.alerts",
        'such as 3 or ">= 3"',
    ),
    "level for two numbers of alerts": (
        LEVEL + "{to: ops, when: {alerts: 3, at_least: 4}}\n",
        5,
        "escalation_policies.std.levels[0].when.at_least",
        "keep one of them",
    ),
    "level for no severity": (
        LEVEL + "{to: ops, when: {severity: []}}\n",
        5,
        "escalation_policies.std.levels[0].when.severity",
        "leave it out",
    ),
    "policy under both names": ("escalation: {}\nescalation_policies: {}\n", 2, "escalation", "says the same as"),
    # where policies are named
    "route with an unknown policy": (
        "routing:\n  default: {to: ops, via: post}\n  high: {escalation: sdt}\n" + LEVEL + "to: ops\n",
        4,
        "routing.high.escalation",
        "there is no escalation policy 'sdt'; did you mean 'std'?",
    ),
    "receiver with an unknown policy": (
        "receivers:\n  r: {escalation: x}\n",
        3,
        "receivers.r.escalation",
        "there is no escalation policy 'x'",
    ),
    "receiver of nobody": ("receivers:\n  r: {}\n", 3, "receivers.r.to", "is required"),
    "receiver with half of whom to tell": (
        LEVEL + "to: ops\nreceivers:\n  r: {escalation: std, to: ops}\n",
        7,
        "receivers.r.via",
        "is required",
    ),
    "catch-all with a policy alone": (
        LEVEL + "to: ops\nrouting:\n  default: {escalation: std}\n",
        7,
        "routing.default",
        "reaches nobody",
    ),
    "catch-all by a receiver with a policy alone": (
        LEVEL + "to: ops\nreceivers: {r: {escalation: std}}\nrouting:\n  default: {receiver: r}\n",
        8,
        "routing.default.receiver",
        "tells nobody by itself",
    ),
    # rules
    "rules that are a mapping": ("escalation_rules: {a: b}\n", 2, "escalation_rules", "expected a list"),
    "rule that is text": (RULE + "x\n", 3, "escalation_rules[0]", "expected a mapping"),
    "rule of an unknown severity": (
        RULE + GOOD_RULE.replace("critical", "fatal") + "\n",
        3,
        "escalation_rules[0].severity",
        "expected critical, high",
    ),
    "rule of an unknown level": (
        RULE + GOOD_RULE.replace("L1", "L9") + "\n",
        3,
        "escalation_rules[0].level",
        "expected one of l1_support",
    ),
    "rule over nothing": (
        RULE + GOOD_RULE.replace("[post]", "[]") + "\n",
        3,
        "escalation_rules[0].channels",
        "reaches nobody",
    ),
    "rule over an unknown channel": (
        RULE + GOOD_RULE.replace("post", "SMS") + "\n",
        3,
        "escalation_rules[0].channels",
        "no channel of the name or kind 'sms'",
    ),
    "rule to a stranger": (
        RULE + GOOD_RULE.replace("ops", "osp") + "\n",
        3,
        "escalation_rules[0].recipients",
        "is the name of nobody, and no address",
    ),
    "rule before the outage": (
        RULE + "{delayMinutes: -5, " + GOOD_RULE[1:] + "\n",
        3,
        "escalation_rules[0].delay_minutes",
        "must be at least 0",
    ),
    "rules beside their own policy": (
        "escalation_policies: {rules-critical: {levels: [{to: ops}]}}\n" + RULE + GOOD_RULE + "\n",
        4,
        "escalation_rules[0]",
        "which is defined besides",
    ),
}


def judged(path: Path) -> Definitions:
    """A file beside an empty database."""
    return complete(read_draft(path, TestRegistry(), {}, Fallbacks()), Snapshot(), TestRegistry(), now=NOW)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.replace(" ", "-"))
def test_a_bad_definition_is_refused_with_its_place_and_what_was_expected(kind: str, tmp_path: Path) -> None:
    assert_refused(KINDS[kind], tmp_path / "f.yaml", rest=REST, judge=judged)


def test_what_the_bad_ones_are_made_of_is_good(tmp_path: Path) -> None:
    good = (
        PERSON + "{contacts: [{via: post, to: a@b}], quiet_hours: {hours: [{weekdays: [sunday]}]}}\n"
        + TEAM + "[ann, ops]\n"
        + TURNS + "{type: weekly, start: '2026-01-05 09:00', members: [ann, ops]}\n"
        + LEVEL + "to: [schedule:primary, team:web, ann, channel:bell]\n" + RULE + GOOD_RULE + "\n"
    )  # fmt: skip
    path = tmp_path / "f.yaml"
    path.write_text(file_of(good, REST), encoding="utf-8")
    found = judged(path)
    assert set(found.recipients) == {"ann", "ops", "mute"}
    assert (set(found.teams), set(found.schedules)) == ({"web"}, {"primary"})
    assert set(found.escalation_policies) == {"std", "rules-critical"}
    assert found.warnings == ()
