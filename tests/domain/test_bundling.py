"""How many messages a destination is sent by themselves: the first always, then so many a minute and an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.alerting import AlertingRules
from healthmgr.domain.bundling import Recent, hold_back
from healthmgr.domain.notification import Hold, Reason
from tests.domain.making import NOW

SECOND = timedelta(seconds=1)
RULES = AlertingRules(most_per_minute=3, most_per_hour=10, group_interval=timedelta(minutes=5))


def recent(in_minute: int = 0, in_hour: int = 0, first: float = 0, last: float = 0) -> Recent:
    """So many lately; the minute's first and the last were sent this many seconds ago."""
    started_at = NOW - first * SECOND if in_minute else None
    return Recent(in_minute, in_hour, started_at, NOW - last * SECOND)


@pytest.mark.parametrize("most", [1, 2, 100])
def test_the_first_message_to_a_destination_is_never_held(most):
    rules = AlertingRules(most_per_minute=most, most_per_hour=most)
    assert hold_back(Recent(), rules, NOW) is None


@pytest.mark.parametrize(
    ("lately", "held_for"),
    [
        (recent(1, 1), None),
        (recent(2, 2, first=10), None),
        (recent(3, 3, first=10), 50),
        (recent(5, 9, first=59), 1),
        # The hour's number: one digest each group interval.
        (recent(0, 10, last=100), 200),
        (recent(1, 10, first=1, last=1), 299),
        (recent(3, 10, first=50, last=20), 280),
        (recent(0, 12, last=299), 1),
        (recent(0, 12, last=300), None),
        (recent(0, 12, last=1000), None),
    ],
)
def test_what_is_too_much_waits_for_the_minute_or_the_interval_to_be_over(lately, held_for):
    expected = None if held_for is None else Hold(NOW + held_for * SECOND, Reason.BUNDLED)
    assert hold_back(lately, RULES, NOW) == expected


def test_telling_never_ends():
    """Beyond the hour's number, whatever is asked, there is an end to the wait within an interval."""
    for in_hour in (10, 1000):
        hold = hold_back(recent(3, in_hour, first=1, last=0), RULES, NOW)
        assert hold is not None
        assert hold.until <= NOW + RULES.group_interval


# ---- what goes by itself ----------------------------------------------------------------------------


def test_nothing_happens_by_itself_where_the_installation_does_not_say():
    assert AlertingRules().auto_acknowledge_at(NOW) is None
    assert AlertingRules().auto_resolve_at(NOW) is None
    rules = AlertingRules(acknowledges_after=30 * SECOND, resolves_after=60 * SECOND)
    assert (rules.auto_acknowledge_at(NOW), rules.auto_resolve_at(NOW)) == (NOW + 30 * SECOND, NOW + 60 * SECOND)
