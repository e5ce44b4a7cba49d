"""Runbooks at random."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from healthmgr.domain.check import Severity
from healthmgr.domain.matcher import Matcher, Operator
from healthmgr.domain.runbook import (
    ApprovalRule,
    Automation,
    BlastRadius,
    OnFailure,
    Rails,
    Runbook,
    Step,
    Trigger,
)

names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
lines = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
lengths = st.integers(1, 86_400_000).map(lambda count: timedelta(milliseconds=count))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | lines,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def steps(draw: Any, kinds: tuple[str, ...] = ("wait", "command"), *, can_roll_back: bool = True) -> Step:
    return Step(
        id=draw(names),
        kind=draw(st.sampled_from(kinds)),
        name=draw(lines),
        config=draw(st.dictionaries(names, values, max_size=3)),
        timeout=draw(lengths),
        retries=draw(st.integers(0, 5)),
        retry_after=draw(lengths),
        on_failure=draw(st.sampled_from(OnFailure)),
        when=draw(st.sampled_from(["", 'severity == "critical"'])),
        is_idempotent=draw(st.booleans()),
        rollback=tuple(draw(st.lists(steps(kinds, can_roll_back=False), max_size=2))) if can_roll_back else (),
    )


triggers = st.builds(
    Trigger,
    checks=st.lists(names, max_size=3, unique=True).map(tuple),
    matchers=st.lists(
        st.builds(Matcher, names, st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]), lines), unique=True
    ).map(tuple),
    severities=st.lists(st.sampled_from(Severity), unique=True).map(tuple),
    attempt=st.none() | st.integers(1, 9),
)
approvals = st.builds(ApprovalRule, st.integers(1, 5), st.lists(names, max_size=3, unique=True).map(tuple), lengths)
radii = st.builds(
    BlastRadius,
    st.lists(names, max_size=2, unique=True).map(tuple),
    st.none() | st.integers(1, 20),
    st.none() | st.floats(0.5, 100),
    st.integers(0, 9),
    st.booleans(),
)
rails = st.builds(
    Rails, st.none() | st.integers(1, 9), st.none() | st.integers(1, 9), lengths, lengths, lengths, st.integers(1, 9),
    radii,
)  # fmt: skip
runbooks = st.builds(
    Runbook,
    name=names,
    steps=st.lists(steps(), min_size=1, max_size=3).map(tuple),
    title=lines,
    description=lines,
    automation=st.sampled_from(Automation),
    trigger=triggers,
    parameters=st.dictionaries(names, values, max_size=3),
    target=lines,
    timeout=st.none() | lengths,
    approval=approvals,
    rails=rails,
    team=st.just("") | names,
    verifies=st.booleans(),
)
