"""`healthmgr slo`: service levels, their budgets, and how long finding and mending take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.metrics import Last, length_of_option, percent
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, duration, print_facts, print_json, print_lines, print_table, styled
from healthmgr.storage.reading_measuring import Grouping
from healthmgr.views_measuring import SloView

slo_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Service levels: whether they are kept, and what is left of their error budgets.",
    epilog=EXIT_CODES,
)


@slo_app.command("list")
def list_slos(as_json: Json = False) -> None:
    """List the service levels with what is left of their error budgets."""
    with opened() as healthmgr:
        found = [SloView.of(one) for one in healthmgr.measuring.upholding.standings(healthmgr.now())]
    if as_json:
        print_json({"slos": found})
        return
    if not found:
        print_lines("No service levels are defined: write them under `slos:` in healthmgr.yaml.")
        return
    columns = (
        Column("service level", max_width=28), Column("objective", is_number=True), Column("level", is_number=True),
        Column("budget left", is_number=True), Column("burn 1h", is_number=True), Column("burn 6h", is_number=True),
        Column("state"),
    )  # fmt: skip
    print_table(
        columns,
        (
            (
                slo.name,
                f"{slo.objective * 100:g} % {slo.window}",
                percent(slo.level),
                _budget(slo),
                _rate(slo.burn_rates.get("1h")),
                _rate(slo.burn_rates.get("6h")),
                _state(slo),
            )
            for slo in found
        ),
    )


@slo_app.command("show")
def show_slo(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The service level's name.")], as_json: Json = False
) -> None:
    """Show how one service level stands, and how fast its error budget is used up over each window."""
    with opened() as healthmgr:
        slo = SloView.of(healthmgr.measuring.upholding.standing(name, healthmgr.now()))
    if as_json:
        print_json(slo)
        return
    print_facts(_facts(slo))
    print_lines("")
    columns = (Column("over"), Column("burn rate", is_number=True))
    print_table(columns, ((window, _rate(rate)) for window, rate in slo.burn_rates.items()))
    for one in slo.burning:
        told = f"told as {one.severity}"
        print_lines(f"Burns {one.over_long:.3g} times too fast over {one.long} (limit {one.factor:g}): {told}.")


@slo_app.command("times")
def list_times(
    by: Annotated[Grouping, typer.Option("--by", help="Of what; teams are told by the label `team`.")] = "total",
    last: Last = "30d",
    as_json: Json = False,
) -> None:
    """Show how long alerts took to be found (MTTD), to be answered (MTTA) and to be mended (MTTR)."""
    window = length_of_option("--last", last)
    with opened() as healthmgr:
        found = healthmgr.measuring.reading.times(by, healthmgr.now() - window)
    if as_json:
        print_json({"times": found})
        return
    if not found:
        print_lines(f"No alert has opened in the last {last}.")
        return
    numbers = ("alerts", "mttd", "mtta", "mttr")
    columns = (Column(by, max_width=32), *(Column(name, is_number=True) for name in numbers))
    print_table(
        columns,
        ((one.name, str(one.alerts), duration(one.mttd), duration(one.mtta), duration(one.mttr)) for one in found),
    )


@slo_app.command("uptime")
def list_uptime(last: Last = "30d", as_json: Json = False) -> None:
    """Show the uptime of services, with and without maintenance windows."""
    window = length_of_option("--last", last)
    with opened() as healthmgr:
        found = healthmgr.measuring.reading.service_uptimes(window, healthmgr.now())
    if as_json:
        print_json({"services": found})
        return
    if not found:
        print_lines("No check names a service: write `service:` in its definition.")
        return
    numbers = ("checks", "uptime", "with maintenance", "down for")
    print_table(
        (Column("service", max_width=32), *(Column(name, is_number=True) for name in numbers)),
        (
            (
                one.service,
                str(one.checks),
                percent(one.uptime),
                percent(one.uptime_with_maintenance),
                duration(one.down_for) if one.down_for else "-",
            )
            for one in found
        ),
    )


def _facts(slo: SloView) -> Iterator[tuple[str, str | Text]]:
    yield "service level", f"{slo.name}: {slo.description}" if slo.description else slo.name
    yield "of", f"service {slo.service}" if slo.service else ", ".join(slo.checks)
    yield "good is", f"{slo.metric} {slo.good}" if slo.good else "found up"
    yield "objective", f"{slo.objective * 100:g} % over {slo.window}"
    yield "level", percent(slo.level)
    yield "budget left", _budget(slo)
    yield "state", _state(slo)
    if slo.lasts_for is not None:
        yield "lasts for", f"{duration(slo.lasts_for)} at the rate of the last hour"


def _budget(slo: SloView) -> str:
    return "-" if slo.budget_left is None else f"{slo.budget_left * 100:.1f} %"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.2f}"


def _state(slo: SloView) -> Text:
    if slo.burning:
        return styled("unhealthy", "burning")
    if slo.is_met is None:
        return styled("unknown", "nothing seen")
    return styled("healthy", "kept") if slo.is_met else styled("unhealthy", "missed")
