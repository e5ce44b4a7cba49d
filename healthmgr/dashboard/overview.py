"""The first page: how everything is, what is wrong, who is on call, and every check by service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.acting import acknowledge
from healthmgr.dashboard.drawing import beats_of, share_words, spark_of
from healthmgr.dashboard.edits import Sheet
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.recovery_acts import recovery_acts
from healthmgr.dashboard.runbooks import recovery_side
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.check import Status
from healthmgr.services.tokens import Role
from healthmgr.storage.reading_board import PAUSED, Wanted
from healthmgr.views import HealthView, StatusView
from healthmgr.views_board import Board, GlanceView

_SIZE = 50  # checks on a page
_RESULTS_EVERY = 2.0  # seconds; a change of state shows within one
_CHANGES_EVERY = 5.0  # seconds, while as many checks are as well as before
_IN_ORDER_FOR = 15.0  # seconds, likewise
_GLANCE_EVERY = 30.0  # seconds: a day changes slowly
_NO_GLANCE = GlanceView(uptime=None, means=[])
_STATUSES = (*(status.value for status in sorted(Status, key=lambda status: -status.badness)), PAUSED)


@dataclass(frozen=True, slots=True)
class View:
    """What of the board is looked at: it stands in the address, so that it can be sent to somebody."""

    wanted: Wanted
    number: int = 1

    def address(self, **changed: str | int) -> str:
        """The address of this view with something else in it; another filter begins at the first page."""
        kept = {"status": self.wanted.status, "service": self.wanted.service, "search": self.wanted.search}
        query = {name: value for name, value in {**kept, **changed}.items() if value not in ("", 1)}
        return f"{ROOT}/?{urlencode(query)}" if query else f"{ROOT}/"


@page("/", "Overview")
async def show_overview(place: Place, status: str = "", service: str = "", search: str = "", number: int = 1) -> None:
    """The board with its sides."""
    view = View(Wanted(status if status in _STATUSES else "", service[:200], search[:200]), max(number, 1))
    tiles = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide").props('aria-label="Checks"'):
            ui.html(render("board_bar", view=view, root=ROOT), sanitize=False)
            board = Pieces()
        with ui.element("aside"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        live = where.live
        whole = await live.ask("status", lambda: where.healthmgr.reading.status(where.healthmgr.now()))
        health = await live.ask("health", lambda: where.healthmgr.reading.health(where.healthmgr.now()), fresh_for=5)
        tiles.show(live.once(("tiles", view), (whole, health), lambda: _tiles(whole, health, view)))
        found = await _board(where, view, whole)
        ids = tuple(line.id for line in found.lines)
        glances = await live.ask(
            ("glances", ids), lambda: where.healthmgr.board.glances(ids, where.healthmgr.now()), _GLANCE_EVERY
        )
        board.show(live.once(("lines", view), (found, glances), lambda: Sheet(_pieces(found, glances, view))))
        sides.show([await recovery_side(where), *await _sides(where, whole)])

    on_acts({"acknowledge": partial(acknowledge, place), **recovery_acts(place)})
    await refresh(place)
    keep_fresh(refresh, place)


def _tiles(whole: StatusView, health: HealthView, view: View) -> list[tuple[str, str]]:
    return [("tiles", render("tiles", status=whole, health=health, order=_STATUSES, view=view, root=ROOT))]


async def _board(where: Place, view: View, whole: StatusView) -> Board:
    """The page of the board: put in order when states have changed, else brought up to date as it is."""
    live, board, counts = where.live, where.healthmgr.board, tuple(whole.checks.items())

    async def in_order(fresh_for: float | None = None) -> Board:
        return await live.ask(("board", view, counts), lambda: board.board(view.wanted, view.number, _SIZE), fresh_for)

    found = await in_order(_IN_ORDER_FOR)
    latest = await live.ask(("latest", view, counts), lambda: board.renewed(found), _RESULTS_EVERY)
    return latest if _states(latest) == _states(found) else await in_order()


def _states(board: Board) -> list[tuple[UUID, str, bool]]:
    return [(line.id, line.status, line.is_paused) for line in board.lines]


async def _sides(where: Place, whole: StatusView) -> list[tuple[str, str]]:
    healthmgr, ask, now = where.healthmgr, where.live.ask, where.healthmgr.now
    incidents = await ask("incidents", lambda: healthmgr.reading.incidents(limit=8).items)
    counts = tuple(whole.checks.items())
    changes = await ask(("changes", counts), lambda: healthmgr.board.changes(now()), _CHANGES_EVERY)
    schedules = await ask("schedules", lambda: healthmgr.oncall.reading.schedules(now()), fresh_for=15)
    may_act = where.may(Role.RESPONDER)

    def draw() -> list[tuple[str, str]]:
        return [
            ("incidents", render("side_incidents", incidents=incidents, root=ROOT, may_act=may_act)),
            ("oncall", render("side_oncall", schedules=schedules, root=ROOT)),
            ("changes", render("side_changes", changes=changes, root=ROOT)),
        ]

    return where.live.once(("sides", may_act), (incidents, changes, schedules), draw)


def _pieces(board: Board, glances: Mapping[UUID, GlanceView], view: View) -> Iterator[tuple[str, str]]:
    """A piece for each heading and each line, so that a line that changes is sent alone."""
    if not board.lines:
        yield "empty", render("board_empty", view=view, root=ROOT)
        return
    services = {line.service: line for line in board.services}
    shown = None
    for line in board.lines:
        service = services[line.service]
        is_alone = service.checks == 1
        if line.service != shown and not is_alone:
            yield f"service {line.service}", render("board_service", service=service, view=view, order=_STATUSES)
        shown = line.service
        glance = glances.get(line.id, _NO_GLANCE)
        pictures = {"beats": beats_of(line.beats), "spark": spark_of(glance.means)}
        uptime = {"uptime": glance.uptime, "up": share_words(glance.uptime)}
        yield line.slug, render("board_line", line=line, root=ROOT, is_alone=is_alone, **pictures, **uptime)
    yield "pages", render("board_pages", view=view, total=board.total, size=_SIZE)
