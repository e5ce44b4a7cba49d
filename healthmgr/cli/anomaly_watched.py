"""`healthmgr anomaly list` and `show`: what is watched, how it looks now, and what was told of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from healthmgr.cli.metrics import bars, length_of_option
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, Slug
from healthmgr.cli.printing import (
    Column,
    duration,
    print_facts,
    print_heading,
    print_json,
    print_lines,
    print_picture,
    print_table,
)
from healthmgr.domain.anomaly import SILENT_FOR
from healthmgr.domain.anomaly_watch import Lesson, Seen, SeenPoint, Watched
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.quantity import format_duration
from healthmgr.views_anomaly import AnomaliesView, WatchedView

_COLUMNS = 60  # of the picture


def list_watched(
    strange: Annotated[bool, typer.Option("--strange", help="Only what is told now.")] = False, as_json: Json = False
) -> None:
    """What is watched for anomalies: the last value, what is usual, the score, and since when it is told."""
    with opened() as healthmgr:
        found = healthmgr.insight.sensing.watched()
        is_on = healthmgr.settings.advanced.monitoring.anomaly_detection
    chosen = [each for each in found if each.told_since is not None or not strange]
    if as_json:
        print_json({"items": [WatchedView.of_watched(each) for each in chosen]})
        return
    if not is_on:
        print_lines("Nothing is looked at: monitoring.anomalyDetection is switched off.")
    if not chosen:
        print_lines("Nothing is unlike its past." if found else "Nothing is watched: say `anomaly: true` at a check.")
        return
    columns = (
        Column("check"), Column("metric"), Column("value", is_number=True), Column("usual"),
        Column("score", is_number=True), Column("now"),
    )  # fmt: skip
    print_table(columns, (_row(each) for each in chosen))


def show_anomalies(
    slug: Slug,
    metric: Annotated[str, typer.Option("--metric", "-m", metavar="NAME", help="Only this metric.")] = "",
    last: Annotated[str, typer.Option("--last", metavar="LENGTH", help="How far back; 7d are kept.")] = "1d",
    as_json: Json = False,
) -> None:
    """How a check's watched metrics look now, as a picture, and what was told of them."""
    window = length_of_option("--last", last)
    with opened() as healthmgr:
        now = healthmgr.now()
        found = healthmgr.insight.sensing.of_check(slug, now, metric, now - window)
    if as_json:
        print_json({"items": [AnomaliesView.of(each) for each in found]})
        return
    if not found:
        print_lines(f"Nothing of {slug} is watched: say `anomaly: true` at the check, or name metrics there.")
    for each in found:
        _print(each, last, now)


def _row(watched: Watched) -> tuple[str, ...]:
    point, subject = watched.latest, watched.rule.subject
    if point is None:
        return watched.slug, watched.rule.metric, "-", "-", "-", _standing(watched)
    usual = subject.span(*point.expected) if point.expected else "-"
    return (
        watched.slug, watched.rule.metric, subject.amount(point.value), usual, f"{point.score:.1f}",
        _standing(watched),
    )  # fmt: skip


def _standing(watched: Watched) -> str:
    if watched.told_since is not None:
        return f"told since {absolute(watched.told_since)}"
    if watched.latest is None:
        return "not looked at yet"
    if watched.latest.lesson is not Lesson.LEARNED:
        return f"not learned from: {watched.latest.lesson.value.replace('_', ' ')}"
    if watched.is_learning:
        return "learning"
    return watched.told.replace("_", " ") or "as usual"


def _print(seen: Seen, last: str, now: datetime) -> None:
    watched, rule = seen.watched, seen.watched.rule
    print_heading(f"{rule.metric} of {watched.slug}: {watched.words or _standing(watched)}")
    if seen.points:
        print_picture(_picture(seen.points))
    lasting = f", or all for {format_duration(rule.gate.lasting)}" if rule.gate.lasting else ""
    learning = f"; nothing is told for the first {SILENT_FOR} points" if watched.is_learning else ""
    print_facts(
        (
            ("seen", f"{len(seen.points)} points of {format_duration(rule.step)} in the last {last}{learning}"),
            ("now", ", ".join(_row(watched)[2:5]) + f" (value, usual, score; told from {rule.threshold:g} on)"),
            ("told", f"as {rule.severity.value}: {rule.gate.needed} of {rule.gate.out_of} strange points{lasting}"),
        )
    )
    columns = (Column("when"), Column("for", is_number=True), Column("what"), Column("alert"), Column("false"))
    rows = [
        (
            absolute(one.began_at),
            duration(((one.ended_at or now) - one.began_at) / timedelta(seconds=1)),
            one.words,
            str(one.alert_id),
            ("learned" if one.is_taught else "said") if one.is_false else "",
        )
        for one in seen.happenings
    ]
    if rows:
        print_lines("")
        print_table(columns, rows)


def _picture(points: Sequence[SeenPoint]) -> list[str]:
    """Bars, and a mark below each with a strange point in it."""
    columns = min(_COLUMNS, len(points))
    runs = [points[k * len(points) // columns : (k + 1) * len(points) // columns] for k in range(columns)]
    marks = "".join("^" if any(point.is_strange for point in run) else " " for run in runs)
    return [bars([max(point.value for point in run) for run in runs]), marks]
