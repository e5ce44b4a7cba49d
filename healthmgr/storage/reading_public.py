"""What everybody may read: the published groups as they stand, and what people announced. Nothing else gets out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from healthmgr.domain.alert import check_labels
from healthmgr.domain.announcement import Announcement
from healthmgr.domain.check import Status
from healthmgr.domain.rollup import DAY, Statuses, floor
from healthmgr.domain.status_page import (
    DAYS,
    Group,
    History,
    Shown,
    Standing,
    StatusPage,
    Watched,
    history_of,
    standing_of,
    told,
    worst,
)
from healthmgr.errors import NotFound
from healthmgr.storage.announcing_rows import AnnouncingRows, read_page
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import transaction

ANNOUNCED_FOR = timedelta(days=90)  # what has ended is shown so long
MOST_ANNOUNCEMENTS = 100

_CHECKS = text("""
SELECT c.id, c.slug, c.service, c.category, c.severity, c.labels, s.hard_status,
       c.is_paused OR s.last_result_at IS NULL AS is_silent
FROM checks c JOIN check_states s ON s.check_id = c.id WHERE c.is_enabled
""")


@dataclass(frozen=True, slots=True)
class PublicStatus:
    """The status page at one instant: the whole, its groups, and the announcements, the newest first."""

    page: StatusPage
    standing: Standing
    groups: tuple[Shown, ...]
    announcements: tuple[Announcement, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """The page, and all checks that there are; only what is published of them is told."""

    page: StatusPage
    checks: Mapping[UUID, Watched]

    def find(self, slug: str) -> tuple[str, frozenset[UUID], Standing]:
        """The public name of a check that the page names, or of a group; what it is made of, and how it stands.

        Raises NotFound for what is not published, be there such a check or not.
        """
        for group in self.page.groups:
            named = next((one for one in group.checks if one.check == slug), None)
            if named is not None:
                return self._of(named.name or group.name, lambda check: check.slug == slug)
        for group in self.page.groups:
            if group.slug == slug:
                return self._of(group.name, group.holds)
        raise NotFound("Nothing is published here.")

    def _of(self, name: str, is_meant: Callable[[Watched], bool]) -> tuple[str, frozenset[UUID], Standing]:
        found = {id_: one for id_, one in self.checks.items() if is_meant(one)}
        return name, frozenset(found), standing_of(one.status for one in found.values())


Days = Mapping[tuple[UUID, datetime], Statuses]


class PublicReading:
    """Questions of everybody. Raises NotFound where nothing is published."""

    def __init__(self, engine: Engine, series: Series) -> None:
        self._engine = engine
        self._series = series

    def status(self, now: datetime) -> PublicStatus:
        """All that the page shows."""
        with transaction(self._engine) as connection:
            page = _page(connection)
            checks = _checks(connection)
            announced = AnnouncingRows(connection).announcements(now - ANNOUNCED_FOR, MOST_ANNOUNCEMENTS)
        held = {group.slug: {id_: one for id_, one in checks.items() if group.holds(one)} for group in page.groups}
        ids = {id_ for members in held.values() for id_ in members}
        begin = floor(now, DAY) - (DAYS - 1) * DAY
        is_wanted = page.shows_history or page.shows_uptime
        days = self._series.statuses_by_day(ids, begin, now, now=now) if is_wanted and ids else {}
        groups = tuple(_shown(group, held[group.slug], days, begin, announced, now) for group in page.groups)
        whole = [one.said_of("", now) for one in announced if not one.groups]
        standing = worst([*(group.standing for group in groups), *(said for said in whole if said is not None)])
        return PublicStatus(page, standing, groups, tuple(announced), now)

    def published(self) -> Published:
        """What is published, and the checks as they are now."""
        with transaction(self._engine) as connection:
            return Published(_page(connection), _checks(connection))

    def uptime(self, checks: Iterable[UUID], window: timedelta, now: datetime) -> float | None:
        """The uptime of checks together; each counts as much as any other."""
        return history_of([self._series.statuses(checks, now - window, now, now=now).values()]).uptime


def _page(connection: Connection) -> StatusPage:
    page = read_page(connection)
    if page is None:
        raise NotFound("Nothing is published here.")
    return page


def _checks(connection: Connection) -> dict[UUID, Watched]:
    found = {}
    for row in connection.execute(_CHECKS):
        labels = {**check_labels(row.slug, row.service, row.category, row.labels), "severity": row.severity}
        status = None if row.is_silent else Status(row.hard_status)
        found[row.id] = Watched(row.slug, row.service, labels, status)
    return found


def _shown(
    group: Group,
    members: Mapping[UUID, Watched],
    days: Days,
    begin: datetime,
    announced: Sequence[Announcement],
    now: datetime,
) -> Shown:
    said = [standing for one in announced if (standing := one.said_of(group.name, now)) is not None]
    parts = []
    for part in group.checks:
        own = {id_: one for id_, one in members.items() if one.slug == part.check}
        if part.name:
            standing = standing_of(one.status for one in own.values())
            standing = Standing.MAINTENANCE if Standing.MAINTENANCE in said else standing
            parts.append(Shown(part.name, "", standing, history=_history(own, days, begin)))
    standing = told(standing_of(one.status for one in members.values()), said)
    history = _history(members, days, begin)
    return Shown(group.name, group.slug, standing, group.description, history, tuple(parts))


def _history(checks: Iterable[UUID], days: Days, begin: datetime) -> History:
    ids = list(checks)
    return history_of(
        [
            [statuses for id_ in ids if (statuses := days.get((id_, begin + day * DAY))) is not None]
            for day in range(DAYS)
        ]
    )
