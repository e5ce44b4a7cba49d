"""Which checks were in maintenance when, by the windows that are defined."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.check import Severity
from healthmgr.domain.incident import all_labels
from healthmgr.domain.maintenance import from_document
from healthmgr.domain.maintenance_window import occurrences_between
from healthmgr.domain.matcher import match_all
from healthmgr.domain.rollup import Planned
from healthmgr.storage.muting_rows import covered, to_matchers

_WINDOWS = text("""
SELECT matchers, "window", covers_dependents, ended_at FROM maintenance_windows WHERE is_enabled ORDER BY name
""")
_CHECKS = text("SELECT id, slug, service, category, severity, labels FROM checks")


def read_planned(connection: Connection, begin: datetime, end: datetime) -> list[Planned]:
    """The times from `begin` to `end`, both included, in which alerts of checks were held back by a window."""
    found: list[Planned] = []
    checks = None
    for row in connection.execute(_WINDOWS).all():
        window = from_document(json.loads(json.dumps(row.window)))
        times = occurrences_between(window, row.ended_at, begin, end + timedelta(microseconds=1))
        if not times:
            continue
        if checks is None:
            checks = {
                each.id: all_labels(
                    check_labels(each.slug, each.service, each.category, each.labels),
                    Severity(each.severity),
                    "healthmgr",
                )
                for each in connection.execute(_CHECKS)
            }
        matchers = to_matchers(row.matchers)
        concerned = {check_id for check_id, labels in checks.items() if match_all(matchers, labels)}
        if row.covers_dependents:
            concerned |= covered(connection, matchers)
        found += [Planned(check_id, one.starts_at, one.ends_at) for check_id in concerned for one in times]
    return found
