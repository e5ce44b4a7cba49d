"""`--for` and `--until`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.cli.lasting import end_of
from healthmgr.errors import DefinitionError

NOW = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("until", "end"),
    [
        ("18:00", datetime(2026, 3, 1, 18, 0, tzinfo=UTC)),
        ("17:30", datetime(2026, 3, 2, 17, 30, tzinfo=UTC)),
        ("06:00:30", datetime(2026, 3, 2, 6, 0, 30, tzinfo=UTC)),
        ("2026-03-04", datetime(2026, 3, 4, tzinfo=UTC)),
        ("2026-03-04T10:00", datetime(2026, 3, 4, 10, 0, tzinfo=UTC)),
        ("2026-03-04 10:00+01:00", datetime(2026, 3, 4, 9, 0, tzinfo=UTC)),
        ("2026-03-04T10:00Z", datetime(2026, 3, 4, 10, 0, tzinfo=UTC)),
    ],
)
def test_a_time_of_day_is_the_next_one_and_a_moment_is_meant_in_utc(until: str, end: datetime) -> None:
    assert end_of("", until, NOW) == end


def test_a_length_counts_from_now_and_nothing_said_is_no_end() -> None:
    assert end_of("1h30m", "", NOW) == NOW + timedelta(minutes=90)
    assert end_of("", "", NOW) is None


@pytest.mark.parametrize(
    ("lasts_for", "until"),
    [("1h", "18:00"), ("soon", ""), ("1", ""), ("", "25:00"), ("", "tomorrow"), ("9" * 30 + "d", "")],
)
def test_what_is_no_time_to_come_is_refused(lasts_for: str, until: str) -> None:
    with pytest.raises(DefinitionError):
        end_of(lasts_for, until, NOW)
