"""Simulate: who would be told of an alert that nobody answers, minute by minute; nothing is sent or written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from nicegui import ui

from healthmgr.dashboard.oncall import show_parts
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.calendar import zone
from healthmgr.domain.check import Severity
from healthmgr.domain.civil import moment_at
from healthmgr.domain.label_text import read_labels
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.simulating import LONGEST, Simulation

_MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """What is simulated, as it stands in the address."""

    labels: str
    at: str
    within: str
    alerts: str
    zone: str


@page("/simulate", "Simulate an alert")
async def show_simulation(
    place: Place, labels: str = "", at: str = "now", within: str = "2h", alerts: str = "1", zone: str = ""
) -> None:
    """A form, and what comes of it."""
    show_parts("/simulate")
    asked = Asked(labels[:5000], at[:100], within[:100], alerts[:10], zone[:100])
    ui.html(render("simulate_form", **asdict(asked), root=ROOT), sanitize=False)
    if not asked.labels.strip():
        ui.html(render("simulation", found=None, lines=[], fault=""), sanitize=False)
        return
    try:
        found = await asyncio.to_thread(lambda: _simulate(place, asked))
    except HealthmgrError as error:
        ui.html(render("simulation", found=None, lines=[], fault=str(error)), sanitize=False)
        return
    lines = [{"after": _after(line.at, found), "told": line} for line in found.lines[:_MOST_LINES]]
    ui.html(render("simulation", found=found, lines=lines, fault=""), sanitize=False)


def _simulate(place: Place, asked: Asked) -> Simulation:
    labels: Mapping[str, str] = read_labels(asked.labels)
    severity = Severity(labels.get("severity", Severity.HIGH.value))
    own = {name: value for name, value in labels.items() if name != "severity"}
    begin = _moment(asked, place.healthmgr.now())
    length = _length(asked.within)
    simulating = place.healthmgr.simulating
    return simulating.simulate(own, severity, at=begin, until=begin + length, alerts=_count(asked.alerts))


def _moment(asked: Asked, now: datetime) -> datetime:
    try:
        location = zone(asked.zone or "UTC")
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="zone")]) from error
    return moment_at(asked.at.strip() or "now", now, location, "when")


def _length(text: str) -> timedelta:
    try:
        length = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="how far to look")]) from error
    if not timedelta(0) < length <= LONGEST:
        raise DefinitionError([Problem("say a length of up to 7 days", path="how far to look")])
    return length


def _count(text: str) -> int:
    if not text.strip().isdecimal():
        raise DefinitionError([Problem(f"{text!r} is no number", path="alerts")])
    return int(text)


def _after(at: datetime, found: Simulation) -> str:
    seconds = int((at - found.at).total_seconds())
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"
