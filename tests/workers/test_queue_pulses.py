"""Pulses through queues: often where they come out, ever more rarely where they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workers.queue_pulses import QueuePulses

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_a_queue_whose_pulse_came_out_gets_another() -> None:
    pulses = QueuePulses()
    assert pulses.due({"checks": NOW}, NOW) == ["checks"]
    assert pulses.due({"checks": NOW + SECOND}, NOW + 5 * SECOND) == ["checks"]


def test_a_queue_that_nobody_consumes_is_sent_a_handful_in_an_hour() -> None:
    pulses = QueuePulses()
    sent = [second for second in range(0, 3600, 5) if pulses.due({"recovery": NOW}, NOW + second * SECOND)]
    assert sent[:5] == [0, 20, 60, 140, 300]
    assert len(sent) <= 11


def test_a_queue_that_is_consumed_again_is_pulsed_as_before() -> None:
    pulses = QueuePulses()
    for second in range(0, 600, 5):
        pulses.due({"recovery": NOW}, NOW + second * SECOND)
    back = NOW + 601 * SECOND
    assert pulses.due({"recovery": back}, back + SECOND) == ["recovery"]
    assert pulses.due({"recovery": back + 2 * SECOND}, back + 5 * SECOND) == ["recovery"]


def test_each_queue_is_judged_for_itself() -> None:
    pulses = QueuePulses()
    pulses.due({"checks": NOW, "recovery": NOW}, NOW)
    assert pulses.due({"checks": NOW + SECOND, "recovery": NOW}, NOW + 5 * SECOND) == ["checks"]
