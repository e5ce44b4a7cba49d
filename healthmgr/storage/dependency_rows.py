"""The graph of who hangs on whom as rows: as a whole, and what people accepted of what was learned."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import structlog
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from healthmgr.domain.cascade import Edge, Graph

log = structlog.get_logger(__name__)

_CHECKS = text("SELECT slug, service FROM checks WHERE is_enabled ORDER BY slug")
_EDGES = text("""
SELECT c.slug, p.slug AS parent, d.redundancy_group, d.accepted_by <> '' AS is_learned
FROM check_dependencies d JOIN checks c ON c.id = d.check_id JOIN checks p ON p.id = d.parent_id
WHERE c.is_enabled AND p.is_enabled
ORDER BY c.slug, p.slug
""")

_BELOW = text("""
WITH RECURSIVE below AS (
    SELECT id FROM checks WHERE slug = ANY(:slugs)
    UNION SELECT d.check_id FROM check_dependencies d JOIN below ON d.parent_id = below.id
)
SELECT c.slug, c.service, p.slug AS parent, p.service AS parent_service, d.redundancy_group,
       d.accepted_by <> '' AS is_learned
FROM below JOIN check_dependencies d ON d.check_id = below.id
JOIN checks c ON c.id = d.check_id JOIN checks p ON p.id = d.parent_id
WHERE c.is_enabled AND p.is_enabled ORDER BY c.slug, p.slug
""").bindparams(bindparam("slugs", type_=ARRAY(Text)))

# An accepted edge closes a circle where its parent hangs on the child by way of anything.
_CIRCLES = text("""
WITH RECURSIVE above AS (
    SELECT d.check_id AS start_id, d.parent_id AS goal_id, d.parent_id AS at_id
    FROM check_dependencies d WHERE d.accepted_by <> ''
    UNION
    SELECT above.start_id, above.goal_id, d.parent_id
    FROM above JOIN check_dependencies d ON d.check_id = above.at_id
)
SELECT DISTINCT start_id AS check_id, goal_id AS parent_id FROM above WHERE at_id = start_id ORDER BY 1, 2
""")
_DROP = text("DELETE FROM check_dependencies WHERE check_id = :check_id AND parent_id = :parent_id")
_REOPEN = text("""
UPDATE dependency_suggestions SET state = 'dismissed', comment = 'it closes a circle with what is defined now'
WHERE check_id = :check_id AND parent_id = :parent_id
""")
_ACCEPT = text("""
INSERT INTO check_dependencies (check_id, parent_id, accepted_by) VALUES (:check_id, :parent_id, :accepted_by)
ON CONFLICT DO NOTHING
""")
_TAKE_BACK = text("""
DELETE FROM check_dependencies WHERE check_id = :check_id AND parent_id = :parent_id AND accepted_by <> ''
""")


def read_graph(connection: Connection) -> Graph:
    """All checks that are enabled, and what they hang on, whether it is defined or was accepted."""
    parents: dict[str, list[Edge]] = {}
    for row in connection.execute(_EDGES):
        parents.setdefault(row.slug, []).append(Edge(row.parent, row.redundancy_group, row.is_learned))
    return Graph({row.slug: row.service for row in connection.execute(_CHECKS)}, parents)


def read_graph_below(connection: Connection, slugs: Collection[str]) -> Graph:
    """These checks and all that hangs on them, with everything that those hang on."""
    parents: dict[str, list[Edge]] = {}
    services: dict[str, str] = {}
    for row in connection.execute(_BELOW, {"slugs": list(slugs)}):
        services |= {row.slug: row.service, row.parent: row.parent_service}
        parents.setdefault(row.slug, []).append(Edge(row.parent, row.redundancy_group, row.is_learned))
    return Graph(services, parents)


def accept(connection: Connection, check_id: UUID, parent_id: UUID, person: str) -> None:
    """From now on the check hangs on this parent; nothing changes where that is defined."""
    connection.execute(_ACCEPT, {"check_id": check_id, "parent_id": parent_id, "accepted_by": person})


def take_back(connection: Connection, check_id: UUID, parent_id: UUID) -> None:
    """What was accepted holds no more; what is defined stays."""
    connection.execute(_TAKE_BACK, {"check_id": check_id, "parent_id": parent_id})


def drop_circles(connection: Connection) -> None:
    """Take back what was accepted and closes a circle with what is defined now: what is defined counts more."""
    for row in connection.execute(_CIRCLES).mappings().all():
        connection.execute(_DROP, dict(row))
        connection.execute(_REOPEN, dict(row))
        log.warning("accepted_dependency_dropped", check=str(row["check_id"]), parent=str(row["parent_id"]))
