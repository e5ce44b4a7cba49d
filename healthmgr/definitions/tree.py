"""The routing tree put together from definitions, with where each of its routes comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from healthmgr.definitions.definition import CheckDefinition, Definitions, Snapshot, Stored, order_of
from healthmgr.domain.alert import check_labels
from healthmgr.domain.directory import Directory, Receiver
from healthmgr.domain.routing_tree import ROOT, Route


@dataclass(frozen=True, slots=True)
class RoutingTree:
    """Routes and whom they reach; `sources` says whose each route right below the root is, and the root itself."""

    directory: Directory
    sources: Mapping[str, str]
    checks: Mapping[str, CheckDefinition]

    def labels_of(self, given: Mapping[str, str]) -> dict[str, str]:
        """The labels of an alert of which these are known: those that its check has are filled in."""
        check = self.checks.get(given.get("check", ""))
        if check is None:
            return dict(given)
        own = check_labels(check.slug, check.service, check.category, check.labels)
        return {**own, "severity": check.severity.value, **given}


def tree_of(stored: Snapshot) -> RoutingTree:
    """The tree of all that is stored, in the order in which routes are tried."""
    routes = [item.definition.route for item in sorted(stored.routes.values(), key=order_of)]
    root = next((route for route in routes if route.name == ROOT), Route(ROOT))
    below = tuple(route for route in routes if route.name != ROOT)
    receivers = {
        name: Receiver(
            name,
            item.definition.recipients,
            item.definition.channels,
            item.definition.sends_resolved,
            item.definition.escalation,
        )
        for name, item in stored.receivers.items()
    }
    return RoutingTree(
        directory=Directory(
            replace(root, routes=below),
            receivers,
            {name: item.definition.contacts for name, item in stored.recipients.items() if item.is_enabled},
            frozenset(name for name, item in stored.channels.items() if item.is_enabled),
            {name: item.definition.policy for name, item in stored.escalation_policies.items()},
        ),
        sources={name: item.managed_by for name, item in stored.routes.items()},
        checks={slug: item.definition for slug, item in stored.checks.items()},
    )


def as_stored(definitions: Definitions, beside: Definitions | None = None) -> Snapshot:
    """What would be stored were these definitions the only ones, and those that stand beside them."""

    def items(attribute: str) -> dict[str, Stored[Any]]:
        sources = [source for source in (beside, definitions) if source is not None]
        return {
            name: Stored(item, source.source) for source in sources for name, item in getattr(source, attribute).items()
        }

    return Snapshot(**{field.name: items(field.name) for field in fields(Snapshot)})
