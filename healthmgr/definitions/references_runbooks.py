"""The second reading of runbooks: whom and what they name, and whether anything starts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import CheckDefinition, RunbookDefinition
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.reach import Reach
from healthmgr.definitions.reading_runbooks import RUNBOOKS
from healthmgr.definitions.references_oncall import SECTION_OF
from healthmgr.domain.escalation import Named
from healthmgr.domain.placeholder import placeholders_in
from healthmgr.domain.runbook import Automation, Runbook, Step

# What the settings of our own steps name, by kind of step and field.
_NAMED: Mapping[tuple[str, str], str] = {
    ("notification", "recipients"): "recipients",
    ("verify", "check"): "checks",
}
_NOTIFICATION, _APPROVAL, _API_CALL = "notification", "approval", "api_call"
_OWN_SETS = "healthmgr/defaults/"  # their procedures are there once somebody says how


class RunbookJudge:
    """Judges the runbooks of a draft, and the checks that name one."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._draft = known.draft
        self._reach = Reach(known)
        self._checks = self._all_checks()
        self._hints: dict[str, str] = {}

    def judge(self) -> None:
        """What they say about each other, and about the rest."""
        for name, definition in list(self._draft.runbooks.items()):
            runbook, place = definition.runbook, (RUNBOOKS, name)
            self._judge_trigger(runbook, place)
            self._judge_approval(runbook, place)
            if runbook.team:
                self._known.judge_name(runbook.team, "teams", *place, "team")
            steps = tuple(self._settled(step, self._draft.step_places[(name, step.id)]) for step in runbook.steps)
            self._draft.runbooks[name] = RunbookDefinition(replace(runbook, steps=steps))
        for slug, check in self._draft.checks.items():
            self._judge_procedure(slug, check)

    def _all_checks(self) -> dict[str, CheckDefinition]:
        others = {slug: item.definition for slug, item in self._known.stored("checks").items() if item.is_enabled}
        return {**others, **self._draft.checks}

    def _judge_trigger(self, runbook: Runbook, place: Location) -> None:
        trigger = runbook.trigger
        for index, check in enumerate(trigger.checks):
            self._known.judge_name(check, "checks", *place, "trigger", "checks", index)
        naming = [check for check in self._checks.values() if check.recovery_procedure == runbook.name]
        named = {
            check.slug: check for check in naming if not trigger.severities or check.severity in trigger.severities
        }
        if runbook.automation is Automation.MANUAL:
            return
        if not (trigger.checks or trigger.matchers or named) and not self._is_ours(place):
            message = "starts by itself, but nothing starts it: name checks or labels under `trigger`, "
            self._known.warn(message + f"or say `recovery_procedure: {runbook.name}` at a check", *place)
        starting = [*named.values(), *(self._checks[slug] for slug in trigger.checks if slug in self._checks)]
        attempt = trigger.attempt
        late = [check for check in starting if attempt is not None and attempt >= check.max_attempts]
        if late:
            first = f"check {shown(late[0].slug)} is hard at attempt {late[0].max_attempts}"
            message = f"never starts it at soft attempt {attempt}, for {first}: it starts when the state is hard"
            self._known.warn(message, *place, "trigger", "on")

    def _judge_approval(self, runbook: Runbook, place: Location) -> None:
        self._judge_approvers(runbook.approval.approvers, runbook.approval.needed, (*place, "approval"), "by")

    def _judge_approvers(self, written: Iterable[str], needed: int, place: Location, field: str) -> None:
        """Those who may agree have to be there, and as many as have to."""
        people: set[str] = set()
        are_known = True
        for index, text in enumerate(written):
            try:
                named = Named.parse(text)
            except ValueError:
                return  # is said where it is read, or by the step's plugin
            is_known = self._known.judge_name(named.name, SECTION_OF[named.kind], *place, field, index)
            found = self._reach.people(named)
            are_known = are_known and is_known and bool(found)
            people.update(found)
        if people and are_known and len(people) < needed:
            who = f"only {len(people)} may" if len(people) > 1 else f"only {next(iter(people))} may"
            self._draft.say(f"needs {needed} to agree, and {who}: name more, or need fewer", *place, "needed")

    def _settled(self, step: Step, place: Location) -> Step:
        """The step with the channels that it means by kind named one by one."""
        for (kind, field), section in _NAMED.items():
            if step.kind == kind:
                for name in _plain(step.config.get(field)):
                    self._known.judge_name(name, section, *self._setting(place, field))
        if step.kind == _APPROVAL:
            approvers, needed = _plain(step.config.get("approvers")), step.config.get("needed", 1)
            self._judge_approvers(
                approvers, needed if isinstance(needed, int) else 1, self._setting(place), "approvers"
            )
        if step.kind == _API_CALL and _is_homeless(step.config) and not self._is_ours(place):
            self._known.warn(
                "calls a path of no address: say `base_url` in its config, as https://shop.example.com", *place
            )
        config = step.config
        if step.kind == _NOTIFICATION and config.get("channels"):
            config = {**config, "channels": self._channels(config["channels"], self._setting(place, "channels"))}
        undone_at = self._draft.step_places
        rollback = tuple(self._settled(undoing, undone_at[(str(place[1]), undoing.id)]) for undoing in step.rollback)
        return replace(step, config=config, rollback=rollback)

    def _is_ours(self, place: Location) -> bool:
        """Whether it came along with a set of checks."""
        return self._draft.document.place_of(place)[0].startswith(_OWN_SETS)

    def _setting(self, place: Location, *field: str) -> Location:
        """Where a step's setting is written; the action where neither of the two has it."""
        sources = ("config", "parameters")
        found = [(*place, source, *field) for source in sources if self._draft.document.at((*place, source, *field))]
        return found[0] if found else (*place, "action")

    def _channels(self, written: Any, place: Location) -> list[Any]:
        """By name, else all of the kind."""
        found: list[Any] = []
        for text in written if isinstance(written, list) else [written]:
            if not isinstance(text, str) or any(placeholders_in(text)) or self._known.is_known("channels", text):
                found.append(text)
                continue
            of_kind = self._known.channels_of(text.lower())
            found += of_kind or [text]
            if not of_kind and self._known.others is None:
                self._known.warn(f"no channel {shown(text)} is in this file: another file must define it", *place)
            elif not of_kind:
                hint = did_you_mean(text, self._known.names("channels"))
                self._draft.say(f"there is no channel of the name or kind {shown(text)}{hint}", *place)
        return list(dict.fromkeys(found)) if all(isinstance(each, str) for each in found) else found

    def _judge_procedure(self, slug: str, check: CheckDefinition) -> None:
        """A check may name what people carry out by hand; most likely the runbook was meant to be there."""
        name, place = check.recovery_procedure, ("checks", slug, "recovery_procedure")
        if not name or self._known.is_known(RUNBOOKS, name):
            return
        if self._is_ours(place):
            return
        if name not in self._hints:  # thousands of checks may name the same
            self._hints[name] = did_you_mean(name, self._known.names(RUNBOOKS)) or ": people carry it out"
        where = "in this file" if self._known.others is None else "defined"
        self._known.warn(f"no runbook {shown(name)} is {where}{self._hints[name]}", *place)


def _is_homeless(config: Mapping[str, Any]) -> bool:
    url = config.get("url")
    return isinstance(url, str) and url.startswith("/") and not config.get("base_url")


def _plain(value: Any) -> list[str]:
    """The names in a setting, without those that are filled in when the step runs."""
    listed = value if isinstance(value, list) else [value]
    return [text for text in listed if isinstance(text, str) and text and not any(placeholders_in(text))]
