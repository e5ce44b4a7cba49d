"""What incidents come from: each kind of evidence by itself, and a simulated topology of 200 services."""

from __future__ import annotations

from collections import defaultdict

import pytest

from healthmgr.domain.cascade import Edge, Graph
from healthmgr.domain.cause import (
    WEIGHTS,
    Cause,
    CauseKind,
    Changed,
    EvidenceKind,
    Movement,
    Observed,
    Situation,
)
from healthmgr.domain.cause_weighing import find_causes
from healthmgr.domain.correlation import Move, Resemblance
from healthmgr.domain.observing import Minutes, observe
from tests.domain.making import MINUTE, NOW
from tests.domain.topology import KINDS, analyse, inject, rank_of, topology

GRAPH = Graph(
    {"database": "data", "api": "shop", "web": "shop", "mail": "mail", "cron": "cron"},
    {"api": [Edge("database")], "web": [Edge("api")], "mail": [Edge("database")]},
)


def failed(slug: str, after: float = 0) -> Observed:
    return Observed(slug, NOW + MINUTE * after)


def moved(slug: str, after: float = 0, alike: Resemblance | None = None) -> Observed:
    return Observed(slug, None, (Movement("latency", NOW + MINUTE * after, Move(40, 1.0, 3.0, 20.0), alike),))


def situation(*observed: Observed, symptoms: str = "", changes: tuple[Changed, ...] = (), **over: object) -> Situation:
    given = {
        "opened_at": NOW,
        "symptoms": frozenset(symptoms.split() or (each.slug for each in observed if each.failed_at)),
        "observed": {each.slug: each for each in observed},
        "graph": GRAPH,
        "changes": changes,
    }
    return Situation(**(given | over))


def kinds(cause: Cause) -> set[EvidenceKind]:
    return {each.kind for each in cause.evidence}


# ---- evidence ---------------------------------------------------------------------------------------------


def test_what_everything_that_failed_hangs_on_comes_first():
    causes = find_causes(situation(failed("web", 1), failed("api", 0.5), failed("database"), failed("mail", 1)))
    assert causes[0].subject == "database"
    assert {EvidenceKind.ROOT, EvidenceKind.EXPLAINS, EvidenceKind.SPREADS, EvidenceKind.FAILED} <= kinds(causes[0])
    assert "all 4 checks of the incident are it or hang on it" in causes[0].words


def test_a_cause_need_not_have_failed_itself():
    causes = find_causes(situation(failed("api", 2), failed("mail", 2), moved("database", -3)))
    assert causes[0].subject == "database"
    assert "its latency rose from 1 to 3" in causes[0].words
    assert "it began 5 min before what the incident shows" in causes[0].words


def test_what_hangs_on_something_in_trouble_is_less_likely():
    causes = {each.subject: each for each in find_causes(situation(failed("api", 0.1), failed("database")))}
    below = [each for each in causes["database"].evidence if each.kind is EvidenceKind.BELOW]
    assert not below
    assert causes["database"].score > 6
    assert "api" not in causes


def test_what_is_well_right_below_speaks_against_it():
    (cause,) = [each for each in find_causes(situation(failed("database"))) if each.subject == "database"]
    assert EvidenceKind.STOPS in kinds(cause)
    assert cause.score < find_causes(situation(failed("database"), failed("api"), failed("mail")))[0].score


def test_an_alternative_that_stands_does_not_speak_against_it():
    graph = Graph({"one": "", "two": "", "api": ""}, {"api": [Edge("one", "pool"), Edge("two", "pool")]})
    (cause,) = find_causes(situation(failed("one"), graph=graph))
    assert EvidenceKind.STOPS not in kinds(cause)


def test_a_deployment_right_before_outranks_what_it_was_made_to():
    change = Changed("data", "Deploy data 42", NOW - 3 * MINUTE, "42", "ann", "https://ci.example/42")
    causes = find_causes(situation(failed("database"), failed("api", 1), changes=(change,)))
    assert [each.subject for each in causes[:2]] == ["Deploy data 42", "database"]
    assert (causes[0].kind, causes[0].link) == (CauseKind.CHANGE, "https://ci.example/42")
    assert "data 42 was changed by ann 3 min before its trouble began" in causes[0].words


@pytest.mark.parametrize(
    ("service", "ago"), [("cron", 3), ("data", 61), ("data", -5)], ids=["elsewhere", "long ago", "afterwards"]
)
def test_a_deployment_elsewhere_long_ago_or_afterwards_is_no_cause(service, ago):
    change = Changed(service, "Deploy", NOW - ago * MINUTE)
    causes = find_causes(situation(failed("database"), failed("api", 1), changes=(change,)))
    assert "Deploy" not in [each.subject for each in causes[:1]]
    assert causes[0].subject == "database"


def test_what_moved_long_before_has_nothing_to_do_with_it():
    causes = find_causes(situation(failed("api"), moved("database", -16)))
    assert "database" not in [each.subject for each in causes]


def test_what_moves_alike_and_before_is_likelier_than_what_follows():
    def score(lag: int) -> float:
        causes = find_causes(situation(failed("api"), moved("database", -1, Resemblance(lag, 0.9))))
        return next(each.score for each in causes if each.subject == "database")

    assert score(2) == pytest.approx(score(-2) + 0.9 * WEIGHTS[EvidenceKind.RESEMBLES])


def test_a_zone_of_which_most_fails_by_itself_is_the_cause():
    names = [f"s{number}" for number in range(12)]
    graph = Graph(dict.fromkeys(names, ""))
    places = {"zone=a": frozenset(names[:4]), "zone=b": frozenset(names[4:])}
    causes = find_causes(situation(*(failed(name) for name in names[:4]), graph=graph, places=places))
    assert (causes[0].kind, causes[0].subject) == (CauseKind.PLACE, "zone=a")
    assert "4 of the 4 checks of zone=a are in trouble, and 0% of those apart" in causes[0].words


def test_without_any_trouble_there_is_no_cause():
    assert find_causes(situation(symptoms="api")) == []


def test_no_evidence_weighs_more_than_its_kind_may():
    of = topology(3)
    for number in range(10):
        for cause in analyse(of, inject(of, KINDS[number % 5], number), number):
            assert cause.score == pytest.approx(sum(each.weight for each in cause.evidence), abs=0.01)
            for each in cause.evidence:
                assert abs(each.weight) <= abs(WEIGHTS[each.kind]) + 1e-9
                assert each.words


# ---- observing --------------------------------------------------------------------------------------------


def test_metrics_that_moved_are_compared_with_the_symptom():
    def minutes(slug: str, shift: int) -> Minutes:
        values = [10.0 + (index % 3) + (30 if index >= shift else 0) for index in range(65)]
        return Minutes(slug, "latency", NOW - 60 * MINUTE, values)

    series = [minutes("api", 60), minutes("database", 57), minutes("cron", 200), minutes("old", 20)]
    found = observe(series, {"api": NOW}, frozenset({"api"}), NOW)
    assert set(found) == {"api", "database"}
    assert found["database"].began_at == NOW - 3 * MINUTE
    assert found["database"].movements[0].alike.lag == 3
    assert found["api"].movements[0].alike is None


# ---- how good it is ---------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
@pytest.mark.parametrize("is_narrow", [False, True], ids=["of everything", "of one service"])
def test_the_true_cause_of_simulated_incidents_is_first_or_near_it(is_narrow):
    """200 services, five kinds of causes, coincidences, a tenth of the edges unknown: first in >= 80 %, among the first
    three in >= 95 %. The seeds are none of those that the weights were chosen with."""
    places: dict[str, list[int]] = defaultdict(list)
    for number in range(60):
        of = _TOPOLOGIES[number % 3]
        kind = KINDS[number % len(KINDS)]
        scene = inject(of, kind, 70_000 + number)
        if is_narrow and not any(n in scene.troubled_at and at < NOW + 5 * MINUTE for n, at in scene.failed_at.items()):
            continue
        places[kind].append(rank_of(scene.truth, analyse(of, scene, number, is_narrow=is_narrow)))
    all_places = [place for each in places.values() for place in each]
    assert len(all_places) > 50
    assert sum(place == 1 for place in all_places) >= 0.8 * len(all_places), dict(places)
    assert sum(1 <= place <= 3 for place in all_places) >= 0.95 * len(all_places), dict(places)


_TOPOLOGIES = [topology(seed) for seed in (11, 12, 13)]


def test_the_topology_is_of_200_services_and_lacks_some_edges():
    of = topology(5)
    true, declared = (sum(map(len, graph.parents.values())) for graph in (of.true, of.declared))
    assert len(of.true.services) == 200
    assert 0.8 * true < declared < 0.97 * true
