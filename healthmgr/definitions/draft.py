"""The first reading of a file: every entry judged by itself, and every fault kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import (
    ChannelDefinition,
    CheckDefinition,
    PluginRegistry,
    RecipientDefinition,
    RouteDefinition,
)
from healthmgr.definitions.document import Document
from healthmgr.definitions.expanding import load_document
from healthmgr.definitions.faults import did_you_mean, explain, shown
from healthmgr.definitions.limits import judge_thresholds, unreachable
from healthmgr.definitions.models import (
    LABEL_NAME,
    NAME,
    RESERVED_LABELS,
    ChannelEntry,
    CheckEntry,
    FileEntry,
    OptionsEntry,
    RecipientEntry,
    RouteEntry,
)
from healthmgr.definitions.plugin_config import Resolution, judge_config, with_environment
from healthmgr.definitions.settling import Fallbacks, Timing, settle_check, settle_route, settle_timing, severity_of
from healthmgr.domain.check import Severity
from healthmgr.domain.route import DEFAULT
from healthmgr.domain.threshold import RESPONSE_TIME, Thresholds
from healthmgr.errors import PluginError, Problem

Model = TypeVar("Model", bound=BaseModel)

SECTIONS = ("channels", "recipients", "routing", "checks")
_TIMING = frozenset({"interval", "timeout", "retry_interval", "severity"})
SEVERITIES = (*(severity.value for severity in Severity), DEFAULT)


@dataclass(slots=True)
class Draft:
    """What was understood of a file, and what was not. `declared` names every entry, faulty ones too."""

    source: str
    document: Document
    problems: list[Problem] = field(default_factory=list)
    declared: dict[str, set[str]] = field(default_factory=lambda: {section: set() for section in SECTIONS})
    channels: dict[str, ChannelDefinition] = field(default_factory=dict)
    recipients: dict[str, RecipientDefinition] = field(default_factory=dict)
    routes: dict[str, RouteDefinition] = field(default_factory=dict)
    checks: dict[str, CheckDefinition] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, message: str, *path: str | int) -> None:
        """Note what need not be wrong, at a place of the document."""
        self.warnings.append(self.document.problem(message, path))

    def say(self, message: str, *path: str | int) -> None:
        """Note a problem at a place of the document."""
        self.problems.append(self.document.problem(message, path))


def source_of(path: Path) -> str:
    """Whose definitions a file's or folder's are: its name, wherever it lies."""
    return f"file:{path.name if path.name not in ('', '..') else path.resolve().name}"


def read_draft(path: Path, registry: PluginRegistry, environ: Mapping[str, str], fallbacks: Fallbacks) -> Draft:
    """Read a file. Raises DefinitionError only when it is no YAML document; other faults are in the draft."""
    document = load_document(path)
    draft = Draft(source_of(path), document, list(document.problems))
    _Reader(draft, registry, environ, fallbacks).read()
    return draft


class _Reader:
    """Fills a draft, section by section."""

    def __init__(
        self, draft: Draft, registry: PluginRegistry, environ: Mapping[str, str], fallbacks: Fallbacks
    ) -> None:
        self._draft = draft
        self._registry = registry
        self._environ = environ
        self._fallbacks = fallbacks
        self._default_thresholds = Thresholds()
        # Stands in where a length is at fault, so that the rest of the check can be judged.
        self._any_timing = Timing(fallbacks.interval, fallbacks.timeout, fallbacks.interval)

    def read(self) -> None:
        """Read every section; a section that is no mapping is said and skipped."""
        if not isinstance(self._draft.document.root.data, dict):
            self._draft.say("should be a mapping that begins with `version: 1`")
            return
        self._judge(FileEntry, self._draft.document.root.data, ())
        for name, entry in self._entries("channels"):
            self._read_channel(name, entry)
        for name, entry in self._entries("recipients"):
            self._read_recipient(name, entry)
        for name, entry in self._entries("routing"):
            self._read_route(name, entry)
        defaults = self._read_defaults()
        for name, entry in self._entries("checks"):
            self._read_check(name, entry, defaults)

    def _entries(self, section: str) -> Iterator[tuple[str, Any]]:
        found = self._draft.document.at((section,))
        if not isinstance(found, dict):
            return
        self._draft.declared[section] = set(found)
        for name, entry in found.items():
            if section == "routing" and name not in SEVERITIES:
                self._draft.say(f"is no severity{did_you_mean(name, SEVERITIES)}", section, name)
            elif section != "routing" and not NAME.fullmatch(name):
                rule = "should be lower-case letters, digits and hyphens, 63 at most, not beginning with a hyphen"
                self._draft.say(f"{rule}, found {shown(name)}", section, name)
            else:
                yield name, entry

    def _judge(self, model: type[Model], entry: Any, place: Location) -> tuple[Model | None, frozenset[str]]:
        """The entry as its model, and its fields at fault: those are said and left out, and the rest is judged too."""
        try:
            return model.model_validate(entry), frozenset()
        except ValidationError as error:
            faults = list(explain(error, model, entry))
        for inner, message in faults:
            self._draft.say(message, *place, *inner)
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

    def _read_channel(self, name: str, entry: Any) -> None:
        place: Location = ("channels", name)
        channel, _ = self._judge(ChannelEntry, entry, place)
        if channel is None:
            return
        try:
            plugin = self._registry.channel(channel.kind)
        except PluginError as error:
            self._draft.say(str(error), *place, "kind")
            return
        config = with_environment(channel.kind, channel.config, plugin.Config, self._environ)
        self._judge_config(config, plugin.Config, place)
        self._draft.channels[name] = ChannelDefinition(name, channel.kind, config, channel.max_concurrency)

    def _read_recipient(self, name: str, entry: Any) -> None:
        place: Location = ("recipients", name)
        recipient, _ = self._judge(RecipientEntry, entry, place)
        if recipient is None:
            return
        resolution = Resolution(self._environ)
        contacts = resolution.of(recipient.contacts)
        for inner, message in resolution.missing:
            self._draft.say(message, *place, "contacts", *inner)
        for channel, address in contacts.items():
            if any(character < " " for character in address):
                self._draft.say("must be one line of text once resolved", *place, "contacts", channel)
        self._draft.recipients[name] = RecipientDefinition(name, recipient.name or name, contacts)

    def _read_route(self, severity: str, entry: Any) -> None:
        route, faulty = self._judge(RouteEntry, entry, ("routing", severity))
        if route is None:
            return
        for field_name, names in (("to", route.to), ("via", route.via)):
            if not names and field_name not in faulty:
                self._draft.say("is empty, so this route reaches nobody", "routing", severity, field_name)
        self._draft.routes[severity] = settle_route(severity, route)

    def _read_defaults(self) -> OptionsEntry:
        place: Location = ("defaults",)
        entry = self._draft.document.at(place)
        defaults = self._judge(OptionsEntry, entry, place)[0] if isinstance(entry, dict) else None
        if defaults is None:
            return OptionsEntry()
        self._judge_options(defaults, place)
        self._default_thresholds = self._judge_thresholds(defaults, place)
        return defaults

    def _read_check(self, slug: str, entry: Any, defaults: OptionsEntry) -> None:
        place: Location = ("checks", slug)
        check, faulty = self._judge(CheckEntry, entry, place)
        if check is None:
            return
        self._judge_options(check, place)
        if "config" not in faulty:
            self._judge_check_config(check.kind, check.config, place)
        own = self._judge_thresholds(check, place)
        thresholds = own if check.thresholds is not None else self._default_thresholds
        timing = self._any_timing if faulty & _TIMING else self._settle_timing(check, defaults, place)
        self._draft.checks[slug] = settle_check(slug, check, defaults, timing, thresholds)
        for level, message in unreachable(own, timing.timeout):
            self._draft.warn(message, *place, "thresholds", level, RESPONSE_TIME)
        parents = [parent.check for parent in check.depends_on]
        for index, parent in enumerate(parents):
            if parent in parents[:index]:
                self._draft.say(f"names {shown(parent)} twice: keep one of them", *place, "depends_on", index)

    def _settle_timing(self, check: CheckEntry, defaults: OptionsEntry, place: Location) -> Timing:
        try:
            return settle_timing(check, defaults, severity_of(check, defaults), self._fallbacks)
        except ValueError as error:
            self._draft.say(str(error), *place, "timeout")
            return self._any_timing

    def _judge_options(self, options: OptionsEntry, place: Location) -> None:
        if options.max_attempts is not None and options.retries is not None:
            self._draft.say("says the same as max_attempts (= retries + 1): keep one of them", *place, "retries")
        self._judge_labels(options.labels, place)

    def _judge_check_config(self, kind: str, config: Mapping[str, Any], place: Location) -> None:
        try:
            plugin = self._registry.check_type(kind)
        except PluginError as error:
            self._draft.say(str(error), *place, "kind")
            return
        self._judge_config(config, plugin.Config, place)

    def _judge_config(self, config: Mapping[str, Any], model: type[BaseModel], place: Location) -> None:
        for inner, message in judge_config(config, model, self._environ):
            self._draft.say(message, *place, "config", *inner)

    def _judge_labels(self, labels: Mapping[str, str], place: Location) -> None:
        for name in labels:
            if name in RESERVED_LABELS:
                self._draft.say("is a label that healthmgr sets itself: choose another name", *place, "labels", name)
            elif not LABEL_NAME.fullmatch(name):
                rule = "a label's name is letters, digits and _ . / -, 63 at most, beginning with a letter or _"
                self._draft.say(f"{rule}, found {shown(name)}", *place, "labels", name)

    def _judge_thresholds(self, options: OptionsEntry, place: Location) -> Thresholds:
        def say(message: str, inner: Location) -> None:
            self._draft.say(message, *inner)

        return judge_thresholds(options.thresholds, (*place, "thresholds"), say)


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
