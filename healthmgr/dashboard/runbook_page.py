"""One runbook: its steps and rails, a dry run of it, and starting it by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.recovery_acts import act_of, recovery_acts
from healthmgr.dashboard.runbooks import PROMISE, rate_tone, standing
from healthmgr.dashboard.shell import ROOT, attempt, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.run_values import read_value
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.rehearsing import Wish
from healthmgr.services.tokens import Role
from healthmgr.views_runbooks import RehearsalView, RunbookView

_LATEST = 8  # runs
_SUGGESTED = 200  # checks


@dataclass(frozen=True, slots=True)
class Told:
    """A step in the words of its definition: its settings as names and texts, and the steps that undo it."""

    id: str
    name: str
    kind: str
    settings: Sequence[tuple[str, str]]
    when: str
    timeout: str
    retries: int
    on_failure: str
    is_idempotent: bool
    rollback: Sequence[Told] = field(default_factory=tuple)


@page("/runbooks/{name}", "Runbook", has_heading=False)
async def show_runbook(place: Place, name: str, check: str = "") -> None:
    """The runbook, live, with a form to try and to start it; `check` fills it in."""
    runbook = await _runbook(place, name)
    head = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide"):
            _form(place, runbook, check[:100])
            main = Pieces()
        with ui.element("aside").classes("after"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        found, stands = await _runbook(where, name), await standing(where)
        reading = where.healthmgr.recovery.reading
        latest = await where.live.ask(("runs of", name), lambda: reading.runs(runbook=name, limit=_LATEST))
        rate = stands.rate(name)
        values = {"breaker": stands.breaker(name), "switch": stands.switch(found.team), "may_act": _may_act(where)}
        head.show([("head", render("runbook_head", runbook=found, root=ROOT, **values))])
        main.show([("steps", render("runbook_steps", steps=_told(found.definition["steps"])))])
        sides.show(
            [
                ("rate", render("runbook_rate", rate=rate, tone=rate_tone(rate), promise=PROMISE)),
                ("rails", render("runbook_rails", runbook=found, definition=found.definition)),
                ("runs", render("runbook_runs", runs=latest, name=name, root=ROOT)),
            ]
        )

    on_acts(recovery_acts(place))
    await refresh(place)
    keep_fresh(refresh, place)


def _may_act(place: Place) -> bool:
    return place.may(Role.RESPONDER)


async def _runbook(place: Place, name: str) -> RunbookView:
    return await place.live.ask(("runbook", name), lambda: place.healthmgr.recovery.runbooks.runbook(name), 3)


def _form(place: Place, runbook: RunbookView, check: str) -> None:
    """What a run would be about, and two buttons: one that says what would happen, one that has it happen."""
    takes: Mapping[str, Any] = runbook.definition["parameters"]
    suggested = runbook.checks[:_SUGGESTED]
    alone = suggested[0] if len(suggested) == 1 else ""
    inputs: dict[str, Any] = {}
    with ui.element("section").classes("card mute-form").props('aria-label="Try it"'):
        ui.html("<h2>What it would do</h2>", sanitize=False)
        with ui.element("div").classes("fields"):
            inputs["check"] = ui.input("For the check", value=check or alone, autocomplete=suggested).classes("grows")
            for name, value in takes.items():
                label = name if value is not None else f"{name} (has to be given)"
                inputs[f"parameter {name}"] = ui.input(label, value=_text(value)).classes("grows")
            inputs["labels"] = ui.input("Labels that its alert would have, such as host=db-1, severity=critical")
            inputs["labels"].classes("grows")
            for one in inputs.values():
                one.props("dense outlined maxlength=2000")
            tries = ui.button("Try it").props("outline no-caps")
            starts = ui.button("Start a run").props("unelevated no-caps color=primary") if _may_act(place) else None
        shown = Pieces()

    def filled() -> Wish:
        return _wish(runbook, {name: str(one.value or "").strip() for name, one in inputs.items()})

    async def look(_: Mapping[str, str]) -> None:
        try:
            wish = filled()
            found = await asyncio.to_thread(lambda: _rehearse(place, wish))
        except HealthmgrError as error:
            shown.show([("look", render("rehearsal", found=None, fault=str(error), root=ROOT))])
            return
        shown.show([("look", render("rehearsal", found=found, fault="", root=ROOT))])
        query = f"?{urlencode({'check': wish.check})}" if wish.check else ""
        ui.navigate.history.replace(f"{ROOT}/runbooks/{runbook.name}{query}")

    async def start(_: Mapping[str, str]) -> None:
        await _start(place, runbook.name, filled())

    tries.on_click(lambda: attempt(look, {}))
    if starts is not None:
        starts.on_click(lambda: attempt(start, {}))


def _rehearse(place: Place, wish: Wish) -> RehearsalView:
    return RehearsalView.of(place.healthmgr.recovery.rehearsing.rehearse(wish, place.healthmgr.now()))


async def _start(place: Place, name: str, wish: Wish) -> None:
    place.demand(Role.RESPONDER)
    found = await asyncio.to_thread(lambda: _rehearse(place, wish))
    fields = [Field("comment", "Comment", is_long=True)]
    given = await ask(f"Start {name} on {found.target}", fields, "Start it", said=_said(found))
    if given is None:
        return
    recovering, act = place.healthmgr.recovery.recovering, act_of(place, given["comment"])
    started = await asyncio.to_thread(lambda: recovering.start(name, act, check=wish.check, parameters=wish.parameters))
    ui.navigate.to(f"/runs/{started.number}")


def _said(found: RehearsalView) -> str:
    steps = len(found.steps)
    asked = found.approval
    asks = f" Somebody else is asked first, if it is critical: {asked.needed} have to agree." if asked else ""
    return f"{steps} step{'' if steps == 1 else 's'}, for {found.check or 'no check'}.{asks}"


def _wish(runbook: RunbookView, given: Mapping[str, str]) -> Wish:
    """What the form asks for; a parameter that was left as it is is not given, so that its default stays one."""
    parameters: dict[str, Any] = {}
    for name, value in runbook.definition["parameters"].items():
        text = given[f"parameter {name}"]
        if text != _text(value):
            parameters[name] = text if isinstance(value, str) else read_value(text)
    return Wish(runbook.name, given["check"], _labels(given["labels"]), parameters)


def _labels(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = part.partition("=")
        if not separator or not name.strip():
            raise DefinitionError([Problem(f"expected NAME=VALUE, found {part!r}", path="labels")])
        found[name.strip()] = value.strip()
    return found


def _told(steps: Sequence[Mapping[str, Any]]) -> list[Told]:
    return [
        Told(
            id=step["id"],
            name=step["name"],
            kind=step["kind"],
            settings=[(name, _text(value)) for name, value in step["config"].items()],
            when=step["when"],
            timeout=step["timeout"],
            retries=step["retries"],
            on_failure=str(step["on_failure"]),
            is_idempotent=step["idempotent"],
            rollback=_told([{"id": step_id, **undoing} for step_id, undoing in step["rollback"].items()]),
        )
        for step in steps
    ]


def _text(value: Any) -> str:
    """A value as people write it."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
