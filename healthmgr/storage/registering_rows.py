"""Which modules with checks are stored, and which of them the workers still list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, text

from healthmgr.services.registering import Listing
from healthmgr.storage.transactions import transaction

_LISTINGS = text("""
SELECT at, CAST(detail ->> 'since' AS timestamptz) AS since, detail -> 'modules' AS modules
FROM pulses WHERE kind = 'worker' AND at > :after AND detail -> 'queues' ? 'checks'
""")

_SOURCES = text("""
SELECT DISTINCT managed_by FROM checks WHERE is_enabled AND starts_with(managed_by, :prefix) ORDER BY managed_by
""")

_CHANGED = text("""
SELECT target, max(at) AS at FROM audit_entries
WHERE target = ANY(:sources) AND origin = :origin GROUP BY target
""")


class RegisteringRows:
    """Signs of life, checks and the audit log, as far as modules are concerned."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def listings(self, after: datetime) -> list[Listing]:
        """What each worker that runs checks last said of its modules, if it has been heard of after this instant."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_LISTINGS, {"after": after})
            return [Listing(row.at, row.since, None if row.modules is None else frozenset(row.modules)) for row in rows]

    def sources(self, prefix: str) -> list[str]:
        """The sources that begin so and have a check that is enabled."""
        with transaction(self._engine) as connection:
            return list(connection.execute(_SOURCES, {"prefix": prefix}).scalars())

    def changed_at(self, sources: Sequence[str], origin: str) -> Mapping[str, datetime]:
        """When each of these sources was last applied by this origin, for those that ever were."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_CHANGED, {"sources": list(sources), "origin": origin})
            return {row.target: row.at for row in rows}
