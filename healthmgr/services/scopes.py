"""The parts of the API that a token can be held to: which addresses each of them is of, and what may be granted."""

from __future__ import annotations

from collections.abc import Mapping

READ, WRITE = "read", "write"

# An address belongs to the part with the longest of these that it begins with, word by word.
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "alerts": ("/api/v1/alerts", "/api/v1/times"),
    "announcements": ("/api/v1/announcements",),
    "approvals": ("/api/v1/approvals",),
    "audit": ("/api/v1/audit",),
    "balancing": ("/api/v1/lb", "/lb"),
    "changes": ("/api/v1/changes",),
    "channels": ("/api/v1/channels",),
    "checks": ("/api/v1/checks", "/api/v1/anomalies", "/api/v1/board", "/api/v1/uptime"),
    "doors": ("/api/v1/doors", "/api/v2", "/alertmanager", "/v2", "/integrations/v1"),
    "events": ("/api/v1/events",),
    "graph": ("/api/v1/graph",),
    "incidents": ("/api/v1/incidents",),
    "maintenance": ("/api/v1/maintenance",),
    "notifications": ("/api/v1/notifications",),
    "oncall": ("/api/v1/oncall",),
    "recovery": ("/api/v1/recovery",),
    "routes": ("/api/v1/routes",),
    "runbooks": ("/api/v1/runbooks",),
    "runs": ("/api/v1/runs",),
    "settings": ("/api/v1/settings", "/api/v1/kinds", "/api/v1/definitions"),
    "silences": ("/api/v1/silences",),
    "slos": ("/api/v1/slos",),
    "status": (
        "/api/v1/status", "/api/v1/overview", "/api/v1/health", "/api/v1/promises", "/api/v1/statistics",
        "/api/v1/queues", "/api/v1/workers", "/metrics",
    ),
    "tokens": ("/api/v1/tokens",),
    "users": ("/api/v1/users", "/api/v1/sessions"),
    "webhooks": ("/api/v1/webhooks",),
}  # fmt: skip
# Whoever could write here could give himself what he is held from: no scope opens that, only a token without any.
UNGRANTED = frozenset({f"tokens:{WRITE}", f"users:{WRITE}"})
SCOPES = frozenset(f"{part}:{act}" for part in ADDRESSES for act in (READ, WRITE)) - UNGRANTED
# What every token may ask, whatever it is held to: what it is itself.
OF_EVERY_TOKEN = "/api/v1/me"  # noqa: S105 - an address

_PART_OF = {prefix: part for part, prefixes in ADDRESSES.items() for prefix in prefixes}


def part_of(path: str) -> str | None:
    """The part of the API that an address belongs to; None for one that is of no part."""
    while path:
        if path in _PART_OF:
            return _PART_OF[path]
        path = path.rpartition("/")[0]
    return None


def scope_for(method: str, path: str) -> str | None:
    """The scope that a request needs, such as `checks:read`; None for an address that no scope opens."""
    part = part_of(path)
    return f"{part}:{READ if method in ('GET', 'HEAD') else WRITE}" if part else None
