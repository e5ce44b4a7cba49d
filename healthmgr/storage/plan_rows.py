"""The routes as defined now, put together into a plan that can be frozen."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from healthmgr.domain.check import Severity
from healthmgr.domain.route import DEFAULT, Plan, Route, Target

_ROUTES = text("SELECT severity, recipients, channels, group_wait, repeat_interval FROM routes")
_RECIPIENTS = text("SELECT name, contacts FROM recipients WHERE is_enabled")
_CHANNELS = text("SELECT name FROM channels WHERE is_enabled")


def read_plan(connection: Connection) -> Plan:
    """All routes with their recipients' addresses.

    A recipient is told over those of a route's channels that they have a contact on. Raises RuntimeError
    when there is no catch-all, which applied definitions always bring.
    """
    contacts = {row.name: row.contacts for row in connection.execute(_RECIPIENTS)}
    channels = set(connection.execute(_CHANNELS).scalars())
    routes = {row.severity: _to_route(row, contacts, channels) for row in connection.execute(_ROUTES)}
    if DEFAULT not in routes:
        raise RuntimeError("there is no 'default' route: apply definitions that have one")
    default = routes.pop(DEFAULT)
    return Plan({Severity(name): route for name, route in routes.items()}, default)


def _to_route(row: Any, contacts: dict[str, dict[str, str]], channels: set[str]) -> Route:
    targets: dict[tuple[str, str], Target] = {}
    for recipient in row.recipients:
        for channel in row.channels:
            address = contacts.get(recipient, {}).get(channel)
            if address is None or channel not in channels:
                continue
            # Where the channel itself is the address, several recipients share one message.
            targets.setdefault((channel, address), Target(recipient, channel, address))
    return Route(tuple(targets.values()), row.group_wait, row.repeat_interval)
