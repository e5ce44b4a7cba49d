"""Service levels in a file: what is understood, and what is refused with place and advice."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthmgr.bootstrap import definition_validator
from healthmgr.definitions.definition import Definitions
from healthmgr.domain.slo import SloKind
from healthmgr.errors import DefinitionError
from healthmgr.settings import Settings

HEAD = """version: 1
channels: {inbox: {kind: email, config: {host: 127.0.0.1, from: a@example.com}}}
people: {alice: {contacts: {inbox: alice@example.com}}}
routing: {default: {to: alice, via: inbox}}
checks: {shop: {kind: tcp, service: shop, config: {host: 127.0.0.1, port: 1}}}
slos:
"""


def read(tmp_path: Path, text: str) -> Definitions:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(HEAD + text)
    return definition_validator(Settings.load({"HEALTHMGR_DATA": str(tmp_path)})).validate(path)


def test_both_kinds_are_read_with_their_defaults(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "  works: {service: shop, objective: 99.95%}\n"
        '  fast: {checks: shop, objective: 95 %, window: 7d, kind: latency, threshold: "< 500ms",'
        " labels: {team: web}}\n",
    ).slos
    works, fast = found["works"].slo, found["fast"].slo
    assert (works.objective, works.window.days, works.kind) == (0.9995, 30, SloKind.AVAILABILITY)
    assert (fast.objective, fast.checks, fast.metric, fast.labels) == (
        0.95,
        ("shop",),
        "response_time",
        {"team": "web"},
    )
    assert fast.good is not None
    assert (fast.good.comparison, fast.good.limit) == ("<", 0.5)


@pytest.mark.parametrize(
    ("entry", "field", "message"),
    [
        ("{service: shop}", "objective", "is required"),
        ("{service: shop, objective: 0.999}", "objective", "expected a share in percent such as 99.9%"),
        ("{service: shop, objective: 100%}", "objective", "less than 100%, which nothing can keep"),
        ("{service: shop, objective: 99%, window: 1h}", "window", "must be 1d at least and 90d at most"),
        ("{objective: 99%}", "", "name either its service or its checks"),
        ("{service: shop, checks: [shop], objective: 99%}", "", "name either its service or its checks"),
        ("{checks: [shop], objective: 99%, kind: latency}", "threshold", "says which values are good"),
        ("{checks: [shop], objective: 99%, kind: latency, threshold: 500ms}", "threshold", "needs a direction"),
        ('{checks: [shop], objective: 99%, threshold: "< 1s"}', "threshold", "write kind: latency as well"),
        (
            '{checks: [shop], objective: 99%, kind: latency, threshold: "< 1s", degraded_is_bad: true}',
            "degraded_is_bad",
            "is about availability",
        ),
        (
            "{checks: [shop], objective: 99%, labels: {service: x}}",
            "labels.service",
            "a label that healthmgr sets itself",
        ),
        ("{checks: [shop], objective: 99%, colour: red}", "colour", "is not a field here"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, entry: str, field: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(tmp_path, f"  works: {entry}\n")
    (problem,) = caught.value.problems
    assert problem.path == ".".join(filter(None, ["slos.works", field]))
    assert problem.line == 7
    assert message in problem.message


def test_names_that_lead_nowhere_are_warned_of(tmp_path: Path) -> None:
    found = read(tmp_path, "  a: {service: shoop, objective: 99%}\n  b: {checks: [card], objective: 99%}\n")
    assert [(w.path, w.message.split(":")[0]) for w in found.warnings] == [
        ("slos.a.service", "no check is of service 'shoop'; did you mean 'shop'?"),
        ("slos.b.checks[0]", "check 'card' is not in this file"),
    ]
