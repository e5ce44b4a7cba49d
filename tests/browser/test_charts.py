"""What a chart of a check is told to draw of anomalies, and that it is drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.chart_ahead import Way
from healthmgr.dashboard.charts import chart
from healthmgr.domain.anomaly_watch import Lesson, SeenPoint
from tests.browser.conftest import Open
from tests.builders import make_check, make_result, make_well
from tests.watching import make_watched

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)
HOUR = timedelta(hours=1)


def seen(number: int, *, is_strange: bool = False) -> SeenPoint:
    return SeenPoint(BEGIN + number * STEP, 0.8, 12.0, (0.12, 0.18), Lesson.LEARNED, is_strange, False)


def drawn(points: list[SeenPoint]) -> dict[str, list[list[float]]]:
    options = chart(
        "response_time", [], BEGIN, BEGIN + 10 * STEP, limits={}, transitions=[], status="healthy", seen=points
    )
    return {each["name"]: each["data"] for each in options["series"]}


def test_the_expected_band_and_the_strange_points_are_drawn_in_the_charts_unit() -> None:
    shown = drawn([seen(0), seen(1, is_strange=True), seen(99, is_strange=True)])
    at = BEGIN.timestamp() * 1000
    assert shown["expected from"] == [[at, 120.0], [at + 300_000, 120.0]]
    assert shown["expected"] == [[at, 60.0], [at + 300_000, 60.0]]
    assert shown["anomaly"] == [[at + 300_000, 800.0]]


def test_what_is_not_watched_has_neither() -> None:
    assert set(drawn([])) == {"p50", "p95", "p99"}


def test_the_page_of_a_watched_check_draws_them(
    open_page: Open, keep_picture, engine: Engine, healthmgr: Healthmgr
) -> None:
    make_well(engine, at=healthmgr.now())
    make_watched(engine, healthmgr.now())
    page = open_page(path="/ui/checks/shop?range=24h")
    playwright.expect(page.locator(".picture canvas")).to_be_visible()
    series = page.evaluate(
        "getElement(document.querySelector('.picture').id.slice(1)).chart.getOption().series.map(s => s.name)"
    )
    assert series[3:] == ["expected from", "expected", "anomaly"]
    keep_picture(page, "check-anomalies")


WAY = Way(BEGIN, 60.0, 90.0, BEGIN + 3 * HOUR, BEGIN + 2 * HOUR, BEGIN + 4 * HOUR)


def ahead_of(length: timedelta) -> tuple[dict[str, object], dict[str, list[list[float]]]]:
    options = chart(
        "disk", [], BEGIN - length, BEGIN, limits={}, transitions=[], status="healthy", ahead=WAY
    )  # fmt: skip
    return options["xAxis"], {each["name"]: each["data"] for each in options["series"]}


def test_the_way_to_the_limit_goes_on_beyond_now_up_to_where_it_is_passed() -> None:
    axis, series = ahead_of(timedelta(days=1))
    at = (BEGIN + 3 * HOUR).timestamp() * 1000
    assert series["foreseen"] == [[BEGIN.timestamp() * 1000, 60.0], [at, 90.0]]
    assert axis["max"] == (BEGIN + 4.3 * HOUR).timestamp() * 1000
    # At the passing that is expected, the band reaches from what is mild to the limit that the steep has passed.
    band = [low[1] + rest[1] for low, rest in zip(series["foreseen from"], series["foreseen band"], strict=True)]
    assert (band[0], max(band)) == (60.0, 90.0)
    assert all(low[1] <= high for low, high in zip(series["foreseen from"], band, strict=True))


def test_a_way_that_is_too_long_for_the_chart_is_cut_where_half_of_it_is_past() -> None:
    axis, series = ahead_of(HOUR)
    assert axis["max"] == (BEGIN + HOUR).timestamp() * 1000
    assert series["foreseen"][1] == [(BEGIN + HOUR).timestamp() * 1000, 70.0]


def test_a_disk_that_fills_is_foretold_on_its_page(
    open_page: Open, keep_picture, engine: Engine, healthmgr: Healthmgr
) -> None:
    now = healthmgr.now()
    make_well(engine, at=now)
    disk = make_check(
        engine, "disk", last_result_at=now, thresholds={"warning": {}, "critical": {"disk_usage": "> 90%"}},
        forecasts={"disk_usage": {"threshold": "> 90%", "horizon": "4h", "window": "1h", "severity": "low"}},
    )  # fmt: skip
    for minute in range(60):
        at = now - timedelta(minutes=minute, seconds=5)
        make_result(
            engine, disk, started_at=at, slot_at=at, sequence=100 - minute, metrics={"disk_usage": 75 - minute / 4}
        )
    for _ in range(3):
        healthmgr.measuring.rolling.roll(healthmgr.now())
    healthmgr.insight.predicting.look_ahead(healthmgr.now())
    page = open_page(path="/ui/checks/disk?metric=disk_usage&range=1h")
    expect = playwright.expect
    expect(page.get_by_label("Foreseen")).to_contain_text("disk usage will pass 90% on")
    shown = page.evaluate(
        "getElement(document.querySelector('.picture').id.slice(1)).chart.getOption().series.map(s => s.name)"
    )
    assert shown[3:] == ["limits", "foreseen from", "foreseen band", "foreseen"]
    keep_picture(page, "check-foreseen")
