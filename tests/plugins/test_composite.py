"""Checks made of others: what they say, what they are shown, when they are probed, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import Engine, select

from healthmgr.checks.composite import CompositeConfig
from healthmgr.definitions.definition import CheckDefinition, Definitions
from healthmgr.domain.check import Status
from healthmgr.domain.composition import Need, Treatment, compose, compose_groups
from healthmgr.domain.result import ProbeOrder, Result
from healthmgr.errors import DefinitionError, ProbeError
from healthmgr.registry import Registry
from healthmgr.services.defining import Defining
from healthmgr.services.evaluating import Evaluating
from healthmgr.storage.evaluation_rows import EvaluationRows
from healthmgr.storage.scheduling_repository import SchedulingRepository
from healthmgr.storage.tables import check_schedules, check_states, checks
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_check

LETTERS = {"H": Status.HEALTHY, "D": Status.DEGRADED, "U": Status.UNHEALTHY, "?": Status.UNKNOWN}


def members(letters: str) -> dict[str, Status]:
    return {f"m{number}": LETTERS[letter] for number, letter in enumerate(letters)}


@pytest.mark.parametrize(
    ("letters", "need", "status"),
    [
        ("HHH", "all", "healthy"),
        ("HHD", "all", "degraded"),
        ("HHU", "all", "unhealthy"),
        ("HH?", "all", "unknown"),
        ("HU?", "all", "unhealthy"),
        ("D", "all", "degraded"),
        ("HUU", "any", "healthy"),
        ("DUU", "any", "degraded"),
        ("?UU", "any", "unknown"),
        ("UUU", "any", "unhealthy"),
        ("???", "any", "unknown"),
        ("HDU", 2, "degraded"),
        ("HHU", 2, "healthy"),
        ("HUU", 2, "unhealthy"),
        ("HU?", 2, "unknown"),
        ("HHHUU", "60%", "healthy"),
        ("HHUUU", "60%", "unhealthy"),
        ("HHU", "67%", "unhealthy"),  # 2.01, rounded up
        ("HHU", "66.6%", "healthy"),
        ("HUUUUUUUUU", "1%", "healthy"),
        ("HHHHHHHHHU", "100%", "unhealthy"),
    ],
)
def test_so_many_have_to_be_up(letters: str, need: str | int, status: str) -> None:
    assert compose(members(letters), Need.parse(need)).status == status


@pytest.mark.parametrize(
    ("letters", "treatment", "status"),
    [
        ("HD", Treatment(degraded=Status.HEALTHY), "healthy"),
        ("HD", Treatment(degraded=Status.UNHEALTHY), "unhealthy"),
        ("H?", Treatment(unknown=Status.HEALTHY), "healthy"),
        ("H?", Treatment(unknown=Status.UNHEALTHY), "unhealthy"),
        ("D?", Treatment(degraded=Status.HEALTHY, unknown=Status.HEALTHY), "healthy"),
    ],
)
def test_what_a_member_counts_as_can_be_said(letters: str, treatment: Treatment, status: str) -> None:
    assert compose(members(letters), Need.parse("all"), treatment).status == status


def test_the_reason_names_the_numbers_and_who_is_to_blame() -> None:
    composed = compose(members("HUD?"), Need.parse(3))
    assert composed.reason == "2 of 4 are up, 3 are needed; unhealthy: m1; unknown: m3; degraded: m2"
    assert compose(members("UUUUUUUH"), Need.parse("any")).reason.endswith("m0, m1, m2, m3, m4 and 2 more")


@pytest.mark.parametrize(
    ("places", "need", "within", "status"),
    [
        ({"fra": "HH", "nyc": "HH", "sin": "HH"}, 2, "all", "healthy"),
        ({"fra": "UU", "nyc": "HH", "sin": "HH"}, 2, "all", "healthy"),
        ({"fra": "UU", "nyc": "UU", "sin": "HH"}, 2, "all", "unhealthy"),
        ({"fra": "HU", "nyc": "HU", "sin": "HH"}, 2, "all", "unhealthy"),  # four of six are up, one place of three
        ({"fra": "HU", "nyc": "HU", "sin": "HH"}, 2, "any", "healthy"),
        ({"fra": "HU", "nyc": "UU", "sin": "HH"}, "all", "any", "unhealthy"),
        ({"fra": "HD", "nyc": "HD", "sin": "HH"}, 2, "all", "degraded"),
        ({"fra": "HD", "nyc": "HH", "sin": "HH"}, 2, "all", "healthy"),
        ({"fra": "H?", "nyc": "UU", "sin": "HH"}, 2, "all", "unknown"),
        ({"fra": "??", "nyc": "UU", "sin": "UU"}, "any", "all", "unknown"),
        ({"fra": "U?", "nyc": "UU", "sin": "HH"}, 2, "all", "unhealthy"),
        ({"fra": "HHU", "nyc": "UUU"}, "50%", "60%", "healthy"),
        ({"fra": "HUU", "nyc": "UUU"}, "50%", "60%", "unhealthy"),
    ],
)
def test_so_many_locations_have_to_be_up(
    places: dict[str, str], need: str | int, within: str | int, status: str
) -> None:
    groups = {f"{place}-{n}": place for place, letters in places.items() for n in range(len(letters))}
    found = {f"{place}-{n}": LETTERS[c] for place, letters in places.items() for n, c in enumerate(letters)}
    assert compose_groups(found, groups, Need.parse(need), Need.parse(within)).status == status


def test_a_member_counts_within_its_location_as_is_said() -> None:
    found = {"a": Status.UNKNOWN, "b": Status.HEALTHY}
    treatment = Treatment(unknown=Status.UNHEALTHY)
    composed = compose_groups(found, {"a": "fra", "b": "nyc"}, Need.parse("all"), Need.parse("all"), treatment)
    assert composed.status is Status.UNHEALTHY
    assert composed.reason == "1 of 2 are up, 2 are needed; unhealthy: fra (a)"


@pytest.mark.parametrize("need", ["0", 0, -1, "0%", "101%", "most", "", "1.5", True, "%"])
def test_a_need_that_cannot_be_met_or_read_is_refused(need: Any) -> None:
    with pytest.raises(ValueError, match="no number of members"):
        Need.parse(need)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"of": []}, "at least 1 item"),
        ({"of": ["a", "a"]}, "names a more than once"),
        ({"of": ["a"], "need": 2}, "asks for 2 of only 1"),
        ({"of": ["a"], "need": "most"}, "no number of members"),
        ({"of": ["a"], "unknown_counts_as": "fine"}, "Input should be"),
        ({"of": ["a", "b"], "by": ""}, "at least 1 character"),
        ({"of": ["a", "b"], "need_within": "any"}, "need_within needs by"),
        ({"of": ["a", "b"], "by": "location", "need_within": "most"}, "no number of members"),
    ],
)
def test_a_composite_that_makes_no_sense_is_refused(document: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CompositeConfig.model_validate(document)


def seen(status: str, *, hard: str | None = None, watched: bool = True) -> dict[str, Any]:
    is_hard = hard is None
    return {
        "status": status, "is_hard": is_hard, "hard_status": hard or status, "since": NOW.isoformat(),
        "is_watched": watched,
    }  # fmt: skip


def test_one_bad_result_of_a_member_is_not_believed_yet(probe: Any) -> None:
    view = {"a": seen("healthy"), "b": seen("unhealthy", hard="healthy")}
    outcome = probe("composite", {"of": ["a", "b"]}, view=view)
    assert (outcome.status, outcome.is_conclusive) == (Status.HEALTHY, True)
    assert outcome.metrics == {
        "members": 2.0, "up": 100.0,
        "members_healthy": 2.0, "members_degraded": 0.0, "members_unhealthy": 0.0, "members_unknown": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "view", [{}, {"a": None}, {"a": {**seen("healthy"), "since": None}}, {"a": seen("healthy", watched=False)}]
)
def test_of_a_member_that_is_gone_paused_or_never_probed_nothing_can_be_told(probe: Any, view: dict[str, Any]) -> None:
    assert probe("composite", {"of": ["a"]}, view=view).status is Status.UNKNOWN


def placed(status: str, place: str | None) -> dict[str, Any]:
    return {**seen(status), "group": place}


def test_locations_are_counted_by_the_label_that_is_named(probe: Any) -> None:
    view = {"a": placed("unhealthy", "fra"), "b": placed("healthy", "fra"), "c": placed("healthy", "nyc"),
            "d": placed("unhealthy", None)}  # fmt: skip
    outcome = probe("composite", {"of": list("abcd"), "need": 2, "by": "location"}, view=view)
    assert outcome.status is Status.UNHEALTHY
    assert outcome.message == ("by location, 1 of 3 are up, 2 are needed; unhealthy: fra (a), d without location (d)")
    assert (outcome.metrics["members"], outcome.metrics["members_unhealthy"], outcome.metrics["groups"]) == (4, 2, 3)
    assert round(outcome.metrics["up"]) == 33


def test_more_locations_than_there_are_cannot_be_told_to_be_down(probe: Any) -> None:
    view = {"a": placed("healthy", "fra"), "b": placed("healthy", "fra")}
    with pytest.raises(ProbeError, match=r"labels location .*: 2 groups are needed, and there are only 1"):
        probe("composite", {"of": ["a", "b"], "need": 2, "by": "location"}, view=view)


def test_a_member_that_was_never_probed_is_given_time(probe: Any) -> None:
    assert not probe("composite", {"of": ["a", "b"]}, view={"a": seen("unhealthy")}).is_conclusive


# ---- over real rows ----------------------------------------------------------------------------------


@pytest.fixture
def fleet(engine: Engine) -> Engine:
    make_check(engine, "a")
    make_check(engine, "b", is_hard=False, status="unhealthy", is_paused=True)
    make_check(engine, "both", kind="composite", config={"of": ["a", "b", "ghost"]})
    make_check(engine, "other", kind="composite", config={"of": ["b"]})
    return engine


def claim(engine: Engine, at: Any) -> dict[str, ProbeOrder]:
    return {order.slug: order for order in SchedulingRepository(engine).claim_due(at, 100)}


def test_a_composite_is_shown_what_is_believed_of_its_members(fleet: Engine) -> None:
    view = claim(fleet, NOW + timedelta(minutes=1))["both"].view
    since = (NOW - timedelta(hours=1)).isoformat()
    assert view == {
        "a": {"status": "healthy", "is_hard": True, "hard_status": "healthy", "since": since, "is_watched": True,
              "group": None},
        "b": {"status": "unhealthy", "is_hard": False, "hard_status": "unhealthy", "since": since, "is_watched": False,
              "group": None},
    }  # fmt: skip


def test_a_composite_by_location_is_shown_the_locations_of_its_members(engine: Engine) -> None:
    make_check(engine, "a", labels={"location": "fra"})
    make_check(engine, "b", labels={"place": "fra"})
    make_check(engine, "both", kind="composite", config={"of": ["a", "b"], "by": "location"})
    view = claim(engine, NOW + timedelta(minutes=1))["both"].view
    assert {slug: member["group"] for slug, member in view.items()} == {"a": "fra", "b": None}


def due(engine: Engine) -> dict[str, str]:
    """The causes of what is due now."""
    with engine.connect() as connection:
        rows = connection.execute(
            select(checks.c.slug, check_schedules.c.cause)
            .join(check_schedules, check_schedules.c.check_id == checks.c.id)
            .where(check_schedules.c.next_due_at <= NOW)
        )
        return {row.slug: row.cause for row in rows}


def evaluate(engine: Engine, slug: str, status: Status, *, is_conclusive: bool) -> None:
    with engine.connect() as connection:
        check_id, sequence = connection.execute(
            select(checks.c.id, check_states.c.last_sequence)
            .join(check_states, check_states.c.check_id == checks.c.id)
            .where(checks.c.slug == slug)
        ).one()
    result = Result(check_id, sequence + 1, status, "seen", 0.1, NOW, is_conclusive=is_conclusive)
    Evaluating(Transactions(engine, EvaluationRows)).evaluate([result], NOW)


def test_a_member_that_changes_for_good_has_its_composites_probed_at_once(fleet: Engine) -> None:
    evaluate(fleet, "a", Status.UNHEALTHY, is_conclusive=False)
    assert due(fleet) == {}
    evaluate(fleet, "a", Status.UNHEALTHY, is_conclusive=True)
    assert due(fleet) == {"both": "dependency"}


def test_a_composite_that_is_being_probed_is_probed_again_after_it(fleet: Engine) -> None:
    with fleet.begin() as connection:
        connection.execute(check_schedules.update().values(lease_until=NOW + timedelta(seconds=20)))
    evaluate(fleet, "a", Status.UNHEALTHY, is_conclusive=True)
    assert due(fleet) == {"both": "dependency"}


def test_composites_of_composites_follow_in_turn(fleet: Engine, probe: Any, registry: Registry) -> None:
    make_check(fleet, "all", kind="composite", config={"of": ["both"]})
    evaluate(fleet, "a", Status.UNHEALTHY, is_conclusive=True)
    order = claim(fleet, NOW)["both"]
    check_type = registry.check_type("composite")
    outcome = probe("composite", order.config, view=order.view)
    assert check_type.kind == order.kind
    assert outcome.status is Status.UNHEALTHY
    evaluate(fleet, "both", outcome.status, is_conclusive=True)
    assert due(fleet)["all"] == "dependency"


# ---- definitions -------------------------------------------------------------------------------------

ROUTED = """
channels: {inbox: {kind: email, config: {host: h, from: a@b.c}}}
recipients: {ops: {contacts: {inbox: ops@b.c}}}
routing: {default: {to: ops, via: inbox}}
"""
Read = Callable[[str], Definitions]


@pytest.fixture
def read(tmp_path: Path, registry: Registry) -> Read:
    def validate(text: str) -> Definitions:
        path = tmp_path / "f.yaml"
        path.write_text(f"version: 1\n{ROUTED}\nchecks:\n{text}")
        return Defining(None, registry, {}).validate(path)

    return validate


def of(slug: str, *names: str, more: str = "") -> str:
    return f"  {slug}: {{kind: composite, config: {{of: [{', '.join(names)}]}}{more}}}\n"


def tcp(slug: str, more: str = "") -> str:
    return f"  {slug}: {{kind: tcp, config: {{host: h, port: 1}}{more}}}\n"


def test_a_composite_of_checks_that_exist_is_taken(read: Read) -> None:
    taken = read(tcp("a") + tcp("b", ", depends_on: a") + of("c", "a", "b") + of("d", "c", "a", more=", depends_on: b"))
    assert isinstance(taken.checks["d"], CheckDefinition)
    assert taken.warnings == ()


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (of("a", "a"), "checks.a.config.of", "is made of itself: a -> a"),
        (of("a", "b") + of("b", "a"), "checks.a.config.of", "is made of itself: a -> b -> a"),
        (of("a", "b") + tcp("b", ", depends_on: a"), "checks.a.config.of", "is made of itself: a -> b -> a"),
    ],
)
def test_a_composite_that_leads_back_to_itself_is_refused(read: Read, text: str, path: str, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read(text)
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [(path, words)]


def test_a_member_that_this_file_does_not_define_is_pointed_at(read: Read) -> None:
    (warning,) = read(tcp("a") + of("c", "a", "ghost")).warnings
    assert (warning.path, warning.line) == ("checks.c.config.of[1]", 9)
    assert "'ghost' is not in this file" in warning.message
