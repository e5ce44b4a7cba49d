"""The routes as defined now, and whom they reach."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from healthmgr.domain.directory import Directory, Receiver
from healthmgr.domain.routing_tree import ROOT, Route

# Named routes of all sources first, then the severities' short forms, then the root: see where they are written.
_ROUTES = text("""
SELECT name, document FROM routing ORDER BY name = 'default', position >= 1000, managed_by, position
""")
_RECEIVERS = text("SELECT name, recipients, channels, sends_resolved FROM receivers")
_RECIPIENTS = text("SELECT name, contacts FROM recipients WHERE is_enabled")
_CHANNELS = text("SELECT name FROM channels WHERE is_enabled")


class NoCatchAll(RuntimeError):
    """There is no 'default' route: apply definitions that have one."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def read_directory(connection: Connection) -> Directory:
    """All routes with their receivers and addresses.

    Raises NoCatchAll when there is no route for what no other fits, which applied definitions always bring.
    """
    routes = [Route.from_document(row.document) for row in connection.execute(_ROUTES)]
    if not routes or routes[-1].name != ROOT:
        raise NoCatchAll
    root = replace(routes[-1], routes=tuple(routes[:-1]))
    receivers = {
        row.name: Receiver(row.name, tuple(row.recipients), tuple(row.channels), row.sends_resolved)
        for row in connection.execute(_RECEIVERS)
    }
    contacts = {row.name: row.contacts for row in connection.execute(_RECIPIENTS)}
    return Directory(root, receivers, contacts, frozenset(connection.execute(_CHANNELS).scalars()))
