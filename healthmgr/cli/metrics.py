"""Metrics over time and uptime at the terminal: a part of `healthmgr checks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, Slug
from healthmgr.cli.printing import Column, duration, print_facts, print_json, print_lines, print_table
from healthmgr.domain.phrasing import absolute, took
from healthmgr.domain.quantity import parse_duration
from healthmgr.domain.rollup import MINUTE, RESPONSE_TIME
from healthmgr.errors import DefinitionError, Problem
from healthmgr.views_measuring import NumbersView, SeriesView

_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 60  # of the picture
_ROWS = 12  # of the table
_WINDOWS = ("24h", "7d", "30d")

Last = Annotated[str, typer.Option("--last", metavar="LENGTH", help="How far back, such as 1h, 24h or 30d.")]


def show_metrics(
    slug: Slug,
    metric: Annotated[str, typer.Option("--metric", "-m", help="Which metric.")] = RESPONSE_TIME,
    last: Last = "24h",
    step: Annotated[str, typer.Option("--step", metavar="LENGTH", help="Length of a step; default: to fit.")] = "",
    as_json: Json = False,
) -> None:
    """Show a metric over time: a picture, and count, mean, quantiles and ends of each step."""
    window = length_of_option("--last", last)
    length = length_of_option("--step", step) if step else max(window / _COLUMNS, MINUTE)
    with opened() as healthmgr:
        now = healthmgr.now()
        found = healthmgr.measuring.reading.series(slug, metric, now - window, now, length, now=now)
    if as_json:
        print_json(found)
    else:
        _print(found, last)


def show_uptime(
    slug: Slug,
    windows: Annotated[
        list[str] | None, typer.Option("--window", "-w", metavar="LENGTH", help="How far back; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the share of looks that found a check up, with and without maintenance windows."""
    lengths = [length_of_option("--window", text) for text in windows or _WINDOWS]
    with opened() as healthmgr:
        found = healthmgr.measuring.reading.uptime(slug, lengths, healthmgr.now())
    if as_json:
        print_json({"windows": found})
        return
    columns = (
        Column("last"), Column("uptime", is_number=True), Column("with maintenance", is_number=True),
        Column("down for", is_number=True), Column("looks", is_number=True), Column("could not tell", is_number=True),
    )  # fmt: skip
    print_table(
        columns,
        (
            (
                one.window,
                percent(one.uptime),
                percent(one.uptime_with_maintenance),
                duration(one.down_for) if one.down_for else "-",
                str(one.healthy + one.degraded + one.unhealthy + one.unknown),
                str(one.unknown),
            )
            for one in found
        ),
    )


COMMANDS: Sequence[tuple[str, Callable[..., Any]]] = (("metrics", show_metrics), ("uptime", show_uptime))


def length_of_option(option: str, text: str) -> timedelta:
    """A length that an option gives. Raises DefinitionError naming the option."""
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path=option)]) from error
    if length < MINUTE:
        raise DefinitionError([Problem(f"should be a minute at least, found {text}", path=option)])
    return length


def percent(share: float | None) -> str:
    """A share in percent, with as many nines as are worth telling; never rounded up to all."""
    if share is None:
        return "-"
    shown = f"{share * 100:.3f}"
    return "99.999 %" if share < 1 and shown == "100.000" else f"{shown} %"


def bars(values: Sequence[float]) -> str:
    """Numbers as bars beside each other, from nothing or the lowest below it up to the highest."""
    low, high = min(0.0, *values), max(values)
    if high <= low:
        return _BARS[0] * len(values)
    return "".join(_BARS[min(int((value - low) / (high - low) * len(_BARS)), len(_BARS) - 1)] for value in values)


def _print(found: SeriesView, last: str) -> None:
    if not found.points:
        print_lines(f"{found.check} has no {found.metric} of the last {last}. It has {', '.join(found.metrics)}.")
        return
    shown = took if found.metric == RESPONSE_TIME else _plain
    whole = found.summary
    print_facts(
        (
            ("metric", f"{found.metric} of {found.check}"),
            ("measured", f"{whole.count} times in {last}"),
            *((name, _said(whole, name, shown)) for name in ("p50", "p95", "p99", "max")),
        )
    )
    print_lines("", Text(bars([point.p95 or 0.0 for point in found.points]), "cyan"))
    print_lines(f"p95, from {absolute(found.points[0].at)} to {absolute(found.points[-1].at)}", "")
    names = ("mean", "p50", "p95", "p99", "min", "max")
    columns = (
        Column("from"), Column("count", is_number=True), *(Column(name, is_number=True) for name in names)
    )  # fmt: skip
    latest = found.points[-_ROWS:]
    print_table(columns, ((absolute(p.at), str(p.count), *(_said(p, name, shown) for name in names)) for p in latest))
    others = [name for name in found.metrics if name != found.metric]
    if others:
        print_lines("", f"There are also {', '.join(others)}: add --metric NAME.")


def _said(numbers: NumbersView, name: str, shown: Callable[[float], str]) -> str:
    number = getattr(numbers, name)
    return "-" if number is None else shown(number)


def _plain(number: float) -> str:
    return f"{number:.6g}"
