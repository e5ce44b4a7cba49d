"""One check: how it is and was, what it measures over time, what it hangs on, and what can be done about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from nicegui import ui

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.chart_ahead import way_ahead
from healthmgr.dashboard.charts import RANGES, Range, chart, range_of
from healthmgr.dashboard.drawing import beats_of, share_words
from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.definitions.writing import check_text
from healthmgr.domain.rollup import RESPONSE_TIME
from healthmgr.services.pinging import ping_key
from healthmgr.services.tokens import Role
from healthmgr.views import CheckView
from healthmgr.views_insight import ForecastView

_UPTIMES = {"24 h": timedelta(days=1), "7 d": timedelta(days=7), "30 d": timedelta(days=30), "90 d": timedelta(days=90)}
_CHART_EVERY = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Look:
    """What of a check is looked at: it stands in the address."""

    slug: str
    metric: str
    range: Range


@page("/checks/{slug}", "Check", has_heading=False)
async def show_check(place: Place, slug: str, metric: str = RESPONSE_TIME, range: str = "24h") -> None:  # noqa: A002
    """The check, live; its chart every few seconds."""
    look = Look(slug, metric[:200], range_of(range))
    check = await _check(place, slug)
    names = await place.live.ask(("metrics", slug), lambda: place.healthmgr.measuring.series.metrics(slug), 60)
    head = Pieces()
    with ui.element("div").classes("columns"):
        with ui.element("section").classes("wide"):
            ui.html(
                render("check_chart_bar", look=look, ranges=RANGES, metrics=names or [RESPONSE_TIME], root=ROOT),
                sanitize=False,
            )
            with ui.element("div").classes("card chart").props(f'role="img" aria-label="{_chart_words(look)}"'):
                picture = ui.echart(await _chart(place, look, check)).classes("picture")
            numbers = Pieces()
        with ui.element("aside").classes("after"):
            sides = Pieces()
    below = Pieces()

    async def refresh(where: Place) -> None:
        found = await _check(where, slug)
        head.show(await _head(where, found))
        numbers.show(await _numbers(where, found))
        sides.show(await _sides(where, found))
        below.show([("definition", await _definition(where, found))])

    async def redraw(where: Place) -> None:
        options = await _chart(where, look, await _check(where, slug))
        if picture.options != options:
            picture.options.clear()
            picture.options.update(options)

    on_acts({verb: partial(_order, place) for verb in ("run", "pause", "resume")})
    await refresh(place)
    keep_fresh(refresh, place)
    keep_fresh(redraw, place, "chart")


async def _check(place: Place, slug: str) -> CheckView:
    return await place.live.ask(("check", slug), lambda: place.healthmgr.reading.check(slug))


async def _head(place: Place, check: CheckView) -> list[tuple[str, str]]:
    beats = await place.live.ask(("beats", check.slug), lambda: place.healthmgr.board.beats(check.id))
    may_act = place.may(Role.RESPONDER)
    return [("head", render("check_head", check=check, beats=beats_of(beats), may_act=may_act, root=ROOT))]


async def _numbers(place: Place, check: CheckView) -> list[tuple[str, str]]:
    series, now = place.healthmgr.measuring.series, place.healthmgr.now

    def ask() -> dict[str, float | None]:
        at = now()
        found = {}
        for name, length in _UPTIMES.items():
            statuses = series.statuses([check.id], at - length, at, now=at).get(check.id)
            found[name] = statuses.uptime if statuses else None
        return found

    uptimes = await place.live.ask(("uptimes", check.slug), ask, _CHART_EVERY)
    latest = await place.live.ask(
        ("transitions", check.slug), lambda: place.healthmgr.reading.transitions(check.slug, limit=15).items
    )
    return [
        ("uptimes", render("check_uptimes", uptimes={name: share_words(share) for name, share in uptimes.items()})),
        ("transitions", render("check_transitions", transitions=latest)),
    ]


async def _sides(place: Place, check: CheckView) -> list[tuple[str, str]]:
    near = await place.live.ask(("near", check.slug), lambda: place.healthmgr.board.neighbours(check.slug), 3)
    alert = None
    if check.open_alert_id is not None:
        wanted = check.open_alert_id
        alert = await place.live.ask(("alert", wanted), lambda: place.healthmgr.reading.alert(wanted), 3)
    return [
        ("alert", render("check_alert", alert=alert, near=near, root=ROOT)),
        ("heartbeat", await _heartbeat(place, check)),
        ("measured", render("check_measured", check=check)),
        ("foreseen", render("check_foreseen", forecasts=await _forecasts(place, check), slug=check.slug, root=ROOT)),
        ("near", render("check_near", near=near, check=check, root=ROOT)),
        ("about", render("check_about", check=check, root=ROOT)),
    ]


async def _heartbeat(place: Place, check: CheckView) -> str:
    """What the job told, and to those who may act where it does: whoever knows the address can ping."""
    healthmgr, may_act = place.healthmgr, place.may(Role.RESPONDER)
    found, address = None, ""
    if check.kind == "heartbeat":
        found = await place.live.ask(("heartbeat", check.slug), lambda: healthmgr.board.heartbeat(check.slug))
        settings = healthmgr.settings
        if may_act and settings.secret_key:
            base = settings.public_url or f"http://{settings.host}:{settings.port}"
            address = f"{base.rstrip('/')}/ping/{check.slug}/{ping_key(settings.secret_key, check.id)}"
    return render("check_heartbeat", heartbeat=found, address=address, may_act=may_act)


async def _chart(place: Place, look: Look, check: CheckView) -> dict[str, object]:
    healthmgr = place.healthmgr
    forecasts = await _forecasts(place, check)

    def draw() -> dict[str, object]:
        end = healthmgr.now()
        begin = end - look.range.length
        points = healthmgr.measuring.series.read_series(
            look.slug, look.metric, begin, end, look.range.step, now=end, with_planned=True
        )
        changes = healthmgr.reading.transitions(look.slug, limit=200).items
        found = healthmgr.insight.sensing.points_of(look.slug, look.metric, begin, end)
        return chart(
            look.metric, points, begin, end, limits=check.thresholds, transitions=changes, status=check.status,
            seen=found, incidents=_incidents(healthmgr, look.slug),
            ahead=way_ahead(look.metric, forecasts, end),
        )  # fmt: skip

    return await place.live.ask(("chart", look), draw, _CHART_EVERY)


def _incidents(healthmgr: Healthmgr, slug: str) -> dict[int, datetime]:
    """When the latest incidents began for this check, by number."""
    found = healthmgr.reading.alerts(state="all", check=slug, limit=50).items
    return {alert.incident_number: alert.opened_at for alert in found if alert.incident_number}


async def _forecasts(place: Place, check: CheckView) -> list[ForecastView]:
    healthmgr = place.healthmgr

    def ask() -> list[ForecastView]:
        told = healthmgr.insight.predicting.of_check(check.slug, healthmgr.now())
        return [ForecastView.of(*one) for one in told]

    return await place.live.ask(("forecasts", check.slug), ask, 4 * _CHART_EVERY)


async def _definition(place: Place, check: CheckView) -> str:
    healthmgr = place.healthmgr

    def ask() -> str:
        stored = healthmgr.board.definition(check.slug)
        text = check_text(stored.definition, healthmgr.registry.settings_model(check.kind))
        return render("check_definition", text=text, source=stored.managed_by)

    return await place.live.ask(("definition", check.slug), ask, _CHART_EVERY)


async def _order(place: Place, data: Mapping[str, str]) -> None:
    place.demand(Role.RESPONDER)
    responding, verb, slug = place.healthmgr.responding, data["act"], data["slug"]
    act = {"run": responding.run, "pause": responding.pause, "resume": responding.resume}[verb]
    await asyncio.to_thread(lambda: act(slug, **place.said()))
    said = {"run": "A probe is ordered: its result is here in a moment", "pause": "It is not probed any more",
            "resume": "It is probed again"}  # fmt: skip
    ui.notify(said[verb], type="positive", position="top")


def _chart_words(look: Look) -> str:
    return f"The chosen metric over the last {look.range.name}, with its median and tails"
