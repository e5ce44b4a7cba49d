"""Checks as a board shows them: by service, the worst first, a page at a time, each with its latest results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    RowMapping,
    Select,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from healthmgr.definitions.definition import CheckDefinition, Stored
from healthmgr.domain.check import Status
from healthmgr.storage.definition_rows import read_checks
from healthmgr.storage.reading import no_check
from healthmgr.storage.reading_glances import read_glances
from healthmgr.storage.reading_heartbeats import read_heartbeat
from healthmgr.storage.reading_neighbours import neighbours
from healthmgr.storage.reading_states import read_states
from healthmgr.storage.reading_status import CHECKS_WITH_STATE
from healthmgr.storage.tables import alerts, check_states, checks, results, transitions
from healthmgr.storage.transactions import transaction
from healthmgr.views_board import (
    BeatView,
    Board,
    BoardLine,
    ChangeLine,
    GlanceView,
    HeartbeatView,
    Neighbours,
    ServiceLine,
    StateLine,
)

PAUSED = "paused"
_CERTIFICATE = "certificate_days_left"
_EVER = datetime(1, 1, 2, tzinfo=UTC)
_status = func.coalesce(check_states.c.status, Status.UNKNOWN.value)
_shown = case((checks.c.is_paused, PAUSED), else_=_status)
_badness = case({status.value: status.badness + 1 for status in Status}, value=_shown, else_=0)
_has_alert = (
    select(alerts.c.id).where(alerts.c.check_id == checks.c.id, alerts.c.resolved_at.is_(None)).exists()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which checks a board shows: of a status ("paused" too), of a service, with a part of their names; "" is any."""

    status: str = ""
    service: str = ""
    search: str = ""


class BoardReading:
    """What the first page of the dashboard asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def board(self, wanted: Wanted, page: int = 1, size: int = 50, beats: int = 50) -> Board:
        """One page; `beats` is how many of the latest results each line has."""
        lines = _lines(wanted).limit(size).offset((max(page, 1) - 1) * size)
        with self._engine.connect() as connection:
            rows = connection.execute(lines).mappings().all()
            services = _services(connection, {row["service"] for row in rows})
            latest = _beats(connection, [row["id"] for row in rows], beats)
        shown = [BoardLine(**_known(row), beats=latest.get(row["id"], [])) for row in rows]
        order = list(dict.fromkeys(line.service for line in shown))
        return Board(services=[services[name] for name in order], lines=shown, total=rows[0]["total"] if rows else 0)

    def renewed(self, board: Board, beats: int = 50) -> Board:
        """The same lines in the same order as they are by now, with the results since: cheap beside the board anew.

        A check that is not there any more is left out; services and the total stay as they were.
        """
        ids = [line.id for line in board.lines]
        query = _shown_lines().where(checks.c.id.in_(ids))
        with self._engine.connect() as connection:
            rows = {row["id"]: row for row in connection.execute(query).mappings()}
            since = {line.id: line.beats[-1].at if line.beats else None for line in board.lines}
            latest = _beats(connection, ids, beats, since)
        lines = [
            BoardLine(**_known(rows[line.id]), beats=[*line.beats, *latest.get(line.id, ())][-beats:])
            for line in board.lines
            if line.id in rows
        ]
        return board.model_copy(update={"lines": lines})

    def beats(self, check_id: UUID, most: int = 100) -> list[BeatView]:
        """The latest results of one check, oldest first."""
        with self._engine.connect() as connection:
            return _beats(connection, [check_id], most).get(check_id, [])

    def glances(self, check_ids: Sequence[UUID], now: datetime) -> dict[UUID, GlanceView]:
        """The last day of each check of which there are rollups."""
        with transaction(self._engine) as connection:
            return read_glances(connection, check_ids, now)

    def states(self, slugs: Collection[str]) -> dict[str, StateLine]:
        """How these checks are at present, by slug."""
        return read_states(self._engine, slugs)

    def heartbeat(self, slug: str) -> HeartbeatView | None:
        """What the job behind a heartbeat check told last; None for a check that is none."""
        return read_heartbeat(self._engine, slug)

    def definition(self, slug: str) -> Stored[CheckDefinition]:
        """A check as it is defined, and by which file. Raises NotFound."""
        with self._engine.connect() as connection:
            found = read_checks(connection, slug).get(slug)
        if found is None:
            raise no_check(slug)
        return found

    def neighbours(self, slug: str) -> Neighbours:
        """What a check hangs on, and what hangs on it."""
        return neighbours(self._engine, slug)

    def changes(self, now: datetime, most: int = 12, within: timedelta = timedelta(days=7)) -> list[ChangeLine]:
        """The latest hard changes of state, newest first."""
        query = (
            select(*(transitions.c[name] for name in ChangeLine.model_fields if name in transitions.c))
            .add_columns(checks.c.slug, checks.c.name)
            .join(checks, checks.c.id == transitions.c.check_id)
            .where(transitions.c.at > now - within, transitions.c.is_hard)
            .order_by(transitions.c.at.desc())
            .limit(most)
        )
        with self._engine.connect() as connection:
            return [ChangeLine.model_validate(row) for row in connection.execute(query).mappings()]


def _lines(wanted: Wanted) -> Select[Any]:
    worst = func.max(_badness).over(partition_by=checks.c.service)
    shown = _shown_lines().add_columns(func.count().over().label("total")).where(*_conditions(wanted))
    return shown.order_by(worst.desc(), checks.c.service, _badness.desc(), checks.c.slug)


def _shown_lines() -> Select[Any]:
    """What a line shows of its check and of how it is."""
    return (
        select(
            *(checks.c[name] for name in ("id", "slug", "name", "service", "kind", "severity", "is_paused")),
            checks.c.max_attempts,
            _status.label("status"),
            func.coalesce(check_states.c.is_hard, true()).label("is_hard"),
            func.coalesce(check_states.c.is_flapping, ~true()).label("is_flapping"),
            func.coalesce(check_states.c.attempt, 0).label("attempt"),
            check_states.c.since_at,
            check_states.c.last_result_at,
            func.coalesce(check_states.c.last_message, "").label("last_message"),
            check_states.c.last_response_time.label("response_time"),
            check_states.c.last_metrics[_CERTIFICATE].as_float().label("certificate_days"),
            _has_alert.label("has_open_alert"),
        )
        .select_from(CHECKS_WITH_STATE)
        .where(checks.c.is_enabled)
    )


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.status:
        conditions.append(_shown == wanted.status)
    if wanted.service:
        conditions.append(checks.c.service == wanted.service)
    if wanted.search:
        columns = (checks.c.slug, checks.c.name, checks.c.service)
        found = [column.icontains(wanted.search, autoescape=True) for column in columns]
        conditions.append(found[0] | found[1] | found[2])
    return conditions


def _services(connection: Connection, names: Iterable[str]) -> dict[str, ServiceLine]:
    query = (
        select(checks.c.service, _shown.label("shown"), func.count().label("many"))
        .select_from(CHECKS_WITH_STATE)
        .where(checks.c.is_enabled, checks.c.service.in_(sorted(names)))
        .group_by(checks.c.service, _shown)
    )
    counts: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        counts.setdefault(row.service, {})[row.shown] = row.many
    return {name: ServiceLine(service=name, status=_worst(found), counts=found) for name, found in counts.items()}


def _worst(counts: Mapping[str, int]) -> str:
    statuses = [Status(name) for name in counts if name != PAUSED]
    return max(statuses, key=lambda status: status.badness).value if statuses else PAUSED


def _beats(
    connection: Connection, ids: Sequence[UUID], most: int, since: Mapping[UUID, datetime | None] | None = None
) -> dict[UUID, list[BeatView]]:
    """The latest results of each check, oldest first, those after `since`: one walk down the primary key for each."""
    if not ids or most < 1:
        return {}
    after = [(since or {}).get(check_id) or _EVER for check_id in ids]
    wanted = select(
        func.unnest(list(ids)).label("check_id"),
        func.unnest(cast(after, ARRAY(DateTime(timezone=True)))).label("after"),
    ).subquery()
    latest = (
        select(results.c.started_at, results.c.status, results.c.response_time, results.c.slot_at)
        .where(results.c.check_id == wanted.c.check_id, results.c.started_at > wanted.c.after)
        .order_by(results.c.started_at.desc())
        .limit(most)
        .lateral("latest")
    )
    query = select(wanted.c.check_id, latest).select_from(wanted.join(latest, literal_column("true")))
    found: dict[UUID, list[BeatView]] = {}
    for row in connection.execute(query.order_by(wanted.c.check_id, latest.c.started_at)):
        late = (row.started_at - row.slot_at).total_seconds() if row.slot_at else None
        beat = BeatView(at=row.started_at, status=row.status, took=row.response_time, late=late)
        found.setdefault(row.check_id, []).append(beat)
    return found


def _known(row: RowMapping) -> dict[str, Any]:
    return {name: row[name] for name in BoardLine.model_fields if name in row}
