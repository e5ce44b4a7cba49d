"""`healthmgr anomaly`: what is watched for anomalies, and what the detector would have said of what is stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from healthmgr.cli.anomaly_watched import list_watched, show_anomalies
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.metrics import bars, length_of_option
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, Slug
from healthmgr.cli.printing import Column, duration, print_facts, print_json, print_lines, print_picture, print_table
from healthmgr.domain.anomaly import ANOMALOUS_FROM, SILENT_FOR
from healthmgr.domain.anomaly_backtest import Backtest, backtest
from healthmgr.domain.anomaly_picture import svg
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.rollup import RESPONSE_TIME
from healthmgr.errors import DefinitionError, NotFound, Problem
from healthmgr.views_anomaly import BacktestView

anomaly_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="What is unlike the past of a metric.", epilog=EXIT_CODES
)

_COLUMNS = 60  # of the picture in text


@anomaly_app.callback()
def anomaly() -> None:
    """What is unlike the past of a metric."""


anomaly_app.command("list")(list_watched)
anomaly_app.command("show")(show_anomalies)


@anomaly_app.command("backtest")
def run_backtest(
    slug: Slug,
    metric: Annotated[str, typer.Option("--metric", "-m", help="Which metric.")] = RESPONSE_TIME,
    last: Annotated[str, typer.Option("--last", metavar="LENGTH", help="How far back, such as 14d.")] = "14d",
    step: Annotated[str, typer.Option("--step", metavar="LENGTH", help="One point for each of these.")] = "5m",
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.1, help="From which score on something would have been told.")
    ] = ANOMALOUS_FROM,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw it into this SVG file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what the anomaly detector would have told of a metric; maintenance is left out. Nobody is told anything."""
    window, length = length_of_option("--last", last), length_of_option("--step", step)
    with opened() as healthmgr:
        now = healthmgr.now()
        series = healthmgr.measuring.series
        read = series.read_series(slug, metric, now - window, now, length, now=now)
        known = series.metrics(slug)
    if metric not in known:
        names = ", ".join(known) or "none yet"
        raise NotFound(f"{slug} has no metric {metric!r}; it has {names}")
    found = backtest(((point.at, mean) for point in read if (mean := point.sketch.mean) is not None), threshold)
    if picture is not None:
        _draw(picture, found, f"{metric} of {slug}, the last {last}")
    if as_json:
        print_json(BacktestView.of(slug, metric, found))
    else:
        _print(found, f"{metric} of {slug}", last, window)


def _draw(picture: Path, found: Backtest, title: str) -> None:
    try:
        picture.write_text(svg(found, title), encoding="utf-8")
    except OSError as error:
        raise DefinitionError([Problem(f"cannot be written: {error.strerror}", path="--picture")]) from error


def _print(found: Backtest, what: str, last: str, window: timedelta) -> None:
    if not found.points:
        print_lines(f"Nothing was measured of {what} in the last {last}.")
        return
    weeks = window / timedelta(weeks=1)
    often = f", {len(found.happenings) / weeks:.1f} a week" if found.happenings and weeks >= 1 else ""
    print_facts(
        (
            ("metric", f"{what}, {len(found.points)} points of the last {last}"),
            ("learned", f"the first {SILENT_FOR} points: nothing is told while a series is new"),
            ("would have told", f"{len(found.happenings)} times{often}"),
        )
    )
    print_lines("")
    print_picture(_picture(found))
    print_lines("")
    if not found.judged:
        print_lines("That is too little to judge any: choose a shorter --step, or come back later.")
    columns = (
        Column("when"), Column("for", is_number=True), Column("score", is_number=True), Column("what"),
    )  # fmt: skip
    if found.happenings:
        rows = (
            (
                absolute(one.begin),
                duration((one.end - one.begin).total_seconds()) if one.points > 1 else "-",
                f"{one.score:.1f}",
                one.words,
            )
            for one in found.happenings
        )
        print_table(columns, rows)


def _picture(found: Backtest) -> list[str]:
    """Bars, and a mark below each in which something would have been told."""
    points, columns = found.points, min(_COLUMNS, len(found.points))
    runs = [points[k * len(points) // columns : (k + 1) * len(points) // columns] for k in range(columns)]
    heights = bars([max(point.value for point in run) for run in runs])
    marks = "".join("^" if any(point.judgement.is_anomalous for point in run) else " " for run in runs)
    return [heights, marks]
