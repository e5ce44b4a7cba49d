"""How the detector is scored on labelled series, and what it has to reach where a corpus is at hand."""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from healthmgr.domain.anomaly import ANOMALOUS_FROM
from scripts.anomaly_corpus import (
    PROFILES,
    Series,
    across_groups,
    alarms,
    best_threshold,
    percent,
    read,
    steps,
    total_at,
)

_CORPUS = os.environ.get("HEALTHMGR_ANOMALY_CORPUS")
_ROWS = 1000
_WINDOW = (500, 599)


def series(*detections: int, group: str = "a") -> Series:
    return Series(f"{group}/file.csv", [1.0 if row in detections else 0.0 for row in range(_ROWS)], [_WINDOW])


def score(*of: Series, cost: float = 0.11) -> float:
    return percent(total_at(steps(of), cost, 0.5), of)


def test_a_detection_at_the_begin_of_the_window_is_perfect() -> None:
    assert score(series(500)) == pytest.approx(100)


def test_no_detection_is_nothing() -> None:
    assert score(series()) == 0


def test_a_detection_in_the_middle_is_worth_a_little_less() -> None:
    assert score(series(550)) == pytest.approx(100 * (1 + 0.848 / 0.987) / 2, abs=0.1)


def test_only_the_first_detection_of_a_window_counts() -> None:
    assert score(series(500, 510, 599)) == score(series(500))


@pytest.mark.parametrize(("row", "costs"), [(300, 1.0), (999, 1.0), (600, 0.025), (649, 0.848)])
def test_a_false_detection_costs_the_more_the_further_behind_a_window(row: int, costs: float) -> None:
    lost = score(series(500)) - score(series(500, row))
    assert lost == pytest.approx(100 * 0.11 * costs / 2, abs=0.05)


def test_the_first_rows_do_not_count() -> None:
    assert score(series(500, 149)) == score(series(500))
    assert score(series(500, 150)) < score(series(500))


def test_the_best_threshold_leaves_the_false_ones_below() -> None:
    one = Series("a/file.csv", [0.4 if row == 300 else 0.9 if row == 500 else 0.0 for row in range(_ROWS)], [_WINDOW])
    assert best_threshold(steps([one]), 0.11) == (0.9, pytest.approx(2.0))


def test_across_groups_takes_the_threshold_of_the_others() -> None:
    loud = Series("a/file.csv", [0.9 if row == 500 else 0.5 if row % 2 else 0.0 for row in range(_ROWS)], [_WINDOW])
    quiet = Series("b/file.csv", [0.5 if row == 500 else 0.0 for row in range(_ROWS)], [_WINDOW])
    assert across_groups([loud, quiet], 0.11) < percent(best_threshold(steps([quiet]), 0.11)[1], [loud, quiet])


def test_near_false_detections_are_one_alarm() -> None:
    false, found, windows = alarms([series(300, 305, 312, 400, 550)], 0.5)
    assert (round(false * (850 - 100) / 1000), found, windows) == (2, 1, 1)


def test_a_corpus_is_read_and_scored(tmp_path: Path) -> None:
    rng, begin = random.Random(1), datetime(2026, 3, 2, tzinfo=UTC)
    times = [f"{begin + i * timedelta(minutes=5):%Y-%m-%d %H:%M:%S}" for i in range(_ROWS)]
    values = [10 + rng.gauss(0, 1) + (30 if 550 <= i < 560 else 0) for i in range(_ROWS)]
    (tmp_path / "made").mkdir()
    rows = "".join(f"{at},{value}\n" for at, value in zip(times, values, strict=True))
    (tmp_path / "made" / "up.csv").write_text("timestamp,value\n" + rows)
    (tmp_path / "windows.json").write_text(json.dumps({"made/up.csv": [[times[500], times[599]]]}))
    (one,) = read(tmp_path)
    assert one.windows == [_WINDOW]
    assert 550 <= max(range(_ROWS), key=one.scores.__getitem__) < 560
    assert score(Series(one.name, [float(x >= ANOMALOUS_FROM) for x in one.scores], one.windows)) > 80


@pytest.mark.skipif(_CORPUS is None, reason="HEALTHMGR_ANOMALY_CORPUS names no labelled corpus")
@pytest.mark.timeout(600)
def test_the_detector_reaches_its_aims_on_the_corpus() -> None:
    assert _CORPUS is not None
    labelled = read(Path(_CORPUS))
    changes = steps(labelled)
    reached = {name: percent(best_threshold(changes, cost)[1], labelled) for name, cost in PROFILES.items()}
    assert reached["standard"] >= 62
    assert reached["reward low FP"] >= 56
    false, found, windows = alarms(labelled, ANOMALOUS_FROM)
    assert false <= 0.3
    assert found >= 0.7 * windows
    assert max(one.state for one in labelled) <= 16 * 1024
    assert sum(one.seconds for one in labelled) / sum(len(one.scores) for one in labelled) < 400e-6
