"""Metrics that thresholds name and that no result ever had: most often a slip of the pen."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Engine, RowMapping, text

from healthmgr.domain.error_rate import ERROR_RATE
from healthmgr.domain.threshold import RESPONSE_TIME

_ALWAYS = (RESPONSE_TIME, ERROR_RATE)  # every check has them, some from a later result on

# Only what went well can be trusted to have measured all that there is.
_MEASURED = text("""
SELECT c.slug, c.thresholds, array(
    SELECT DISTINCT jsonb_object_keys(latest.metrics) FROM (
        SELECT r.metrics FROM results r WHERE r.check_id = c.id AND r.status IN ('healthy', 'degraded')
        ORDER BY r.started_at DESC LIMIT 100
    ) latest
) AS measured
FROM checks c JOIN check_states s ON s.check_id = c.id
WHERE c.is_enabled AND c.thresholds <> '{}' AND (CAST(:slug AS text) IS NULL OR c.slug = :slug)
    AND EXISTS (SELECT 1 FROM jsonb_each(c.thresholds) level, jsonb_object_keys(level.value) metric
                WHERE metric <> ALL(:always) AND NOT s.last_metrics ? metric)
    AND EXISTS (SELECT 1 FROM results r WHERE r.check_id = c.id AND r.status IN ('healthy', 'degraded'))
ORDER BY c.slug
""")


def unmeasured(engine: Engine, slug: str | None = None) -> Mapping[str, list[str]]:
    """For each check (or the one of this slug) that has any: the metrics it never had, and what may be meant.

    The latest 100 good results are looked at; a check without a good result is not judged.
    """
    with engine.connect() as connection:
        rows = connection.execute(_MEASURED, {"slug": slug, "always": list(_ALWAYS)}).mappings().all()
    found = {row["slug"]: list(_said(row)) for row in rows}
    return {slug: said for slug, said in found.items() if said}


def _said(row: RowMapping) -> Iterable[str]:
    known: Sequence[str] = [*row["measured"], *_ALWAYS]
    named = dict.fromkeys(metric for limits in row["thresholds"].values() for metric in limits)
    for metric in named:
        if metric in known:
            continue
        nearest = difflib.get_close_matches(metric, known, n=1)
        measured = ", ".join(sorted(row["measured"])[:8]) or "response_time alone"
        yield f"{metric} (did you mean {nearest[0]}?)" if nearest else f"{metric} (it measures {measured})"
