"""Bad routes, receivers and mutes, one kind after the other: each is refused with line, field and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.errors import DefinitionError
from healthmgr.services.defining import Defining
from tests.definitions.frame import Bad, assert_refused, file_of
from tests.definitions.plugins import TestRegistry

ROOT = "routing:\n  default: {to: ops, via: post}\n"
TREE = ROOT + "  routes:\n  - "
LETTER = "{kind: letter, config: {host: h}}"
RECEIVER = "receivers:\n  team: {to: ops, via: post}\n"
WINDOW = "maintenance:\n  w:\n    matchers: service=shop\n    "
PAUSE = "time_windows:\n  w: "
CALM = "inhibitions:\n  i: "
DEEP = TREE + "matchers: team=core\n    routes:\n    - {matchers: a=b, to: ops, via: post}\n    - "

KINDS: dict[str, Bad] = {
    # whom a route tells
    "receiver beside to": (TREE + "{receiver: team, to: ops}\n", 5, "routing.routes[0].receiver", "keep one of them"),
    "receiver beside via": (
        "routing: {default: {receiver: x, via: post}}\n",
        2,
        "routing.default.receiver",
        "keep one",
    ),
    "to without via": (TREE + "{to: ops}\n", 5, "routing.routes[0].via", "is required"),
    "via without to": (TREE + "{via: post}\n", 5, "routing.routes[0].to", "is required"),
    "nobody in a route": (TREE + "{to: [], via: post}\n", 5, "routing.routes[0].to", "reaches nobody"),
    "catch-all that tells nobody": ("routing:\n  default: {group_wait: 5s}\n", 3, "routing.default", "reaches nobody"),
    "receiver that is a list": (TREE + "{receiver: [a]}\n", 5, "routing.routes[0].receiver", "expected text"),
    # the catch-all
    "catch-all with matchers": (
        "routing:\n  default: {to: ops, via: post, matchers: a=b}\n",
        3,
        "routing.default.matchers",
        "takes whatever no other route does",
    ),
    "catch-all that continues": (
        "routing:\n  default: {to: ops, via: post, continue: true}\n",
        3,
        "routing.default.continue",
        "nothing comes after",
    ),
    "catch-all with routes": (
        "routing:\n  default: {to: ops, via: post, routes: [{matchers: a=b}]}\n",
        3,
        "routing.default.routes",
        "write them under routing.routes",
    ),
    "catch-all that is mute": (
        "routing:\n  default: {to: ops, via: post, mute_during: [w]}\n",
        3,
        "routing.default.mute_during",
        "is never mute",
    ),
    "tree without a catch-all": (
        "routing:\n  routes: [{matchers: a=b, to: ops, via: post}]\n",
        2,
        "routing",
        "add routing.default",
    ),
    # the tree
    "routes that are a mapping": (
        ROOT + "  routes: {a: {to: ops}}\n",
        4,
        "routing.routes",
        "expected a list of routes",
    ),
    "route that is text": (TREE + "team\n", 5, "routing.routes[0]", "expected a mapping"),
    "unknown field of a route": (TREE + "{matcher: a=b}\n", 5, "routing.routes[0].matcher", "did you mean 'matchers'?"),
    "name of a severity": (
        TREE + "{name: critical, matchers: a=b}\n",
        5,
        "routing.routes[0].name",
        "means the severity's own route",
    ),
    "name twice": (
        TREE + "{name: a, matchers: a=b}\n  - {name: a, matchers: a=c}\n",
        6,
        "routing.routes[1].name",
        "is another route's",
    ),
    "name in capitals": (TREE + "{name: Pay, matchers: a=b}\n", 5, "routing.routes[0].name", "should be lower-case"),
    "name of a short form": (
        "routing:\n  high: {name: x, to: ops, via: post}\n  default: {to: ops, via: post}\n",
        3,
        "routing.high.name",
        "is not a field here",
    ),
    "unknown field of a route below": (
        DEEP + "{recever: team}\n",
        8,
        "routing.routes[0].routes[1].recever",
        "receiver",
    ),
    "routes below that are text": (
        TREE + "{matchers: a=b, routes: all}\n",
        5,
        "routing.routes[0].routes",
        "expected a list",
    ),
    # matchers
    "matcher without an operator": (
        TREE + "{matchers: team}\n",
        5,
        "routing.routes[0].matchers",
        "write one of = != =~ !~",
    ),
    "second matcher of a list": (
        TREE + "{matchers: [team=core, '~x']}\n",
        5,
        "routing.routes[0].matchers[1]",
        "character 1",
    ),
    "regex that is none": (TREE + "{matchers: 'a=~\"(\"'}\n", 5, "routing.routes[0].matchers", "no regular expression"),
    "regex with a look-ahead": (TREE + "{matchers: 'a=~\"(?=x)\"'}\n", 5, "routing.routes[0].matchers", "RE2"),
    "matchers as a mapping": (TREE + "{matchers: {team: core}}\n", 5, "routing.routes[0].matchers", "expected a list"),
    "matchers that contradict": (
        TREE + "{matchers: [team=core, team=web]}\n",
        5,
        "routing.routes[0].matchers",
        'both team="core" and team="web"',
    ),
    "matcher that contradicts the route above": (
        DEEP + "{matchers: 'team=~\"w.*\"'}\n",
        8,
        "routing.routes[0].routes[1].matchers",
        "no alert can have both",
    ),
    "short form that contradicts itself": (
        "routing:\n  high: {to: ops, via: post, matchers: severity=low}\n  default: {to: ops, via: post}\n",
        3,
        "routing.high.matchers",
        "no alert can have both",
    ),
    # never reached
    "behind one that takes all": (
        TREE + "{name: all, to: ops, via: post}\n  - {matchers: a=b}\n",
        6,
        "routing.routes[1]",
        "route 'all' before it takes every alert",
    ),
    "behind one with the same matchers": (
        TREE + "{matchers: [a=b, c=d]}\n  - {matchers: ['c=d,a=b']}\n",
        6,
        "routing.routes[1]",
        "is never reached",
    ),
    "behind a wider one": (
        TREE + "{matchers: 'service=~\"pay.*\"'}\n  - {matchers: [service=payments, a=b]}\n",
        6,
        "routing.routes[1]",
        "route 'service-pay' before it",
    ),
    "below, behind the same": (DEEP + "{matchers: a=b}\n", 8, "routing.routes[0].routes[1]", "is never reached"),
    "short form behind one that takes all": (
        "routing:\n  default: {to: ops, via: post}\n  high: {to: ops, via: post}\n  routes: [{to: ops, via: post}]\n",
        4,
        "routing.high",
        "is never reached",
    ),
    # how patiently
    "negative wait": (TREE + "{matchers: a=b, group_wait: -5s}\n", 5, "routing.routes[0].group_wait", "not a duration"),
    "wait of a month": (TREE + "{matchers: a=b, group_wait: 30d}\n", 5, "routing.routes[0].group_wait", "1d at most"),
    "no interval": (
        TREE + "{matchers: a=b, group_interval: 0s}\n",
        5,
        "routing.routes[0].group_interval",
        "1s at least",
    ),
    "interval of a year": (
        TREE + "{matchers: a=b, group_interval: 365d}\n",
        5,
        "routing.routes[0].group_interval",
        "7d at most",
    ),
    "reminders once a year": (
        TREE + "{matchers: a=b, repeat_interval: 365d}\n",
        5,
        "routing.routes[0].repeat_interval",
        "31d at most",
    ),
    "few milliseconds": (
        TREE + "{matchers: a=b, repeatInterval: 300}\n",
        5,
        "routing.routes[0].repeat_interval",
        "needs a unit",
    ),
    "continue in words": (
        TREE + "{matchers: a=b, continue: maybe}\n",
        5,
        "routing.routes[0].continue",
        "true or false",
    ),
    "all labels and one": (TREE + "{group_by: [..., team]}\n", 5, "routing.routes[0].group_by", "name nothing beside"),
    "empty label": (TREE + "{group_by: ['']}\n", 5, "routing.routes[0].group_by", "empty label"),
    "both spellings of a field": (
        TREE + "{groupBy: a, group_by: b}\n",
        5,
        "routing.routes[0].groupBy",
        "says the same as group_by",
    ),
    "mute in no time": (TREE + "{matchers: a=b, mute_during: []}\n", 5, "routing.routes[0].mute_during", "is empty"),
    # receivers
    "receiver without channels": ("receivers:\n  team: {to: ops}\n", 3, "receivers.team.via", "is required"),
    "receiver of nobody": ("receivers:\n  team: {to: [], via: post}\n", 3, "receivers.team.to", "reaches nobody"),
    "receiver whose recipient has no contact": (
        f"receivers:\n  team: {{to: ops, via: fax}}\nchannels: {{post: {LETTER}, fax: {LETTER}}}\n",
        3,
        "receivers.team.via",
        "no contact for channel 'fax'",
    ),
    "receiver in capitals": ("receivers:\n  Team: {to: ops, via: post}\n", 3, "receivers.Team", "lower-case"),
    "unknown field of a receiver": (
        "receivers:\n  team: {to: ops, via: post, send_resovled: false}\n",
        3,
        "receivers.team.send_resovled",
        "did you mean 'send_resolved'?",
    ),
    # time windows
    "no times": (PAUSE + "[]\n", 3, "time_windows.w", "holds no time"),
    "time window that is text": (PAUSE + "weekend\n", 3, "time_windows.w", "expected an interval"),
    "unknown weekday": (PAUSE + "[{weekdays: [caturday]}]\n", 3, "time_windows.w[0].weekdays", "name of a weekday"),
    "time that ends before it starts": (
        PAUSE + "[{times: [{start_time: '17:00', end_time: '09:00'}]}]\n",
        3,
        "time_windows.w[0].times",
        "split at 24:00",
    ),
    "unknown time zone": (PAUSE + "[{location: Atlantis}]\n", 3, "time_windows.w[0].location", "Atlantis"),
    "day of no month": (PAUSE + "{days_of_month: [32]}\n", 3, "time_windows.w.days_of_month", "from -31 to 31"),
    "unknown field of an interval": (
        PAUSE + "[{weekday: [monday]}]\n",
        3,
        "time_windows.w[0].weekday",
        "no such field",
    ),
    # maintenance
    "maintenance without matchers": (
        "maintenance:\n  w: {starts_at: 2026-11-24T22:00:00Z, ends_at: 2026-11-24T23:00:00Z}\n",
        3,
        "maintenance.w.matchers",
        "is required",
    ),
    "maintenance at no time": (WINDOW + "comment: x\n", 3, "maintenance.w", "has starts_at and ends_at"),
    "maintenance without an end": (
        WINDOW + "starts_at: 2026-11-24T22:00:00Z\n",
        3,
        "maintenance.w",
        "ends_at is missing",
    ),
    "maintenance that ends first": (
        WINDOW + "starts_at: 2026-11-24T22:00:00Z\n    ends_at: 2026-11-24T21:00:00Z\n",
        6,
        "maintenance.w.ends_at",
        "end after it starts",
    ),
    "maintenance in no zone": (
        WINDOW + "starts_at: 2026-11-24T22:00:00\n    ends_at: 2026-11-24T23:00:00\n",
        3,
        "maintenance.w",
        "write the offset",
    ),
    "maintenance by a cron that is none": (
        WINDOW + "cron: sometimes\n    duration: 2h\n",
        5,
        "maintenance.w.cron",
        "sometimes",
    ),
    "maintenance for how long": (WINDOW + "cron: 0 2 * * *\n", 3, "maintenance.w", "duration is missing"),
    "maintenance that never ends": (
        WINDOW + "cron: 0 2 * * *\n    duration: 25h\n",
        6,
        "maintenance.w.duration",
        "write a shorter one",
    ),
    "maintenance by a rule that is none": (
        WINDOW + "rrule: FREQ=NEVER\n    dtstart: 2026-11-24T22:00:00\n    duration: 2h\n",
        5,
        "maintenance.w.rrule",
        "write DAILY, WEEKLY",
    ),
    "maintenance both ways": (
        WINDOW + "during: [{weekdays: [sunday]}]\n    cron: 0 2 * * *\n",
        6,
        "maintenance.w.cron",
        "does not go with during",
    ),
    "maintenance during nothing": (WINDOW + "during: []\n", 5, "maintenance.w.during", "holds no time"),
    "maintenance always": (WINDOW + "during: [{location: UTC}]\n", 5, "maintenance.w.during", "never ends"),
    # inhibitions
    "inhibition without a source": (CALM + "{target: a=b}\n", 3, "inhibitions.i.source", "is required"),
    "inhibition by anything": (CALM + "{source: '{}', target: a=b}\n", 3, "inhibitions.i.source", "fits every alert"),
    "inhibition of everything": (CALM + "{source: a=b, target: []}\n", 3, "inhibitions.i.target", "fits every alert"),
    "inhibition by a bad matcher": (
        CALM + "{source: a, target: a=b}\n",
        3,
        "inhibitions.i.source",
        "write one of = != =~ !~",
    ),
    "inhibition's equal as a number": (
        CALM + "{source: a=b, target: a=c, equal: [5]}\n",
        3,
        "inhibitions.i.equal[0]",
        "expected text",
    ),
    "section twice in other words": ("time_windows: {}\ntime_intervals: {}\n", 3, "time_intervals", "says the same as"),
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.replace(" ", "-"))
def test_a_bad_definition_is_refused_with_its_place_and_what_was_expected(kind: str, tmp_path: Path) -> None:
    assert_refused(KINDS[kind], tmp_path / "f.yaml")


def test_a_route_whose_matchers_are_wrong_is_not_taken_for_one_that_takes_everything(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_text(file_of(TREE + "{matchers: team}\n  - {matchers: a=b}\n"), encoding="utf-8")
    with pytest.raises(DefinitionError) as caught:
        Defining(None, TestRegistry(), {}).validate(path)
    assert [problem.path for problem in caught.value.problems] == ["routing.routes[0].matchers"]


def test_what_the_bad_ones_are_made_of_is_good(tmp_path: Path) -> None:
    good = (
        TREE + "{matchers: team=core, mute_during: w}\n" + RECEIVER + PAUSE + "{weekdays: [sunday]}\n"
        + WINDOW + "during: [{weekdays: [sunday]}]\n" + CALM + "{source: a=b, target: a=c}\n"
    )  # fmt: skip
    path = tmp_path / "f.yaml"
    path.write_text(file_of(good), encoding="utf-8")
    found = Defining(None, TestRegistry(), {}).validate(path)
    assert (set(found.routes), set(found.receivers)) == ({"default", "team-core"}, {"team"})
    assert (set(found.time_windows), set(found.maintenance), set(found.inhibitions)) == ({"w"}, {"w"}, {"i"})
    assert found.warnings == ()
