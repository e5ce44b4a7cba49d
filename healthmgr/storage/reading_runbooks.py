"""Questions about the runbooks that are defined."""

from __future__ import annotations

import difflib

from sqlalchemy import Engine, text

from healthmgr.domain.runbook_document import runbook_from_document
from healthmgr.errors import NotFound
from healthmgr.storage.transactions import transaction
from healthmgr.views_runbooks import RunbookLineView, RunbookView

_RUNBOOKS = text("""
SELECT r.name, r.document, r.managed_by, r.updated_at,
       ARRAY(SELECT c.slug FROM checks c
             WHERE c.is_enabled AND c.recovery_procedure = r.name ORDER BY c.slug) AS naming
FROM runbooks r WHERE r.is_enabled AND (CAST(:name AS text) IS NULL OR r.name = :name) ORDER BY r.name
""")
_NAMES = text("SELECT name FROM runbooks WHERE is_enabled ORDER BY name")
_UNKNOWN = text("""
SELECT c.recovery_procedure AS name, array_agg(c.slug ORDER BY c.slug) AS checks
FROM checks c WHERE c.is_enabled AND c.recovery_procedure <> ''
  AND NOT EXISTS (SELECT FROM runbooks r WHERE r.is_enabled AND r.name = c.recovery_procedure)
GROUP BY c.recovery_procedure ORDER BY c.recovery_procedure
""")


class RunbookReading:
    """Reads runbooks for people; what is no longer defined is not there."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def runbooks(self) -> list[RunbookLineView]:
        """Every runbook, by name."""
        with transaction(self._engine) as connection:
            rows = connection.execute(_RUNBOOKS, {"name": None}).all()
        return [
            RunbookLineView.of(runbook_from_document(row.document), list(row.naming), row.managed_by, row.updated_at)
            for row in rows
        ]

    def runbook(self, name: str) -> RunbookView:
        """One runbook with all that it says. Raises NotFound, with the nearest name."""
        with transaction(self._engine) as connection:
            row = connection.execute(_RUNBOOKS, {"name": name}).one_or_none()
            names = [] if row is not None else list(connection.scalars(_NAMES))
        if row is None:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]!r}?" if near else "`healthmgr runbooks list` shows those that exist"
            raise NotFound(f"There is no runbook {name!r}: {hint}")
        return RunbookView.of(runbook_from_document(row.document), list(row.naming), row.managed_by, row.updated_at)

    def procedures_without_a_runbook(self) -> dict[str, list[str]]:
        """What checks name as their recovery procedure and nobody has defined, with those checks."""
        with transaction(self._engine) as connection:
            return {row.name: list(row.checks) for row in connection.execute(_UNKNOWN)}
