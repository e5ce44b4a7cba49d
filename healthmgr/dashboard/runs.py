"""Runs of runbooks: the list of them, and all that is known of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.recovery_acts import recovery_acts, run_of
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.run_state import ENDS, RunState
from healthmgr.services.tokens import Role
from healthmgr.views_recovery import RunCard, RunStepView, RunView

_SIZE = 50
_OPEN, _ALL = "going_on", "all"
_STATES = (_ALL, _OPEN, *(state.value for state in RunState if state in ENDS))


@dataclass(frozen=True, slots=True)
class View:
    """Which runs are looked at: it stands in the address."""

    state: str = _ALL
    runbook: str = ""
    check: str = ""
    before: int | None = None

    def address(self, **changed: str | int) -> str:
        """The address of this view with something else in it; another filter begins at the newest."""
        query = {"state": self.state, "runbook": self.runbook, "check": self.check, **changed}
        kept = {name: value for name, value in query.items() if value and (name, value) != ("state", _ALL)}
        return f"{ROOT}/runs?{urlencode(kept)}" if kept else f"{ROOT}/runs"


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of a run as its runbook was then, with what was made of it; no attempts: its turn has not come."""

    id: str
    name: str
    kind: str
    when: str
    is_rollback: bool
    attempts: Sequence[RunStepView]


@page("/runs", "Runs")
async def show_runs(place: Place, state: str = _ALL, runbook: str = "", check: str = "", before: str = "") -> None:
    """The list, newest first, live."""
    older_than = int(before) if before.isdecimal() and before.isascii() and len(before) < 19 else None
    view = View(state if state in _STATES else _ALL, runbook[:100], check[:100], older_than)
    ui.html(render("runs_bar", view=view, states=_STATES, root=ROOT), sanitize=False)
    lines = Pieces()

    async def refresh(where: Place) -> None:
        found = await where.live.ask(("runs", view), lambda: _read(where, view))
        shown = found[:_SIZE]
        pieces = [(str(run.number), render("run_line", run=run, root=ROOT)) for run in shown]
        oldest = shown[-1].number if len(found) > _SIZE else None
        pages = ("pages", render("runs_pages", view=view, before=oldest))
        lines.show([*(pieces or [("empty", render("runs_empty", view=view, root=ROOT))]), pages])

    await refresh(place)
    keep_fresh(refresh, place)


def _read(where: Place, view: View) -> list[RunView]:
    reading = where.healthmgr.recovery.reading
    if view.state == _OPEN:
        return [run for run in reading.going_on() if _is_meant(run, view)]
    return reading.runs(
        limit=_SIZE + 1,
        runbook=view.runbook or None,
        check=view.check or None,
        state=view.state if view.state != _ALL else None,
        before=view.before,
    )


def _is_meant(run: RunView, view: View) -> bool:
    is_of_it = view.runbook in ("", run.runbook) and view.check in ("", run.check)
    return is_of_it and (view.before is None or run.number < view.before)


@page("/runs/{which}", "Run", has_heading=False)
async def show_run(place: Place, which: str) -> None:
    """One run, live."""
    number = str((await run_of(place, which[:40])).run.number)
    head = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide"):
            main = Pieces()
        with ui.element("aside").classes("after"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        card, may_act = await run_of(where, number), where.may(Role.RESPONDER)
        is_over = RunState(card.run.state).is_over
        head.show([("head", render("run_head", card=card, run=card.run, is_over=is_over, may_act=may_act, root=ROOT))])
        main.show(_main(card, where, is_over=is_over, may_act=may_act))
        sides.show([("facts", render("run_facts", card=card, run=card.run, root=ROOT))])

    on_acts(recovery_acts(place))
    await refresh(place)
    keep_fresh(refresh, place)


def _main(card: RunCard, where: Place, *, is_over: bool, may_act: bool) -> list[tuple[str, str]]:
    starters = {card.run.number: card.run.started_by}
    asked = list(reversed(card.approvals))
    return [
        ("asked", render("approvals", approvals=asked, may_act=may_act, me=where.name, starters=starters, root=ROOT)),
        ("steps", render("run_steps", steps=step_lines(card), is_over=is_over)),
        ("entries", render("run_entries", entries=list(reversed(card.entries)))),
    ]


def step_lines(card: RunCard) -> list[StepLine]:
    """The steps of the runbook as it was when the run began, then what was undone, in the order in which it was."""
    written: Sequence[Mapping[str, Any]] = card.document.get("steps", [])
    lines = [
        StepLine(step["id"], step["name"], step["kind"], step["when"], False, _attempts(card, step["id"], False))
        for step in written
    ]
    return [*lines, *_undone(card)]


def _undone(card: RunCard) -> Iterator[StepLine]:
    """What has been attempted and is no step of the runbook itself."""
    steps = dict.fromkeys((attempt.step, attempt.is_rollback) for attempt in card.steps)
    known = {step["id"] for step in card.document.get("steps", [])}
    for step, is_rollback in steps:
        if is_rollback or step not in known:
            attempts = _attempts(card, step, is_rollback)
            yield StepLine(step, "", attempts[0].kind, "", is_rollback, attempts)


def _attempts(card: RunCard, step: str, is_rollback: bool) -> list[RunStepView]:
    return [one for one in card.steps if one.step == step and one.is_rollback is is_rollback]
