"""A shop that answers slowly at an hour when it never does: told once, at medium, by its route; over by itself."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from sqlalchemy import text

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from tests.stories.harness import START, Story, check

STEP = timedelta(minutes=5)
HISTORY = 1000  # steps, rolled up before the story begins
USUAL = random.Random(7)


def begin(story: Story) -> None:
    story.given(
        check("shop", interval="60s", service="shop", severity="critical", anomaly=True),
        routing={
            "default": {"to": ["alice"], "via": ["mail"], "group_by": ["..."], "group_wait": "0s"},
            "critical": {"to": ["bob"], "via": ["mail"], "group_by": ["..."], "group_wait": "0s"},
        },
    )
    story.healthmgr.measuring.rolling.keep_tables(START)
    rows = [
        {"at": (START - (HISTORY - n) * STEP).isoformat(), "value": USUAL.gauss(0.15, 0.01)} for n in range(HISTORY)
    ]
    with story.engine.begin() as connection:
        connection.execute(text("INSERT INTO metric_series (check_id, metric) SELECT id, 'response_time' FROM checks"))
        connection.execute(
            text(
                "INSERT INTO metric_minutes (series_id, at, is_planned, amount, total, lowest, highest)"
                " SELECT s.id, r.at, false, 1, r.value, r.value, r.value FROM metric_series s,"
                " jsonb_to_recordset(CAST(:rows AS jsonb)) AS r(at timestamptz, value float8)"
            ),
            {"rows": json.dumps(rows)},
        )


def pass_with(story: Story, minutes: int, value: float | None = None) -> None:
    """Let minutes pass in which the shop answers so slowly; what was measured is rolled up and looked at."""
    for _ in range(minutes // 5):
        for _ in range(5):
            took = USUAL.gauss(0.15, 0.01) if value is None else value
            story.check_finds("shop", Outcome(Status.HEALTHY, "fine", response_time=took))
            story.fast_forward(minutes=1)
        story.healthmgr.measuring.rolling.roll(story.now)
        for _ in range(3):
            story.healthmgr.insight.sensing.look(story.now)


def test_what_is_unlike_its_past_is_told_by_its_route_and_ends_by_itself(story: Story) -> None:
    begin(story)
    pass_with(story, 20)
    story.expect_silence()
    pass_with(story, 25, 0.812)
    story.fast_forward(seconds=10)
    told = story.expect_notification("alice")
    assert told.message.severity == "medium"
    alert = told.message.alerts[0]
    assert alert.summary.startswith("response time 812 ms, where 1")
    assert alert.summary.endswith(" ms is usual at this hour")
    story.expect_silence()
    pass_with(story, 60)
    story.fast_forward(seconds=10)
    over = story.expect_notification("alice", kind="resolution")
    assert over.message.alerts[0].resolution == "as usual again"
    story.expect_silence()


def test_one_slow_step_tells_nobody(story: Story) -> None:
    begin(story)
    pass_with(story, 20)
    pass_with(story, 5, 0.812)
    pass_with(story, 40)
    story.expect_silence()


def test_a_false_alarm_is_over_when_it_is_marked(story: Story) -> None:
    begin(story)
    pass_with(story, 20)
    pass_with(story, 25, 0.812)
    story.fast_forward(seconds=10)
    told = story.expect_notification("alice")
    alert = told.message.alerts[0]
    story.healthmgr.promising.mark_false(alert.id, why="a sale", actor="alice", origin="cli", now=story.now)
    pass_with(story, 5, 0.812)
    story.fast_forward(seconds=10)
    over = story.expect_notification("alice", kind="resolution")
    assert over.message.alerts[0].resolution == "marked false"
    story.expect_silence()
