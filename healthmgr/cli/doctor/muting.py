"""What keeps alerts from being told now: silences, maintenance windows, and alerts that others inhibit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from healthmgr.cli.doctor.finding import Finding, Installation, warn, well
from healthmgr.domain.alert import check_labels
from healthmgr.domain.check import Severity
from healthmgr.domain.incident import all_labels
from healthmgr.domain.muting import Muted, Mutes, Subject
from healthmgr.domain.notification import Reason
from healthmgr.domain.phrasing import listing, relative
from healthmgr.storage.muting_rows import read_mutes, to_subject
from healthmgr.storage.tables import alerts, checks

_NAMED = 4
_FEWEST_FOR_ALL = 3  # checks: of fewer, one silence for all may well be meant
_WHERE = "`healthmgr silence list` and `healthmgr maintenance list` show them and who made them"


def examine_mutes(installation: Installation) -> Iterator[Finding]:
    """Whether open alerts are kept quiet, and whether something keeps every check quiet."""
    now = installation.healthmgr.clock.now()
    with installation.healthmgr.engine.connect() as connection:
        mutes = read_mutes(connection, now)
        firing, watched = _firing(connection), _watched(connection)
    findings = [*_kept_quiet(mutes, firing, now), *_of_everything(mutes, watched, now)]
    count = len(mutes.silences) + len(mutes.maintenance)
    yield from findings or [well(f"{count} silences and maintenance windows hold now, and no open alert is kept quiet")]


def _firing(connection: Connection) -> list[Subject]:
    query = select(alerts.c.id, alerts.c.labels, alerts.c.severity, alerts.c.origin, alerts.c.check_id).where(
        alerts.c.resolved_at.is_(None), alerts.c.suppressed_by_id.is_(None)
    )
    return [to_subject(row) for row in connection.execute(query)]


def _watched(connection: Connection) -> list[Subject]:
    """Every check, as an alert of it would be."""
    c = checks.c
    query = select(c.id, c.slug, c.service, c.category, c.labels, c.severity).where(c.is_enabled)
    return [
        Subject(
            row.id,
            all_labels(
                check_labels(row.slug, row.service, row.category, row.labels), Severity(row.severity), "healthmgr"
            ),
            row.id,
        )
        for row in connection.execute(query)
    ]


def _kept_quiet(mutes: Mutes, firing: Sequence[Subject], now: datetime) -> Iterator[Finding]:
    judged = [muted for subject in firing if (muted := mutes.judge(subject))]
    if judged:
        by = [f"{_named(muted, now)} ({count})" for muted, count in Counter(judged).most_common()]
        yield warn(
            f"{len(judged)} of {len(firing)} open alerts are told nobody for now: {listing(by, _NAMED)}",
            f"nothing, where that is meant; {_WHERE}",
        )


def _of_everything(mutes: Mutes, watched: Sequence[Subject], now: datetime) -> Iterator[Finding]:
    if len(watched) < _FEWEST_FOR_ALL:
        return
    for judge in (mutes.silenced, mutes.maintained):
        judged = [judge(subject) for subject in watched]
        if judged[0] is not None and len(set(judged)) == 1:
            yield warn(
                f"{_named(judged[0], now)} keeps all {len(watched)} checks quiet", f"end it when it is over; {_WHERE}"
            )


def _named(muted: Muted, now: datetime) -> str:
    until = f", which ends {relative(muted.until, now)}" if muted.until else ""
    if muted.reason is Reason.SILENCED:
        return f"silence {muted.by}{until}"
    noun = "maintenance" if muted.reason is Reason.IN_MAINTENANCE else "inhibition"
    return f"{noun} {muted.by}{until}"
