"""What a chart of a check is told to draw of anomalies, and that it is drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.charts import chart
from healthmgr.domain.anomaly_watch import Lesson, SeenPoint
from tests.browser.conftest import Open
from tests.builders import make_well
from tests.watching import make_watched

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)


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
