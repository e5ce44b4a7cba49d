"""What repairs what: the runbooks, how often each mends what it starts for, and what keeps them from running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place
from healthmgr.dashboard.recovery_acts import recovery_acts
from healthmgr.dashboard.shell import ROOT, keep_fresh, on_acts, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.promises import PROMISES, PromiseName
from healthmgr.domain.runbook import Automation
from healthmgr.services.restraining import switch_of, switch_words
from healthmgr.services.tokens import Role
from healthmgr.views_recovery import ApprovalView, BreakerView, RateView, RunView, SwitchView
from healthmgr.views_runbooks import RunbookLineView

PROMISE = PROMISES[PromiseName.RESOLUTION]
_RATES_OVER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Standing:
    """What keeps runbooks from running, and how well they mend."""

    switches: Sequence[SwitchView]
    breakers: Sequence[BreakerView]
    rates: Sequence[RateView]

    def breaker(self, runbook: str) -> BreakerView | None:
        """The breaker of a runbook that has failed."""
        return next((one for one in self.breakers if one.runbook == runbook), None)

    def rate(self, runbook: str) -> RateView | None:
        """How often a runbook mended what it started for."""
        return next((one for one in self.rates if one.runbook == runbook), None)

    def switch(self, team: str) -> SwitchView | None:
        """The kill switch that stops the runbooks of a team."""
        scopes = ("", switch_of(team))
        return next((one for one in self.switches if one.scope in scopes), None)

    @property
    def whole(self) -> RateView:
        """All runbooks together."""
        alerts, resolved = sum(one.alerts for one in self.rates), sum(one.resolved for one in self.rates)
        return RateView(runbook="", alerts=alerts, resolved=resolved, rate=resolved / alerts if alerts else None)


async def standing(place: Place) -> Standing:
    """How it stands with recovery."""
    reading, now = place.healthmgr.recovery.reading, place.healthmgr.now
    return Standing(
        await place.live.ask("switches", reading.switches),
        await place.live.ask("breakers", reading.breakers),
        await place.live.ask("recovery rates", lambda: reading.rates(now() - _RATES_OVER), 5),
    )


async def questions(place: Place) -> list[ApprovalView]:
    """What waits for an answer, the most urgent first."""
    reading = place.healthmgr.recovery.reading
    return _by_urgency(await place.live.ask("approvals", reading.approvals))


async def going_on(place: Place) -> list[RunView]:
    """The runs that are not over, the newest first."""
    reading = place.healthmgr.recovery.reading
    return await place.live.ask("runs going on", reading.going_on)


async def recovery_side(place: Place) -> tuple[str, str]:
    """The part at another page's side: what waits for an answer of those who may give one, what is under repair."""
    asked = await place.live.ask("approvals", place.healthmgr.recovery.reading.approvals)
    running = await going_on(place)
    may_answer = place.may(Role.RESPONDER)

    def draw() -> str:
        starters = {run.number: run.started_by for run in running}
        values = {"asked": _by_urgency(asked) if may_answer else [], "running": running, "starters": starters}
        return render("side_recovery", me=place.name, root=ROOT, **values)

    me = place.name if asked else ""
    return "recovery", place.live.once(("recovery", me, may_answer), (asked, running), draw)


def _by_urgency(asked: Sequence[ApprovalView]) -> list[ApprovalView]:
    return sorted(asked, key=lambda one: one.expires_at)


def rate_tone(rate: RateView | None) -> str:
    """Whether it mends as often as promised; "" where too little has happened to say."""
    if rate is None or rate.rate is None or rate.alerts < PROMISE.fewest:
        return ""
    return "healthy" if PROMISE.is_kept_by(rate.rate) else "unhealthy"


@page("/runbooks", "Runbooks")
async def show_runbooks(place: Place) -> None:
    """The list, live."""
    top, lines = Pieces(), Pieces()

    async def refresh(where: Place) -> None:
        runbooks = where.healthmgr.recovery.runbooks
        found = await where.live.ask("runbooks", runbooks.runbooks, 3)
        missing = await where.live.ask("procedures", runbooks.procedures_without_a_runbook, 10)
        stands, may_act = await standing(where), where.may(Role.RESPONDER)
        asked, running = await questions(where), await going_on(where)
        top.show(_top(where, found, stands, asked, running))
        pieces = [(f"runbook {one.name}", _line(one, stands)) for one in found]
        pieces = pieces or [("empty", render("runbooks_empty"))]
        lines.show([*pieces, ("missing", render("runbooks_missing", missing=missing, root=ROOT, may_act=may_act))])

    on_acts(recovery_acts(place))
    await refresh(place)
    keep_fresh(refresh, place)


def _top(
    where: Place,
    found: Sequence[RunbookLineView],
    stands: Standing,
    asked: Sequence[ApprovalView],
    running: Sequence[RunView],
) -> list[tuple[str, str]]:
    may_act = where.may(Role.RESPONDER)
    tiles = render(
        "runbooks_tiles",
        runbooks=found,
        running=running,
        asked=asked,
        whole=stands.whole,
        tone=rate_tone(stands.whole),
        promise=PROMISE,
        is_automatic=where.healthmgr.settings.auto_recovery,
        root=ROOT,
    )
    teams = ",".join(sorted({one.team for one in found if one.team}))
    switches = render(
        "runbooks_switches",
        switches=stands.switches,
        words=switch_words,
        teams=teams,
        may_act=may_act,
        root=ROOT,
    )
    starters = {run.number: run.started_by for run in running}
    return [
        ("tiles", tiles),
        ("switches", switches),
        ("asked", render("approvals", approvals=asked, may_act=may_act, me=where.name, starters=starters, root=ROOT)),
    ]


def _line(line: RunbookLineView, stands: Standing) -> str:
    rate = stands.rate(line.name)
    return render(
        "runbook_line",
        line=line,
        breaker=stands.breaker(line.name),
        switch=stands.switch(line.team),
        rate=rate,
        tone=rate_tone(rate),
        promise=PROMISE,
        is_manual=line.automation == Automation.MANUAL,
        root=ROOT,
    )
