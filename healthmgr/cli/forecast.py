"""`healthmgr forecast`: when a check's metrics will pass their limits, in words and as a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, Slug
from healthmgr.cli.printing import print_facts, print_heading, print_json, print_lines, print_picture
from healthmgr.domain.forecast import Forecast, Measured
from healthmgr.domain.forecast_telling import Foreseen
from healthmgr.domain.forecast_words import explanation, picture, summary
from healthmgr.domain.quantity import format_duration
from healthmgr.errors import NotFound
from healthmgr.views_insight import ForecastView

Metric = Annotated[str, typer.Option("--metric", "-m", metavar="NAME", help="Only this metric.")]


def forecast(slug: Slug, metric: Metric = "", as_json: Json = False) -> None:
    """Say when a check's metrics will pass their limits if they go on as they do, or why that cannot be said."""
    with opened() as healthmgr:
        found = healthmgr.insight.predicting.of_check(slug, healthmgr.now())
        is_on = healthmgr.settings.advanced.monitoring.predictive_monitoring
    chosen = [each for each in found if metric in ("", each[0].rule.metric)]
    if metric and not chosen:
        known = ", ".join(each[0].rule.metric for each in found) or "none"
        raise NotFound(f"{slug} has no forecast of {metric!r}; those that it has: {known}")
    if as_json:
        print_json({"items": [ForecastView.of(*each) for each in chosen]})
        return
    if not chosen:
        print_lines(f"{slug} has no forecasts: name metrics under its `forecast`, with a threshold on each.")
    for each in chosen:
        _print(*each, is_on=is_on)


def _print(foreseen: Foreseen, found: Forecast, points: Measured, *, is_on: bool) -> None:
    rule = foreseen.rule
    print_heading(summary(found, rule))
    print_picture(picture(points, rule))
    print_facts(
        [
            ("rests on", explanation(found)),
            ("limit", f"{rule.metric} {rule.threshold.text}"),
            ("looks ahead", f"{format_duration(rule.horizon)}, from the last {format_duration(rule.window)}"),
            ("told", _told(foreseen, is_on=is_on)),
        ]
    )


def _told(foreseen: Foreseen, *, is_on: bool) -> str:
    if not is_on:
        return "nobody: predictive_monitoring is switched off"
    severity = foreseen.rule.severity.value
    return f"as {severity}: {foreseen.words}" if foreseen.memory.is_told else f"nobody so far; it would be {severity}"
