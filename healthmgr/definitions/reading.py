"""The first reading of a file: every entry judged by itself, and every fault kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from healthmgr.definitions.anomalies import judge_anomaly, settle_anomalies
from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import (
    ChannelDefinition,
    PluginRegistry,
    ReceiverDefinition,
)
from healthmgr.definitions.draft import Draft, source_of
from healthmgr.definitions.expanding import load_document
from healthmgr.definitions.faults import shown
from healthmgr.definitions.forecasting import settle_forecasts
from healthmgr.definitions.limits import judge_thresholds, unreachable
from healthmgr.definitions.models import (
    LABEL_NAME,
    NAME,
    NAME_RULE,
    RESERVED_LABELS,
    ChannelEntry,
    CheckEntry,
    FileEntry,
    OptionsEntry,
)
from healthmgr.definitions.models_alerting import ReceiverEntry
from healthmgr.definitions.plugin_config import judge_config, with_environment
from healthmgr.definitions.reading_mutes import MUTES, read_mute
from healthmgr.definitions.reading_oncall import PEOPLE, PeopleReading, read_rules, read_schedule, read_team
from healthmgr.definitions.reading_policies import POLICIES, read_policy
from healthmgr.definitions.reading_routes import read_routing
from healthmgr.definitions.reading_runbooks import RUNBOOKS, RunbookReading
from healthmgr.definitions.reading_slos import SLOS, read_slo
from healthmgr.definitions.reading_status_page import read_status_page
from healthmgr.definitions.settling import Fallbacks, Timing, settle_check, settle_timing, severity_of
from healthmgr.domain.threshold import RESPONSE_TIME, Thresholds
from healthmgr.errors import PluginError

_TIMING = frozenset({"interval", "timeout", "retry_interval", "severity"})


def read_draft(path: Path, registry: PluginRegistry, environ: Mapping[str, str], fallbacks: Fallbacks) -> Draft:
    """Read a file. Raises DefinitionError only when it is no YAML document; other faults are in the draft."""
    document = load_document(path)
    draft = Draft(source_of(path), document, list(document.problems))
    fill_draft(draft, registry, environ, fallbacks)
    return draft


def fill_draft(draft: Draft, registry: PluginRegistry, environ: Mapping[str, str], fallbacks: Fallbacks) -> None:
    """Read the draft's document into it; what is wrong is among its problems."""
    _Reader(draft, registry, environ, fallbacks).read()


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
        self._draft.judge(FileEntry, self._draft.document.root.data, ())
        for name, entry in self._entries("channels"):
            self._read_channel(name, entry)
        self._read_oncall()
        for name, entry in self._entries("receivers"):
            self._read_receiver(name, entry)
        for section in MUTES:
            for name, entry in self._entries(section):
                read_mute(self._draft, section, name, entry)
        read_routing(self._draft)
        runbooks = RunbookReading(self._draft, self._registry, self._environ, self._fallbacks.recovery_timeout)
        for name, entry in self._entries(RUNBOOKS):
            runbooks.read(name, entry)
        defaults = self._read_defaults()
        for name, entry in self._entries("checks"):
            self._read_check(name, entry, defaults)
        for name, entry in self._entries(SLOS):
            read_slo(self._draft, name, entry)
        read_status_page(self._draft)

    def _read_oncall(self) -> None:
        people = PeopleReading(self._draft, self._environ)
        for section in PEOPLE:
            for name, entry in self._entries(section):
                people.read(section, name, entry)
        for name, entry in self._entries("teams"):
            read_team(self._draft, name, entry)
        for name, entry in self._entries("schedules"):
            read_schedule(self._draft, name, entry, self._environ)
        for name, entry in self._entries(POLICIES):
            read_policy(self._draft, name, entry, self._fallbacks.escalation_delay)
        read_rules(self._draft)

    def _entries(self, section: str) -> Iterator[tuple[str, Any]]:
        found = self._draft.document.at((section,))
        if not isinstance(found, dict):
            return
        self._draft.declared["recipients" if section in PEOPLE else section].update(found)
        for name, entry in found.items():
            if NAME.fullmatch(name):
                yield name, entry
            else:
                self._draft.say(f"{NAME_RULE}, found {shown(name)}", section, name)

    def _read_channel(self, name: str, entry: Any) -> None:
        place: Location = ("channels", name)
        channel, _ = self._draft.judge(ChannelEntry, entry, place)
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

    def _read_receiver(self, name: str, entry: Any) -> None:
        place: Location = ("receivers", name)
        receiver, faulty = self._draft.judge(ReceiverEntry, entry, place)
        if receiver is None:
            return
        said = receiver.model_fields_set | faulty
        for field_name, names in (("to", receiver.to), ("via", receiver.via)):
            if field_name not in said and (not receiver.escalation or {"to", "via"} & said):
                self._draft.say("is required", *place, field_name)
            elif not names and field_name in said - faulty:
                self._draft.say("is empty, so this receiver reaches nobody", *place, field_name)
        to, via = tuple(receiver.to), tuple(receiver.via)
        told = ReceiverDefinition(name, to, via, receiver.send_resolved, receiver.escalation)
        self._draft.receivers[name] = told

    def _read_defaults(self) -> OptionsEntry:
        place: Location = ("defaults",)
        entry = self._draft.document.at(place)
        defaults = self._draft.judge(OptionsEntry, entry, place)[0] if isinstance(entry, dict) else None
        if defaults is None:
            return OptionsEntry()
        self._judge_options(defaults, place)
        judge_anomaly(defaults, place, self._say)
        self._default_thresholds = self._judge_thresholds(defaults, place)
        return defaults

    def _read_check(self, slug: str, entry: Any, defaults: OptionsEntry) -> None:
        place: Location = ("checks", slug)
        check, faulty = self._draft.judge(CheckEntry, entry, place)
        if check is None:
            return
        self._judge_options(check, place)
        if "config" not in faulty:
            self._judge_check_config(check.kind, check.config, place)
        own = self._judge_thresholds(check, place)
        thresholds = own if check.thresholds is not None else self._default_thresholds
        timing = self._any_timing if faulty & _TIMING else self._settle_timing(check, defaults, place)
        forecasts = {} if "forecast" in faulty else settle_forecasts(check, thresholds, place, self._say)
        anomalies = {} if "anomaly" in faulty else settle_anomalies(check, defaults, thresholds, place, self._say)
        settled = settle_check(slug, check, defaults, timing, thresholds)
        self._draft.checks[slug] = replace(settled, forecasts=forecasts, anomalies=anomalies)
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
        return judge_thresholds(options.thresholds, (*place, "thresholds"), self._say)

    def _say(self, message: str, place: Location) -> None:
        self._draft.say(message, *place)
