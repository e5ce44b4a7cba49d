"""Reads escalation policies: their levels, and when each is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import PolicyDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.models_oncall import LevelEntry, PolicyEntry, WhenEntry
from healthmgr.domain.escalation import Conditions, Level, Named, Policy

POLICIES = "escalation_policies"


def read_policy(draft: Draft, name: str, entry: Any, default_delay: timedelta) -> None:
    """Read a policy; `default_delay` is how long a level waits that does not say."""
    place: Location = (POLICIES, name)
    found, faulty = draft.judge(PolicyEntry, entry, place)
    if found is None:
        return
    if not found.levels and "levels" not in faulty:
        draft.say("is empty: write at least one level, as {to: schedule:primary}", *place, "levels")
    levels: list[Level] = []
    begins_after = timedelta(0)
    for index, written in enumerate(found.levels):
        where: Location = (*place, "levels", index)
        level = _level(draft, written, where, index, default_delay)
        if level is not None:
            draft.level_places[(name, len(levels))] = where
            levels.append(level)
            if index == 0 and "after" in written:
                begins_after = level.delay
    if levels:
        draft.escalation_policies[name] = PolicyDefinition(Policy(name, tuple(levels), found.repeat, begins_after))


def _level(draft: Draft, written: Any, place: Location, index: int, default_delay: timedelta) -> Level | None:
    entry, faulty = draft.judge(LevelEntry, written, place)
    if entry is None:
        return None
    if not entry.to and "to" not in faulty:
        draft.say("is empty, so this level reaches nobody", *place, "to")
    targets = []
    for number, text in enumerate(entry.to):
        try:
            targets.append(Named.parse(text))
        except ValueError as error:
            draft.say(str(error), *place, "to", number)
    when = _conditions(draft, entry.when, (*place, "when")) if entry.when is not None else Conditions()
    delay = default_delay if entry.after is None else entry.after
    return Level(entry.name or f"level {index + 1}", tuple(targets), delay, tuple(entry.via), when)


def _conditions(draft: Draft, when: WhenEntry, place: Location) -> Conditions:
    if when.alerts is not None and when.at_least is not None:
        draft.say("says the same as alerts: keep one of them", *place, "at_least")
    for field in ("severity", "during"):
        if field in when.model_fields_set and not getattr(when, field):
            draft.say("is empty, so it would not matter: leave it out", *place, field)
    alerts = when.alerts if when.alerts is not None else when.at_least
    return Conditions(tuple(when.severity or ()), tuple(when.during), alerts or 0)
