"""Time intervals in words."""

from __future__ import annotations

import pytest

from healthmgr.domain.timewindow import parse_time_interval
from healthmgr.domain.timewindow_words import in_words


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "always (UTC)"),
        (
            {"times": [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "06:30"}],
             "location": "Europe/Berlin"},
            "22:00 to 24:00 and 00:00 to 06:30 (Europe/Berlin)",
        ),
        ({"weekdays": ["monday:friday", "sunday"]}, "Monday to Friday and Sunday (UTC)"),
        ({"days_of_month": ["1:5", "-1"]}, "on the days 1 to 5 and -1 (UTC)"),
        ({"months": ["january", "may:august"], "years": ["2026:2027"]},
         "in January and May to August, in 2026 to 2027 (UTC)"),
    ],
)  # fmt: skip
def test_an_interval_says_when_it_holds(document: dict[str, object], words: str) -> None:
    assert in_words(parse_time_interval(document)) == words
