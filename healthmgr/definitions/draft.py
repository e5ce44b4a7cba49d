"""What was understood of a file while it is read, and what was not: every fault is kept, so that one hides no other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import (
    SECTIONS,
    ChannelDefinition,
    CheckDefinition,
    InhibitionDefinition,
    MaintenanceDefinition,
    PolicyDefinition,
    ReceiverDefinition,
    RecipientDefinition,
    RouteDefinition,
    RunbookDefinition,
    ScheduleDefinition,
    SloDefinition,
    StatusPageDefinition,
    TeamDefinition,
    TimeWindowDefinition,
)
from healthmgr.definitions.document import Document
from healthmgr.definitions.faults import explain
from healthmgr.definitions.models_oncall import RuleEntry
from healthmgr.domain.check import Severity
from healthmgr.domain.timewindow import TimeInterval
from healthmgr.errors import Problem

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class QuietDraft:
    """Quiet hours as written: intervals, and names of time windows by their place in the list."""

    intervals: tuple[TimeInterval, ...]
    windows: dict[int, str]
    severities: tuple[Severity, ...]
    place: Location


@dataclass(slots=True)
class Draft:
    """What was understood of a file, and what was not.

    `declared` names every entry by section, faulty ones too; `places` is where each route is written, by its
    names from the root on, `people_at` where each person is, `level_places` where each level of a policy is, and
    `step_places` where each step of a runbook is, by its id.
    """

    source: str
    document: Document
    problems: list[Problem] = field(default_factory=list)
    declared: dict[str, set[str]] = field(default_factory=lambda: {section: set() for section, _ in SECTIONS})
    channels: dict[str, ChannelDefinition] = field(default_factory=dict)
    recipients: dict[str, RecipientDefinition] = field(default_factory=dict)
    receivers: dict[str, ReceiverDefinition] = field(default_factory=dict)
    time_windows: dict[str, TimeWindowDefinition] = field(default_factory=dict)
    routes: dict[str, RouteDefinition] = field(default_factory=dict)
    maintenance: dict[str, MaintenanceDefinition] = field(default_factory=dict)
    inhibitions: dict[str, InhibitionDefinition] = field(default_factory=dict)
    checks: dict[str, CheckDefinition] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    places: dict[tuple[str, ...], Location] = field(default_factory=dict)
    teams: dict[str, TeamDefinition] = field(default_factory=dict)
    schedules: dict[str, ScheduleDefinition] = field(default_factory=dict)
    escalation_policies: dict[str, PolicyDefinition] = field(default_factory=dict)
    quiet: dict[str, list[QuietDraft]] = field(default_factory=dict)
    rules: list[tuple[Location, RuleEntry]] = field(default_factory=list)
    people_at: dict[str, Location] = field(default_factory=dict)
    level_places: dict[tuple[str, int], Location] = field(default_factory=dict)
    runbooks: dict[str, RunbookDefinition] = field(default_factory=dict)
    slos: dict[str, SloDefinition] = field(default_factory=dict)
    status_pages: dict[str, StatusPageDefinition] = field(default_factory=dict)
    step_places: dict[tuple[str, str], Location] = field(default_factory=dict)

    def copied(self) -> Draft:
        """The same, to be completed without changing this one: that may have to be done again."""
        copies: dict[str, Any] = {
            name: type(value)(value)
            for name in self.__slots__
            if isinstance(value := getattr(self, name), list | dict) and name != "declared"
        }
        return replace(self, **copies, declared={section: set(names) for section, names in self.declared.items()})

    def place_of(self, section: str, name: str) -> Location:
        """Where an entry is written; people stand under either name of their section."""
        if section == "recipients":
            return self.people_at.get(name, (section, name))
        if section == "status_page":
            return (section,)
        return self.places.get((name,), (section, name)) if section == "routing" else (section, name)

    def warn(self, message: str, *path: str | int) -> None:
        """Note what need not be wrong, at a place of the document."""
        self.warnings.append(self.document.problem(message, path))

    def say(self, message: str, *path: str | int) -> None:
        """Note a problem at a place of the document."""
        self.problems.append(self.document.problem(message, path))

    def judge(self, model: type[Model], entry: Any, place: Location) -> tuple[Model | None, frozenset[str]]:
        """The entry as its model, and its fields at fault: those are said and left out, and the rest is judged too."""
        try:
            return model.model_validate(entry), frozenset()
        except ValidationError as error:
            faults = list(explain(error, model, entry))
        for inner, message in faults:
            self.say(message, *place, *inner)
        faulty = frozenset(str(inner[0]) for inner, _ in faults if inner)
        if not isinstance(entry, dict):
            return None, faulty
        sound = entry
        for inner, _ in faults:
            sound = _without(sound, inner)
        try:
            return model.model_validate(sound), faulty
        except ValidationError:
            return None, faulty


def source_of(path: Path) -> str:
    """Whose definitions a file's or folder's are: its name, wherever it lies."""
    return f"file:{path.name if path.name not in ('', '..') else path.resolve().name}"


def _without(entry: dict[str, Any], place: Location) -> dict[str, Any]:
    """The entry without what is at a place; of a list, the whole is left out."""
    if not place:
        return entry
    copy, key = dict(entry), str(place[0])
    if len(place) > 1 and isinstance(copy.get(key), dict):
        copy[key] = _without(copy[key], place[1:])
    else:
        copy.pop(key, None)
    return copy
