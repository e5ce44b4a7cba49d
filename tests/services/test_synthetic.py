"""The synthetic notification: it walks the whole way, disturbs nobody, and is missed when it does not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from healthmgr.bootstrap import build
from healthmgr.domain.plan import Target
from healthmgr.domain.synthetic import CHANNEL, RECIPIENT, Begin, Conclude, GiveUp, Trials, Wait, findings, next_step
from healthmgr.services.synthesizing import Synthesis, Synthesizing
from healthmgr.settings import Settings
from healthmgr.storage.event_repository import EventRepository
from healthmgr.storage.synthetic_rows import SyntheticRows, read_trials
from healthmgr.storage.transactions import Transactions
from tests.stories.harness import Story, check

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EVERY = timedelta(minutes=5)
TRIALS = Trials(EVERY, NOW, Target(RECIPIENT, CHANNEL, ""))


class Stepping(Story):
    """A story in which the synthetic notification has its turn every 15 s."""

    synthesizing: Synthesizing

    def pass_time(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while self.now < until:
            self._remind(list(self.synthesizing.step(self.now)))
            self.fast_forward(seconds=15, is_probing=False)

    def trials(self) -> Trials | None:
        with self.engine.connect() as connection:
            return read_trials(connection)

    def findings(self) -> list[str]:
        return [said for said in self.healthmgr.upkeep.audit(self.now) if "synthetic" in said]


@pytest.fixture
def story(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Stepping]:
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, "HEALTHMGR_DATA": str(tmp_path)}), worker="story")
    story = Stepping(healthmgr, engine, tmp_path)
    story.synthesizing = healthmgr.synthesizing
    yield story
    healthmgr.close()


def with_synthesis(story: Stepping, synthesis: Synthesis) -> None:
    story.synthesizing = Synthesizing(Transactions(story.engine, SyntheticRows), synthesis)


def test_it_walks_from_an_alert_to_the_ledger_and_is_resolved_as_soon_as_it_has_arrived(story: Stepping) -> None:
    began_at = story.now
    story.pass_time(30)
    (delivery,) = story.deliveries
    assert (delivery.via, delivery.message.recipient, delivery.message.incident_number) == ("loopback", RECIPIENT, 0)
    assert story.rows("SELECT origin, resolution, resolved_at - opened_at FROM alerts") == [
        ("synthetic", "arrived", timedelta(seconds=15))
    ]
    assert story.rows("SELECT outcome FROM deliveries") == [("accepted",)]
    assert story.rows("SELECT number, resolved_at IS NOT NULL FROM incidents") == [(0, True)]
    trials = story.trials()
    assert trials
    assert (trials.began_at, trials.sent_at, trials.took, trials.is_open) == (began_at, began_at, timedelta(0), False)


def test_it_comes_every_interval_and_its_one_incident_tells_nobody_of_its_end(story: Stepping) -> None:
    story.pass_time(3600)
    assert [d.message.kind.value for d in story.deliveries] == ["problem"] * 12
    assert {d.message.incident_number for d in story.deliveries} == {0}
    assert story.findings() == []


def test_people_neither_see_it_nor_count_it_nor_miss_a_number(story: Stepping) -> None:
    story.given(check("api"))
    story.all_is_well()
    story.synthesizing.step(story.now)
    reading, now = story.healthmgr.reading, story.now
    assert reading.alerts(state="all").items == []
    assert reading.overview(now).alerts == []
    assert sum(reading.status(now).open_alerts.values()) == 0
    assert reading.numbers(now).open_alerts == {}
    assert reading.statistics(now).alerts.active == 0
    story.pass_time(30)
    assert story.deliveries.pop().via == "loopback"
    assert reading.incidents(state="all").items == []
    assert reading.notifications().items == []
    assert reading.numbers(now).notifications == {}
    assert reading.statistics(now).notifications.sent_last_day == 0
    story.check_fails("api")
    story.fast_forward(seconds=60)
    assert story.expect_notification("alice", about="api").message.incident_number == 1
    assert [line.number for line in reading.incidents(state="all").items] == [1]


def test_it_can_be_looked_at_by_whoever_asks_for_it(story: Stepping) -> None:
    story.pass_time(30)
    reading = story.healthmgr.reading
    (notification,) = reading.notifications(recipient=RECIPIENT).items
    assert notification.state == "sent"
    seen = reading.incident(reading.incident_id(0))
    assert [member.origin for member in seen.members] == ["synthetic"]


def test_no_event_tells_of_it(story: Stepping, engine: Engine) -> None:
    story.given(check("api"))
    story.check_fails("api")
    story.fast_forward(seconds=60)
    story.pass_time(30)
    EventRepository(engine).place(1000)
    with engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM events ORDER BY id")).scalars().all()
        origins = connection.execute(text("SELECT data->>'origin' FROM events WHERE name = 'alert_triggered'")).all()
        left = connection.execute(text("SELECT count(*) FROM events WHERE position IS NULL")).scalar_one()
    assert (names.count("alert_triggered"), names.count("notification_sent"), left) == (1, 1, 0)
    assert origins == [("healthmgr",)]


def test_neither_silences_nor_digests_hold_it_back(story: Stepping) -> None:
    story.silence('{severity=~".+"}', minutes=60)
    story.pass_time(30)
    assert [d.via for d in story.deliveries] == ["loopback"]


def test_it_mutes_nothing_as_a_source_of_inhibition(story: Stepping) -> None:
    everything = {"source": ["severity=critical"], "target": ["severity=high"], "equal": []}
    story.given(check("api", severity="high"), inhibitions={"all": everything})
    story.all_is_well()
    story.healthmgr.synthesizing.step(story.now)
    story.check_fails("api")
    story.fast_forward(minutes=2)
    story.expect_notification("bob", about="api")


def test_one_that_does_not_arrive_is_a_finding_after_two_minutes_until_one_arrives(story: Stepping) -> None:
    story.pass_time(300)
    story.channel_refuses("loopback", permanent=False)
    story.pass_time(120)
    assert story.findings() == []
    story.pass_time(15)
    (finding,) = story.findings()
    assert finding.startswith("no synthetic notification has arrived over healthmgr-loopback for 7 min")
    story.pass_time(900)
    assert len(story.findings()) == 1
    story.channel_works("loopback")
    story.pass_time(660)
    assert story.findings() == []


def test_it_may_go_to_a_real_contact_and_is_tried_again_but_tells_nobody_in_its_place(story: Stepping) -> None:
    story.given(check("api"))
    story.all_is_well()
    with_synthesis(story, Synthesis(EVERY, "alice", "mail"))
    story.channel_refuses("email", permanent=True)
    story.pass_time(180)
    assert story.deliveries == [], "neither alice's hook nor the catch-all"
    assert story.findings() == ["no synthetic notification has arrived over mail so far"]
    story.channel_works("email")
    story.pass_time(300)
    assert story.deliveries[0].address == "alice@example.com"
    assert story.findings() == []


def test_a_contact_that_does_not_exist_is_a_finding(story: Stepping) -> None:
    story.given(check("api"))
    with_synthesis(story, Synthesis(EVERY, "nobody", "mail"))
    story.channel_refuses("email", permanent=True)
    story.pass_time(180)
    assert story.findings() == ["no synthetic notification has arrived over mail so far"]


def test_switched_off_it_leaves_nothing_open_and_nothing_to_find(story: Stepping) -> None:
    story.synthesizing.step(story.now)
    with_synthesis(story, Synthesis(timedelta(0)))
    story.pass_time(30)
    assert story.rows("SELECT count(*) FROM alerts WHERE resolved_at IS NULL") == [(0,)]
    assert story.trials() is None
    story.pass_time(900)
    assert story.findings() == []


def test_trials_of_more_than_a_day_ago_are_forgotten(story: Stepping) -> None:
    with_synthesis(story, Synthesis(timedelta(hours=6)))
    for _ in range(12):
        story.pass_time(30)
        story.let_pass(hours=6)
    counts = "SELECT (SELECT count(*) FROM alerts), (SELECT count(*) FROM notifications), min(at) FROM incident_entries"
    ((alerts, notifications, oldest),) = story.rows(counts)
    assert alerts <= 6
    assert notifications <= 6
    assert oldest > story.now - timedelta(hours=31)


@pytest.mark.parametrize(
    ("trials", "sent_at", "now", "expected"),
    [
        (None, None, NOW, Begin()),
        (replace(TRIALS, is_open=True), None, NOW + EVERY, Wait()),
        (replace(TRIALS, is_open=True), NOW, NOW + EVERY, Conclude(NOW)),
        (replace(TRIALS, is_open=True), None, NOW + 2 * EVERY, GiveUp()),
        (TRIALS, None, NOW + EVERY - timedelta(seconds=1), Wait()),
        (TRIALS, None, NOW + EVERY, Begin()),
        (replace(TRIALS, lost=1), None, NOW + timedelta(seconds=15), Begin()),
    ],
)
def test_what_comes_next(trials: Trials | None, sent_at: datetime | None, now: datetime, expected: object) -> None:
    assert next_step(trials, sent_at, EVERY, now) == expected


@pytest.mark.parametrize(
    ("trials", "after", "expected"),
    [
        (None, 900, []),
        (replace(TRIALS, is_open=True), 120, []),
        (replace(TRIALS, sent_at=NOW, took=timedelta(seconds=120)), 600, []),
        (
            replace(TRIALS, sent_at=NOW, took=timedelta(seconds=121)),
            0,
            ["the last synthetic notification over healthmgr-loopback took 2 min 01 s"],
        ),
        (
            replace(TRIALS, sent_at=NOW, took=timedelta(0)),
            601,
            ["no synthetic notification has arrived over healthmgr-loopback for 10 min"],
        ),
        (replace(TRIALS, is_open=True, sent_at=NOW - timedelta(hours=9)), 15, []),
    ],
)
def test_what_the_auditor_says(trials: Trials | None, after: float, expected: list[str]) -> None:
    assert list(findings(trials, NOW + timedelta(seconds=after))) == expected


def test_trials_survive_as_a_document() -> None:
    full = replace(TRIALS, is_open=True, sent_at=NOW, took=timedelta(seconds=1.5), lost=2)
    assert Trials.from_document(full.to_document()) == full
    assert Trials.from_document(TRIALS.to_document()) == TRIALS
