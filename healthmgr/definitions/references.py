"""The second reading: what the entries say about each other, and about what other sources have stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from healthmgr.definitions.definition import (
    SECTIONS,
    SETTINGS,
    CheckDefinition,
    Definitions,
    PluginRegistry,
    Snapshot,
    Stored,
)
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import shown
from healthmgr.definitions.graph import find_cycles, find_too_deep
from healthmgr.definitions.known import Known
from healthmgr.definitions.reading_slos import judge_slos
from healthmgr.definitions.reading_status_page import judge_status_page
from healthmgr.definitions.references_labels import warn_of_labels
from healthmgr.definitions.references_oncall import OncallJudge
from healthmgr.definitions.references_others import judge_what_others_need
from healthmgr.definitions.references_routes import RouteJudge
from healthmgr.definitions.references_runbooks import RunbookJudge
from healthmgr.definitions.rules import settle_rules
from healthmgr.domain.dependency import MAX_DEPTH
from healthmgr.domain.escalation import DEFAULT_DELAY
from healthmgr.errors import DefinitionError

_MOST_CYCLES = 20


def complete(
    draft: Draft,
    stored: Snapshot | None,
    registry: PluginRegistry,
    *,
    provided: Definitions | None = None,
    default_delay: timedelta = DEFAULT_DELAY,
    now: datetime | None = None,
) -> Definitions:
    """The definitions of a draft without faults. Raises DefinitionError with every fault otherwise.

    The draft itself stays as it is. `default_delay` is how long a policy made of rules waits to begin again.

    Without `stored` (no database at hand) names that neither the file nor the settings (`provided`) define are only
    warned of. With `now`, what is coming is looked at as well: times that nobody is on call.
    """
    others = None if stored is None else _others(stored, draft.source)
    draft = draft.copied()
    known = Known(draft, others, registry, list(draft.warnings), provided)
    settle_rules(known, default_delay)
    judge, oncall, routes = _Judge(known), OncallJudge(known, now), RouteJudge(known)
    judge.judge()
    routes.judge()
    oncall.judge()
    RunbookJudge(known).judge()
    judge_slos(known)
    judge_status_page(known)
    warn_of_labels(known)
    if stored is not None:
        judge.judge_ownership(stored)
        judge_what_others_need(known)
    if draft.problems:
        raise DefinitionError(draft.document.in_order(draft.problems))
    sections = {attribute: getattr(draft, attribute) for _, attribute in SECTIONS}
    return Definitions(source=draft.source, warnings=tuple(draft.document.in_order(known.warnings)), **sections)


def _others(stored: Snapshot, source: str) -> Snapshot:
    def of_others(items: Mapping[str, Stored[Any]]) -> dict[str, Stored[Any]]:
        return {name: item for name, item in items.items() if item.managed_by != source}

    return Snapshot(**{field.name: of_others(getattr(stored, field.name)) for field in fields(stored)})


class _Judge:
    def __init__(self, known: Known) -> None:
        self._known = known
        self._draft = known.draft

    def judge(self) -> None:
        """What the file's entries say about each other; of routes another judges."""
        for name, receiver in self._draft.receivers.items():
            self._known.judge_reach(receiver.recipients, receiver.channels, "receivers", name)
            if receiver.escalation:
                self._known.judge_name(receiver.escalation, "escalation_policies", "receivers", name, "escalation")
        for slug, check in self._draft.checks.items():
            for index, parent in enumerate(check.dependencies):
                self._judge_parent(slug, parent, index)
            for index, member in enumerate(_members(check)):
                self._known.judge_name(member, "checks", "checks", slug, "config", "of", index)
        self._judge_graph()

    def judge_ownership(self, stored: Snapshot) -> None:
        """Nobody's definitions are taken from them; what its source has given up may be taken."""
        for written, section in SECTIONS:
            for name in sorted(self._draft.declared[written]):
                owner = getattr(stored, section).get(name)
                if owner is None or owner.managed_by in (self._draft.source, SETTINGS):
                    continue
                if owner.is_enabled:
                    message = f"belongs to {owner.managed_by}: choose another name, or remove it there first"
                    self._draft.say(message, *self._draft.place_of(written, name))

    def _judge_parent(self, slug: str, parent: str, index: int) -> None:
        place = ("checks", slug, "depends_on", index)
        if not self._known.judge_name(parent, "checks", *place) or self._known.others is None:
            return
        other = self._known.others.checks.get(parent)
        if parent not in self._draft.declared["checks"] and other is not None and not other.is_enabled:
            self._known.warn(
                f"check {shown(parent)} of {other.managed_by} is disabled, so it explains no failure", *place
            )

    def _judge_graph(self) -> None:
        checks: dict[str, CheckDefinition] = {}
        if self._known.others is not None:
            checks.update(
                {slug: item.definition for slug, item in self._known.others.checks.items() if item.is_enabled}
            )
        checks.update(self._draft.checks)
        parents = {slug: list(check.dependencies) for slug, check in checks.items()}
        cycles = [cycle for cycle in find_cycles(parents) if any(slug in self._draft.checks for slug in cycle)]
        for cycle in cycles[:_MOST_CYCLES]:
            own = next(slug for slug in cycle if slug in self._draft.checks)
            self._draft.say(f"depends on itself: {' -> '.join(cycle)}", "checks", own, "depends_on")
        if cycles:
            return
        self._judge_composition(checks)
        for slug in find_too_deep(parents):
            own = slug if slug in self._draft.checks else next(iter(self._draft.checks), "")
            message = f"hangs on a chain of more than {MAX_DEPTH} checks (at {shown(slug)}): shorten it"
            self._draft.say(message, "checks", own, "depends_on")

    def _judge_composition(self, checks: Mapping[str, CheckDefinition]) -> None:
        """A composite hangs on its members as on parents: neither may lead back to it."""
        above = {slug: [*check.dependencies, *_members(check)] for slug, check in checks.items()}
        cycles = [cycle for cycle in find_cycles(above) if any(slug in self._draft.checks for slug in cycle)]
        for cycle in cycles[:_MOST_CYCLES]:
            own = next((slug for slug in cycle if slug in self._draft.checks and _members(checks[slug])), None)
            place = (own, "config", "of") if own else (next(s for s in cycle if s in self._draft.checks), "depends_on")
            self._draft.say(f"is made of itself: {' -> '.join(cycle)}", "checks", *place)


def _members(check: CheckDefinition) -> list[str]:
    """The checks that a composite is made of; none for other kinds, and for what is no list of names."""
    members = check.config.get("of") if check.kind == "composite" else None
    return [member for member in members if isinstance(member, str)] if isinstance(members, list) else []
