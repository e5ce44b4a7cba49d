"""Service levels: budgets, burn rates and the alerts of the SRE workbook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.slo import BURN_WINDOWS, Slo, SloKind, Tally, concern, count_good, judge, over
from healthmgr.domain.threshold import Threshold

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
M, H, D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SLO = Slo("shop", 0.999, 30 * D, service="shop")


def tally(bad_share: float, seen: float = 1e6) -> Tally:
    return Tally(seen * (1 - bad_share), seen * bad_share, round(seen * bad_share))


def burning(rates: Mapping[timedelta, float], seen: float = 1e6) -> list[tuple[float, Severity]]:
    """The rules that hold where the budget is used up at these rates, and at none over other windows."""
    tallies = {window: tally(rates.get(window, 0.0) * SLO.budget, seen) for window in BURN_WINDOWS}
    return [(one.rule.factor, one.rule.severity) for one in judge(SLO, tally(0), tallies).burning]


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({}, []),
        ({H: 14.5, 5 * M: 14.5}, [(14.4, Severity.HIGH)]),
        ({H: 14.5, 5 * M: 14.3}, []),
        ({H: 14.3, 5 * M: 1000}, []),
        ({6 * H: 6.1, 30 * M: 6.1}, [(6, Severity.HIGH)]),
        ({6 * H: 6.1, 30 * M: 5.9}, []),
        ({3 * D: 1.1, 6 * H: 1.1}, [(1, Severity.LOW)]),
        ({3 * D: 0.9, 6 * H: 5.0}, []),
        (
            {3 * D: 7, 6 * H: 7, 30 * M: 7, H: 15, 5 * M: 15},
            [(14.4, Severity.HIGH), (6, Severity.HIGH), (1, Severity.LOW)],
        ),
    ],
)
def test_a_rule_holds_while_both_its_windows_burn(
    rates: Mapping[timedelta, float], expected: list[tuple[float, Severity]]
) -> None:
    assert burning(rates) == expected


def test_a_single_bad_result_is_no_trend() -> None:
    seen = {window: Tally(1, 1, 2) for window in BURN_WINDOWS}
    assert judge(SLO, Tally(100, 2, 2), seen).burning == ()
    seen = {window: Tally(1, 1, 3) for window in BURN_WINDOWS}
    assert len(judge(SLO, Tally(100, 3, 3), seen).burning) == 3


def test_the_budget_is_what_may_be_bad() -> None:
    standing = judge(SLO, tally(0.00025), {window: tally(0.002) for window in BURN_WINDOWS})
    assert standing.level == pytest.approx(0.99975)
    assert standing.budget_left == pytest.approx(0.75)
    assert standing.rates[H] == pytest.approx(2)
    assert standing.is_met
    assert standing.lasts_for == pytest.approx(30 * D * 0.75 / 2, abs=timedelta(seconds=1))


def test_of_what_was_never_seen_nothing_is_said() -> None:
    standing = judge(SLO, Tally(), dict.fromkeys(BURN_WINDOWS, Tally()))
    assert (standing.level, standing.budget_left, standing.is_met, standing.burning) == (None, None, None, ())
    assert concern(standing, NOW) is None


def test_there_is_one_alert_by_the_gravest_rule_and_it_ends_as_the_same() -> None:
    tallies = {window: tally(0.02) for window in BURN_WINDOWS}
    found = concern(judge(SLO, tally(0.0004), tallies), NOW)
    assert found is not None
    assert (found.severity, found.labels) == (Severity.HIGH, {"service": "shop", "slo": "shop"})
    assert found.summary == (
        "shop: the error budget is used up 20 times too fast over 1h (20 times over 5m); 60% is left for 30d, "
        "gone in 21 h 36 min at this rate"
    )
    assert found.fingerprint("slo") == over("shop", NOW).fingerprint("slo")
    assert concern(judge(Slo("shop", 0.999, 30 * D, is_alerting=False), tally(0.1), tallies), NOW) is None


def test_more_than_the_budget_is_said_plainly() -> None:
    found = concern(judge(SLO, tally(0.01), {window: tally(0.02) for window in BURN_WINDOWS}), NOW)
    assert found is not None
    assert found.summary.endswith("nothing is left for 30d")


@pytest.mark.parametrize(("text", "expected"), [("< 500ms", 90), ("<= 500ms", 90), ("> 80%", 10), (">= 80%", 10)])
def test_good_is_the_side_that_the_limit_says(text: str, expected: int) -> None:
    assert count_good(Threshold.parse("m", text), 90, 100) == expected


@pytest.mark.parametrize(
    "slo",
    [
        SLO,
        Slo(
            "speed", 0.95, 7 * D, checks=("a", "b"), kind=SloKind.LATENCY, metric="took",
            good=Threshold.parse("took", "< 500ms"), counts_maintenance=True, is_alerting=False, labels={"team": "x"},
        ),
    ],
)  # fmt: skip
def test_a_service_level_is_stored_whole(slo: Slo) -> None:
    assert Slo.from_document(slo.to_document()) == slo
