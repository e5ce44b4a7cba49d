"""The runbooks that are defined, as those who run them read them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, or_, select

from healthmgr.domain.runbook import Runbook
from healthmgr.domain.runbook_document import runbook_from_document
from healthmgr.storage.tables import runbooks

_ENABLED = select(runbooks.c.document).where(runbooks.c.is_enabled).order_by(runbooks.c.name)


class RunbookRows:
    """What one transaction reads of runbooks. What is no longer defined is not there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def enabled(self) -> Mapping[str, Runbook]:
        """Every runbook, by name."""
        return {found.name: found for found in map(runbook_from_document, self._connection.scalars(_ENABLED))}

    def named(self, name: str) -> Runbook | None:
        """The runbook of this name."""
        document = self._connection.scalar(_ENABLED.where(runbooks.c.name == name))
        return None if document is None else runbook_from_document(document)

    def concerned(self, check: str, recovery_procedure: str = "") -> list[Runbook]:
        """Those that a check may start: that name it, that it names, and those that look at labels."""
        chosen = or_(
            runbooks.c.checks.contains([check]), runbooks.c.has_matchers, runbooks.c.name == recovery_procedure
        )
        return [runbook_from_document(document) for document in self._connection.scalars(_ENABLED.where(chosen))]
