"""Reminders of due work: how long a lost one goes unmissed, and which go first."""

from __future__ import annotations

from healthmgr.domain.dispatch import patience, rank
from healthmgr.domain.message import MessageKind


def test_a_lost_reminder_is_missed_after_ten_seconds_and_then_twice_as_long_each_time_to_a_limit():
    assert [patience(count).total_seconds() for count in range(8)] == [10, 20, 40, 80, 160, 320, 320, 320]


def test_pages_go_before_updates():
    assert rank(MessageKind.PROBLEM) < rank(MessageKind.UPDATE) == rank(MessageKind.RESOLUTION)
