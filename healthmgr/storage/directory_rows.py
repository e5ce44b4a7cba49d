"""The routes as defined now, and whom they reach."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from healthmgr.domain.directory import Directory, Receiver
from healthmgr.domain.escalation import Policy
from healthmgr.domain.routing_tree import ROOT, Route

# Named routes of all sources first, then the severities' short forms, then the root: see where they are written.
_ROUTES = text("""
SELECT name, document FROM routing ORDER BY name = 'default', position >= 1000, managed_by, position
""")
_RECEIVERS = text("SELECT name, recipients, channels, sends_resolved, escalation FROM receivers")
_POLICIES = text("SELECT name, document FROM escalation_policies")
_RECIPIENTS = text("SELECT name, contacts FROM recipients WHERE is_enabled")
_CHANNELS = text("SELECT name FROM channels WHERE is_enabled")


def read_directory(connection: Connection) -> Directory:
    """All routes with their receivers and addresses.

    Applied definitions always bring a catch-all. Without one, alerts are opened all the same, and nobody is told.
    """
    routes = [Route.from_document(row.document) for row in connection.execute(_ROUTES)]
    if not routes or routes[-1].name != ROOT:
        routes.append(Route(ROOT))
    root = replace(routes[-1], routes=tuple(routes[:-1]))
    receivers = {
        row.name: Receiver(row.name, tuple(row.recipients), tuple(row.channels), row.sends_resolved, row.escalation)
        for row in connection.execute(_RECEIVERS)
    }
    contacts = {row.name: row.contacts for row in connection.execute(_RECIPIENTS)}
    policies = {row.name: Policy.from_document(row.document) for row in connection.execute(_POLICIES)}
    return Directory(root, receivers, contacts, frozenset(connection.execute(_CHANNELS).scalars()), policies)
