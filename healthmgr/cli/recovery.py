"""`healthmgr recovery`: the kill switches, and what keeps runbooks from running."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.incident_choice import Comment
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, print_heading, print_json, print_lines, print_table, styled
from healthmgr.services.commanding import Act
from healthmgr.services.restraining import switch_of, switch_words
from healthmgr.views_recovery import BreakerView, RateView, SwitchView

recovery_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Stop all that repairs by itself, and let it go on.",
    epilog=EXIT_CODES,
)

_RATES_OVER = timedelta(days=30)
_BREAKERS = (Column("runbook"), Column("failed in a row", is_number=True), Column("", is_flexible=True))
_RATES = (Column("runbook"), Column("alerts", is_number=True), Column("mended", is_number=True), Column("rate"))

Team = Annotated[str, typer.Option("--team", metavar="NAME", help="Only the runbooks of this team.")]


@recovery_app.callback()
def recovery() -> None:
    """Stop all that repairs by itself, and let it go on."""


@recovery_app.command("status")
def status(as_json: Json = False) -> None:
    """Show the kill switches that are thrown, the breakers, and how much mended itself within 30 days."""
    with opened() as healthmgr:
        reading, now = healthmgr.recovery.reading, healthmgr.clock.now()
        switches, breakers = reading.switches(), reading.breakers()
        rates = reading.rates(now - _RATES_OVER)
        is_on = healthmgr.settings.auto_recovery
    if as_json:
        print_json({"is_automatic": is_on, "switches": switches, "breakers": breakers, "rates": rates})
        return
    print_lines(f"Runbooks start by themselves: {'yes' if is_on else 'no (ENABLE_AUTO_RECOVERY)'}.")
    if not switches:
        print_lines("No kill switch is thrown.")
    for switch in switches:
        print_lines(styled("refused", f"{_thrown(switch)}, {ago(switch.thrown_at, now)}"))
    if breakers:
        print_heading("breakers")
        print_table(_BREAKERS, ((b.runbook, str(b.failures), _breaker(b)) for b in breakers))
    if rates:
        print_heading("mended by itself, within 30 days")
        print_table(_RATES, ((r.runbook, str(r.alerts), str(r.resolved), _rate(r)) for r in rates))


@recovery_app.command("stop")
def stop(team: Team = "", comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Throw the kill switch: nothing starts, and what is under way stops before its next step that can do harm."""
    with opened() as healthmgr:
        scope = switch_of(team)
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        healthmgr.recovery.restraining.throw(scope, act)
        switches = healthmgr.recovery.reading.switches()
    _say(f"The kill switch {switch_words(scope)} is thrown: no runbook repairs", switches, as_json)


@recovery_app.command("start")
def start(team: Team = "", comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Release the kill switch: runbooks may start again. What was stopped stays stopped."""
    with opened() as healthmgr:
        scope = switch_of(team)
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        healthmgr.recovery.restraining.release(scope, act)
        switches = healthmgr.recovery.reading.switches()
    _say(f"The kill switch {switch_words(scope)} is released", switches, as_json)


def _say(done: str, switches: list[SwitchView], as_json: bool) -> None:
    if as_json:
        print_json({"switches": switches})
        return
    print_lines(f"{done}.")


def _thrown(switch: SwitchView) -> str:
    said = f" ({switch.comment})" if switch.comment else ""
    return f"The kill switch {switch_words(switch.scope)} was thrown by {switch.thrown_by}{said}"


def _breaker(breaker: BreakerView) -> str:
    if breaker.opened_at is None:
        return "closed"
    return f"OPEN until a person closes it: healthmgr runbooks close {breaker.runbook}"


def _rate(rate: RateView) -> str:
    return f"{rate.rate:.0%}" if rate.rate is not None else "-"
