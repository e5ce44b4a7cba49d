"""How often or how long a series has to be strange until somebody is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.anomaly_gate import AnomalyGate, Gate, GateRule

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def after(points: str, rule: GateRule) -> tuple[AnomalyGate, list[Gate]]:
    """The gate after these points (x is strange), a minute apart, and what it said at each."""
    gate, said = AnomalyGate(rule), []
    for i, point in enumerate(points):
        gate = gate.with_point(BEGIN + i * MINUTE, point == "x")
        said.append(gate.decide(BEGIN + i * MINUTE))
    return gate, said


@pytest.mark.parametrize(
    ("points", "last"),
    [
        ("", None),
        (".....", Gate.CALM),
        ("....x", Gate.WAITING),
        ("x...x", Gate.WAITING),
        ("x.x.x", Gate.CONSENSUS),
        ("xxx", Gate.CONSENSUS),
        ("xxx....", Gate.CONSENSUS),  # still one of the last five
        ("xxx.....", Gate.CALM),
        ("xx...x", Gate.WAITING),
    ],
)
def test_three_of_five_open_it_and_none_of_five_closes_it(points: str, last: Gate | None) -> None:
    _, said = after(points, GateRule(needed=3, out_of=5))
    assert (said[-1] if said else None) is last


def test_a_deviation_that_lasts_opens_it() -> None:
    _, said = after("xxxxx", GateRule(needed=10, out_of=10, lasting=3 * MINUTE))
    assert said == [Gate.WAITING, Gate.WAITING, Gate.WAITING, Gate.LASTING, Gate.LASTING]


def test_a_calm_point_begins_the_length_anew() -> None:
    _, said = after("xx.xxx", GateRule(needed=10, out_of=10, lasting=3 * MINUTE))
    assert not any(gate.is_open for gate in said)


def test_one_of_one_is_no_gate_at_all() -> None:
    _, said = after(".x.", GateRule(needed=1, out_of=1))
    assert said == [Gate.CALM, Gate.CONSENSUS, Gate.CALM]


@pytest.mark.parametrize("rule", [(0, 5), (6, 5), (1, 65)])
def test_a_rule_that_nothing_could_fulfil_is_refused(rule: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="points can't be"):
        GateRule(*rule)


def test_a_length_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        GateRule(lasting=timedelta(0))


@given(points=st.text("x.", max_size=40), more=st.text("x.", max_size=20))
def test_a_gate_survives_a_restart(points: str, more: str) -> None:
    rule = GateRule(needed=3, out_of=6, lasting=5 * MINUTE)
    gate, _ = after(points, rule)
    restored = AnomalyGate.from_state(rule, json.loads(json.dumps(gate.to_state())))
    for i, point in enumerate(more):
        at = BEGIN + (len(points) + i) * MINUTE
        gate, restored = gate.with_point(at, point == "x"), restored.with_point(at, point == "x")
        assert gate.decide(at) is restored.decide(at)


@given(points=st.text("x.", min_size=1, max_size=60))
def test_it_never_opens_on_fewer_than_are_needed(points: str) -> None:
    _, said = after(points, GateRule(needed=3, out_of=5))
    for i, gate in enumerate(said):
        if gate.is_open and (i == 0 or not said[i - 1].is_open):
            assert points[max(0, i - 4) : i + 1].count("x") >= 3
