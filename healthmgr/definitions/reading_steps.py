"""Reads the steps of a runbook, each setting judged by the plugin that will have it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from pydantic.alias_generators import to_snake

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import PluginRegistry
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import shown
from healthmgr.definitions.models_runbooks import StepEntry
from healthmgr.definitions.plugin_config import judge_config
from healthmgr.domain.condition import compile_condition
from healthmgr.domain.placeholder import placeholders_in, refuse_placeholders
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.runbook import Step
from healthmgr.errors import PluginError
from healthmgr.ports import StepType

STEPS, ROLLBACK = "steps", "rollback"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_LONGEST_ID = 63
_USUAL_TIMEOUT = Step("", "").timeout
_MARGIN = timedelta(seconds=5)  # what a step has beyond its plugin's own time, so that the plugin says how it ended


@dataclass(slots=True)
class StepReading:
    """Reads the steps of one runbook, in order; `places` is where each is written, by its id."""

    draft: Draft
    registry: PluginRegistry
    environ: Mapping[str, str]
    places: dict[str, Location] = field(default_factory=dict)
    settings: dict[str, Settings] = field(default_factory=dict)

    def read(self, written: list[Any], place: Location) -> Iterator[Step]:
        """The steps of a list that can be read; of the others it is said why not."""
        for index, one in enumerate(written):
            where: Location = (*place, index)
            entry, faulty = self.draft.judge(StepEntry, one, where)
            if entry is None:
                continue
            step_id = self._id(entry, where)
            step = self._step(entry, step_id, faulty, where)
            yield replace(step, rollback=tuple(self._rollback(entry, where)))

    def place_of(self, step_id: str, setting: Location) -> Location:
        """Where a setting of a step is written."""
        return (*self.places[step_id], *self.settings[step_id].written_at(setting))

    def _step(self, entry: StepEntry, step_id: str, faulty: frozenset[str], place: Location) -> Step:
        plugin = self._plugin(entry.kind, place)
        settings = self.settings[step_id] = Settings(entry, plugin)
        for message, inner in settings.faults:
            self.draft.say(message, *place, *inner)
        if plugin is not None and not faulty & {"config", "parameters"}:
            self._judge_settings(settings, plugin, place)
            self._judge_repetition(entry, plugin, place)
        if entry.when and "when" not in faulty:
            try:
                compile_condition(entry.when)
            except ValueError as error:
                self.draft.say(str(error), *place, "when")
        return Step(
            id=step_id,
            kind=entry.kind,
            name=entry.name,
            config=settings.config,
            timeout=entry.timeout or _timeout_of(settings.config),
            retries=entry.retries,
            retry_after=entry.retry_after,
            on_failure=entry.on_failure,
            when=entry.when,
            is_idempotent=entry.idempotent,
        )

    def _id(self, entry: StepEntry, place: Location) -> str:
        """The step's id; where it has none, one is made of its name or kind."""
        written = entry.id or re.sub(r"[^a-z0-9]+", "-", (entry.name or entry.kind).lower()).strip("-") or "step"
        step_id = written[:_LONGEST_ID] if not entry.id else written
        if not _ID.fullmatch(step_id):
            rule = f"should be letters, digits, hyphens and underscores, {_LONGEST_ID} at most"
            self.draft.say(f"{rule}, found {shown(step_id)}", *place, "id")
        elif step_id in self.places and entry.id:
            first = self.draft.document.line_of(self.places[step_id])
            self.draft.say(f"is the id of the step in line {first} already: choose another", *place, "id")
        number = 2
        while step_id in self.places:
            step_id = f"{written[: _LONGEST_ID - 4]}-{number}"
            number += 1
        self.places[step_id] = place
        return step_id

    def _plugin(self, kind: str, place: Location) -> StepType | None:
        try:
            return self.registry.step_type(kind)
        except PluginError as error:
            self.draft.say(str(error), *place, "kind")
            return None

    def _judge_settings(self, settings: Settings, plugin: StepType, place: Location) -> None:
        """What the plugin says of its settings; of what is filled in when the step runs it can say nothing yet."""
        for inner, message in refuse_placeholders(settings.config, plugin.fixed_fields, plugin.url_fields):
            self.draft.say(message, *place, *settings.written_at(inner))
        for inner, message in judge_config(settings.config, plugin.Config, self.environ):
            if not any(placeholders_in(_value_at(settings.config, inner))):
                self.draft.say(message, *place, *settings.written_at(inner))

    def _judge_repetition(self, entry: StepEntry, plugin: StepType, place: Location) -> None:
        if entry.retries and plugin.is_destructive and not entry.idempotent:
            message = (
                f"would do {shown(entry.kind)} twice after a failure, which can do harm: "
                "write `idempotent: true` beside it if that is safe, else leave it out"
            )
            self.draft.say(message, *place, "retries")

    def _rollback(self, entry: StepEntry, place: Location) -> Iterator[Step]:
        if entry.rollback and ROLLBACK in place:
            self.draft.say("stands within a rollback: what undoes a step is not undone itself", *place, ROLLBACK)
        elif entry.rollback:
            yield from self.read(entry.rollback, (*place, ROLLBACK))


class Settings:
    """The settings of one step, from wherever its entry has them; `faults` are (what is wrong, where in the entry)."""

    def __init__(self, entry: StepEntry, plugin: StepType | None) -> None:
        self.config: dict[str, Any] = {}
        self.faults: list[tuple[str, Location]] = []
        self._origins: dict[Location, Location] = {}
        self._model = {field.alias or name for name, field in plugin.Config.model_fields.items()} if plugin else set()
        self._rest = getattr(plugin, "parameters_field", "") if entry.config is None else ""
        if entry.config is not None and entry.parameters is not None:
            self.faults.append(("says the same as config: keep one of them", ("parameters",)))
        self._source = "config" if entry.parameters is None or entry.config is not None else "parameters"
        for key, value in (getattr(entry, self._source) or {}).items():
            self._take(key, value, (self._source, key))
        if entry.action is not None and plugin is not None:
            if plugin.action_field in self.config:
                self.faults.append((f"says the same as {plugin.action_field}: keep one of them", ("action",)))
            self._put((plugin.action_field,), entry.action, ("action",))

    def written_at(self, inner: Location) -> Location:
        """Where in the entry a setting is written."""
        for length in range(len(inner), 0, -1):
            if inner[:length] in self._origins:
                return (*self._origins[inner[:length]], *inner[length:])
        return (self._source, *inner) if inner else ()

    def _take(self, key: str, value: Any, origin: Location) -> None:
        name = key if key in self._model or to_snake(key) not in self._model else to_snake(key)
        if name in self._model or not self._rest:
            self._put((name,), value, origin)
        else:
            self._put((self._rest, key), value, origin)

    def _put(self, place: Location, value: Any, origin: Location) -> None:
        inner = self.config
        for part in place[:-1]:
            inner = inner.setdefault(str(part), {})
        inner[str(place[-1])] = value
        self._origins[place] = origin


def _value_at(config: Mapping[str, Any], place: Location) -> Any:
    """What stands at a place; None where nothing does."""
    value: Any = config
    for part in place:
        is_item = isinstance(value, list) and isinstance(part, int) and part < len(value)
        if not is_item and not (isinstance(value, Mapping) and part in value):
            return None
        value = value[part]
    return value


def _timeout_of(config: Mapping[str, Any]) -> timedelta:
    """How long a step may take that does not say: the usual time, or what its plugin was given and a little more."""
    return max(_USUAL_TIMEOUT, _with_margin(config.get("timeout")))


def _with_margin(own: Any) -> timedelta:
    """A little more than the length that is written; 0 for what is none: the plugin's settings are judged elsewhere."""
    try:
        return (parse_duration(own) if isinstance(own, str) else timedelta(milliseconds=own)) + _MARGIN
    except (ValueError, OverflowError, TypeError):
        return timedelta(0)
