"""Incidents: the list of them, and all that is known and can be done about one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from nicegui import ui

from healthmgr.dashboard.acting import acknowledge, acknowledge_many
from healthmgr.dashboard.incident_acts import ACTS, act
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.plotting import Picture, plot
from healthmgr.dashboard.recovery_acts import recovery_acts
from healthmgr.dashboard.runbooks import questions
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.check import Severity
from healthmgr.domain.report import draft
from healthmgr.domain.timeline import EntryKind
from healthmgr.domain.timeline_words import because, sentence
from healthmgr.errors import NotFound
from healthmgr.services.tokens import Role
from healthmgr.views_incidents import IncidentView

_SIZE = 40
_MOST_BESIDE = 12  # checks in a column of the picture of what falls
_STATES = ("open", "firing", "acknowledged", "snoozed", "resolved", "all")
_SEVERITIES = tuple(severity.value for severity in Severity)


@dataclass(frozen=True, slots=True)
class View:
    """Which incidents are looked at: it stands in the address."""

    state: str = "open"
    severity: str = ""
    cursor: str = ""

    def address(self, **changed: str) -> str:
        """The address of this view with something else in it; another filter begins at the newest."""
        query = {"state": self.state, "severity": self.severity, **changed}
        kept = {name: value for name, value in query.items() if value and (name, value) != ("state", "open")}
        return f"{ROOT}/incidents?{urlencode(kept)}" if kept else f"{ROOT}/incidents"


@page("/incidents", "Incidents")
async def show_incidents(place: Place, state: str = "open", severity: str = "", cursor: str = "") -> None:
    """The list, newest first, live."""
    view = View(state if state in _STATES else "open", severity if severity in _SEVERITIES else "", cursor[:500])
    may_act = place.may(Role.RESPONDER)
    bar = render("incidents_bar", view=view, states=_STATES, severities=_SEVERITIES, may_act=may_act, root=ROOT)
    ui.html(bar, sanitize=False)
    lines = Pieces()

    async def refresh(where: Place) -> None:
        reading = where.healthmgr.reading
        found = await where.live.ask(
            ("incident list", view),
            lambda: reading.incidents(
                state=view.state, severity=view.severity or None, cursor=view.cursor or None, limit=_SIZE
            ),
        )
        may_act = where.may(Role.RESPONDER)
        pieces = [
            (str(one.number), render("incident_line", incident=one, root=ROOT, may_act=may_act)) for one in found.items
        ]
        if not pieces:
            pieces = [("empty", render("incidents_empty", view=view))]
        pieces.append(("pages", render("incidents_pages", view=view, next=found.next_cursor)))
        lines.show(pieces)

    on_acts({"acknowledge": partial(acknowledge, place), "acknowledge_many": partial(acknowledge_many, place)})
    await refresh(place)
    keep_fresh(refresh, place)


@page("/incidents/{number}", "Incident", has_heading=False)
async def show_incident(place: Place, number: str) -> None:
    """One incident, live."""
    incident_id = await _find(place, number)
    head = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide"):
            main = Pieces()
        with ui.element("aside").classes("after"):
            sides = Pieces()

    async def refresh(where: Place) -> None:
        found = await where.live.ask(("incident", incident_id), lambda: where.healthmgr.reading.incident(incident_id))
        may_act = where.may(Role.RESPONDER)
        head.show([("head", render("incident_head", incident=found, may_act=may_act, root=ROOT))])
        blast = await where.live.ask(("blast", incident_id), lambda: _blast(where, incident_id))
        asked, runs = await _repairs(where, found, may_act=may_act)
        main.show([asked, *_main(found, blast, may_act=may_act), runs, _timeline(found)])
        sides.show(_sides(found, may_act=may_act))

    on_acts({**recovery_acts(place), **{verb: partial(act, place, incident_id) for verb in ACTS}})
    await refresh(place)
    keep_fresh(refresh, place)


@page("/incidents/{number}/report", "Report")
async def show_report(place: Place, number: str) -> None:
    """A report on the incident, drafted from its timeline, as the text that it is: to be copied and completed."""
    incident_id = await _find(place, number)
    healthmgr = place.healthmgr
    text = await place.live.ask(
        ("report", incident_id), lambda: draft(healthmgr.reading.report_facts(incident_id, healthmgr.now()))
    )
    ui.html(render("incident_report", text=text, number=number, root=ROOT), sanitize=False)


async def _find(place: Place, number: str) -> UUID:
    if not number.isdecimal() or len(number) > 18:
        raise NotFound(f"There is no incident {number!r}: name its number")
    return await place.live.ask(("number", number), lambda: place.healthmgr.reading.incident_id(int(number)))


async def _repairs(where: Place, found: IncidentView, *, may_act: bool) -> list[tuple[str, str]]:
    """What runbooks ask about it, and the runs of them."""
    number, reading = found.number, where.healthmgr.recovery.reading
    runs = await where.live.ask(("runs of incident", number), lambda: reading.runs(incident=number))
    starters = {run.number: run.started_by for run in runs}
    asked = [one for one in await questions(where) if one.run_number in starters]
    values = {"may_act": may_act, "me": where.name, "starters": starters}
    return [
        ("asked", render("approvals", approvals=asked, root=ROOT, **values)),
        ("runs", render("incident_runs", runs=runs, root=ROOT)),
    ]


def _blast(where: Place, incident_id: UUID) -> Picture:
    return plot(where.healthmgr.insight.blasts.of_incident(incident_id, _MOST_BESIDE))


def _main(found: IncidentView, blast: Picture, *, may_act: bool) -> list[tuple[str, str]]:
    own = [alert for alert in found.members if alert.suppressed_by is None]
    own.sort(key=lambda alert: (alert.resolved_at is not None, Severity(alert.severity).rank, alert.opened_at))
    impacted = [alert for alert in found.members if alert.suppressed_by is not None and alert.resolved_at is None]
    return [
        ("alerts", render("incident_alerts", own=own, may_act=may_act, root=ROOT)),
        ("causes", render("incident_causes", causes=found.causes[:3], root=ROOT)),
        ("impact", render("incident_impact", incident=found, impacted=impacted, picture=blast, root=ROOT)),
    ]


def _timeline(found: IncidentView) -> tuple[str, str]:
    told = [
        (entry.at, sentence(entry.kind, entry.reason, entry.actor, entry.detail), entry.kind, entry.actor)
        for entry in reversed(found.timeline)
    ]
    return "timeline", render("incident_timeline", entries=told)


def _sides(found: IncidentView, *, may_act: bool) -> list[tuple[str, str]]:
    passed = {
        entry.detail.get("level"): because(entry.reason)
        for entry in found.timeline
        if entry.kind == EntryKind.LEVEL_PASSED
    }
    told = [(one, because(one.reason) if one.reason else "") for one in found.notifications]
    return [
        ("next", render("incident_next", incident=found, passed=passed)),
        ("people", render("incident_people", incident=found, may_act=may_act, root=ROOT)),
        ("told", render("incident_told", told=told)),
    ]
