"""Whether the placeholders and conditions of a runbook speak of what its runs will know."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.reading_steps import StepReading
from healthmgr.domain.placeholder import MOST_BYTES, placeholders_in, refuse_placeholders
from healthmgr.domain.run_values import LABELS, NAMES, PARAMETERS, STEPS
from healthmgr.domain.runbook import Automation, Runbook, Step
from healthmgr.secrets import references

_PARTED = (LABELS, PARAMETERS, STEPS)
_PLAIN = re.compile(r"[A-Za-z_][^\s{}|()\[\]\"']*")
# A text, which is passed over; or a name that is looked up in one of the maps.
_IN_CONDITION = re.compile(
    r"""\b(steps|parameters)(?:\.([A-Za-z_]\w*)|\[(?:"([^"\\]*)"|'([^'\\]*)')\])|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
)


@dataclass(frozen=True, slots=True)
class PlaceholderReading:
    """Judges one runbook, whose steps were read by `steps`."""

    draft: Draft
    runbook: Runbook
    steps: StepReading
    place: Location

    def judge(self) -> None:
        """Say what can never be filled in."""
        self._judge_parameters()
        target = {"target": self.runbook.target}
        for _, message in refuse_placeholders(target):
            self.draft.say(message, *self.place, "target")
        for _, name in placeholders_in(target):
            self._judge_name(name, (), (*self.place, "target"))
        done: list[str] = []
        for step in self.runbook.steps:
            self._judge_step(step, done)
            done.append(step.id)
            undone = list(done)
            for undoing in step.rollback:
                self._judge_step(undoing, undone)
                undone.append(undoing.id)

    def _judge_parameters(self) -> None:
        for name, value in self.runbook.parameters.items():
            place = (*self.place, PARAMETERS, name)
            if value is None and self.runbook.automation is not Automation.MANUAL:
                message = "has no value, and nobody gives one when the runbook starts by itself: give it one here"
                self.draft.say(message, *place)
            for inner, text in _texts(value):
                if "{{" in text or any(references(text)):
                    message = "stays text when it is filled in: write placeholders and ${VAR} in the step's own config"
                    self.draft.say(message, *place, *inner)
                elif len(text.encode()) > MOST_BYTES:
                    self.draft.say(f"is longer than the {MOST_BYTES} bytes that are filled in", *place, *inner)

    def _judge_step(self, step: Step, done: Collection[str]) -> None:
        for setting, name in placeholders_in(step.config):
            self._judge_name(name, done, self.steps.place_of(step.id, setting))
        where = (*self.steps.places[step.id], "when")
        for found in _IN_CONDITION.finditer(step.when):
            if found[1] is not None:
                self._judge_parts([found[1], next(filter(None, found.groups()[1:]), "")], done, where)

    def _judge_name(self, name: str, done: Collection[str], place: Location) -> None:
        if not _PLAIN.fullmatch(name):
            return  # what is no name at all is said with the settings
        parts = name.split(".")
        if parts[0] not in NAMES:
            message = f"nothing fills in {{{{ {name[:60]} }}}}: there is {', '.join(NAMES)}"
            self.draft.say(message, *place)
        elif parts[0] in _PARTED and len(parts) == 1:
            of = {LABELS: "labels.host", PARAMETERS: "parameters.service", STEPS: "steps.drain.sessions"}[parts[0]]
            self.draft.say(f"{{{{ {parts[0]} }}}} is many values: name one, as {{{{ {of} }}}}", *place)
        elif parts[0] not in _PARTED and len(parts) > 1:
            self.draft.say(f"{{{{ {name[:60]} }}}} has no parts: write {{{{ {parts[0]} }}}}", *place)
        elif parts[0] in _PARTED:
            self._judge_parts(parts, done, place)

    def _judge_parts(self, parts: list[str], done: Collection[str], place: Location) -> None:
        root, name = parts[0], parts[1]
        if root == PARAMETERS and name not in self.runbook.parameters:
            hint = did_you_mean(name, set(self.runbook.parameters))
            self.draft.say(f"there is no parameter {shown(name)}{hint}", *place)
        elif root == STEPS and name not in done:
            ids = set(self.steps.places)
            if name in ids:
                message = f"speaks of step {shown(name)}, which is not done by then: only earlier steps are known"
            else:
                message = f"there is no step {shown(name)}{did_you_mean(name, ids)}"
            self.draft.say(message, *place)


def _texts(value: Any, place: Location = ()) -> Iterator[tuple[Location, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(each, (*place, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _texts(each, (*place, index))
