"""What the detector would have told of a series that is past, and its picture."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

from healthmgr.domain.anomaly import SILENT_FOR
from healthmgr.domain.anomaly_backtest import Backtest, backtest
from healthmgr.domain.anomaly_picture import svg
from tests.domain.anomaly_series import BEGIN, flat_noise

EVERY = timedelta(minutes=5)
SVG = "{http://www.w3.org/2000/svg}"


def shifted(first: int = 2000, last: int = 2100) -> Backtest:
    values = flat_noise(random.Random(5))[:3000]
    for i in range(first, last):
        values[i] += 40
    return backtest((BEGIN + i * EVERY, value) for i, value in enumerate(values))


def test_a_happening_has_its_begin_its_end_and_its_words() -> None:
    found = shifted(2000, 2004)
    (happening,) = [one for one in found.happenings if one.begin >= BEGIN + 1990 * EVERY]
    assert happening.begin == BEGIN + 2000 * EVERY
    assert BEGIN + 2003 * EVERY <= happening.end < BEGIN + 2020 * EVERY
    assert happening.points >= 4
    assert happening.score >= found.threshold
    assert "is usual" in happening.words


def test_happenings_do_not_overlap() -> None:
    found = shifted().happenings
    assert all(earlier.end < later.begin for earlier, later in pairwise(found))


def test_the_first_points_are_not_judged() -> None:
    found = backtest((BEGIN + i * EVERY, 1.0) for i in range(SILENT_FOR + 7))
    assert (found.judged, len(found.points)) == (7, SILENT_FOR + 7)
    assert backtest([]).judged == 0


def test_a_lower_threshold_tells_no_less() -> None:
    values = [(BEGIN + i * EVERY, v) for i, v in enumerate(flat_noise(random.Random(6)))]
    told = [sum(p.judgement.is_anomalous for p in backtest(values, level).points) for level in (5.0, 7.0, 9.0)]
    assert told == sorted(told, reverse=True)


def test_the_picture_marks_what_would_have_been_told() -> None:
    found = shifted()
    root = ET.fromstring(svg(found, "load of <shop> & friends"))
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert titles[0] == "load of <shop> & friends"
    assert len(titles) == 1 + len(found.happenings)
    assert any("is usual" in title for title in titles[1:])
    lines = root.findall(f"{SVG}polyline")
    assert len(lines) == 2, "the series and its scores"


def test_a_picture_of_very_many_points_stays_small_and_loses_no_spike() -> None:
    values = [1.0] * 50_000
    values[31_234] = 9.0
    found = backtest((BEGIN + i * EVERY, value) for i, value in enumerate(values))
    picture = svg(found, "much")
    assert len(picture) < 200_000
    line = ET.fromstring(picture).findall(f"{SVG}polyline")[0]
    heights = {point.split(",")[1] for point in line.attrib["points"].split()}
    assert len(heights) == 2


def test_a_picture_of_nothing_says_so() -> None:
    assert "nothing was measured" in svg(backtest([]), "empty")


def test_a_picture_of_one_point_can_be_drawn() -> None:
    ET.fromstring(svg(backtest([(BEGIN, 3.0)]), "one"))
