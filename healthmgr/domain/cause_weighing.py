"""Weighing what speaks for each candidate: the rules by which evidence is found, and the causes in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from math import log2

from healthmgr.domain.cause import WEIGHTS, Cause, CauseKind, Evidence, EvidenceKind, Observed, Situation
from healthmgr.domain.phrasing import lasted, listing

CHANGED_WITHIN = timedelta(minutes=60)  # from a deployment to what it breaks
MOST_CAUSES = 5
LEAST_SCORE = 2.0
_HIT, _SPARED = 1.0, -0.6  # what each check right below weighs that is in trouble, or is not
_HALF_LIFE = timedelta(minutes=15)  # of the suspicion that a change is under
_LEAST_ROOTS = 3  # checks of one place that are in trouble by themselves
_MANY = 16  # checks in trouble that a cause accounts for: more weigh no more
_MOST_NAMED = 4


def find_causes(situation: Situation) -> list[Cause]:
    """The likeliest causes, the first one first; none where nothing speaks for any."""
    places = list(_places(situation))
    checks = [_check(slug, situation, places) for slug in _candidates(situation)]
    by_service: dict[str, Cause] = {}
    for cause in sorted(checks, key=lambda each: -each.score):
        by_service.setdefault(cause.service or cause.subject, cause)
    found = [*checks, *_changes(situation, by_service), *places]
    likely = [cause for cause in found if cause.score >= LEAST_SCORE]
    return sorted(likely, key=lambda each: (-each.score, each.kind, each.subject))[:MOST_CAUSES]


def _candidates(situation: Situation) -> list[str]:
    """Whatever is in trouble: what nobody wrote down may connect it with the symptoms."""
    return sorted(situation.affected)


def _check(slug: str, situation: Situation, places: Sequence[Cause]) -> Cause:
    observed, service = situation.observed[slug], situation.graph.services.get(slug, "")
    evidence = [
        *_own_trouble(observed),
        *_order(slug, situation),
        *_standing(slug, situation),
        *_reach([slug], situation, "it"),
        *_spread(slug, situation),
        *_crowd(slug, situation, places),
    ]
    return Cause(CauseKind.CHECK, slug, _sum(evidence), tuple(evidence), service, situation.affected[slug])


def _own_trouble(observed: Observed) -> Iterator[Evidence]:
    if observed.failed_at is not None:
        yield Evidence(EvidenceKind.FAILED, WEIGHTS[EvidenceKind.FAILED], f"{observed.slug} failed itself")
    if not observed.movements:
        return
    largest = max(observed.movements, key=lambda each: abs(each.move.size))
    share = min(1.0, abs(largest.move.size) / 20)
    way = "rose" if largest.move.after > largest.move.before else "fell"
    words = f"its {largest.metric} {way} from {largest.move.before:.3g} to {largest.move.after:.3g}"
    yield Evidence(EvidenceKind.MOVED, WEIGHTS[EvidenceKind.MOVED] * share, words)
    alike = [each for each in observed.movements if each.alike is not None and each.alike.lag >= 0]
    if alike:
        most = max(alike, key=lambda each: abs(each.alike.rho) if each.alike else 0.0)
        rho, lag = (abs(most.alike.rho), most.alike.lag) if most.alike else (0.0, 0)
        when = f" {lag} min before it" if lag else ""
        words = f"its {most.metric} moved as the incident did{when} (rank correlation {rho:.2f})"
        yield Evidence(EvidenceKind.RESEMBLES, WEIGHTS[EvidenceKind.RESEMBLES] * rho, words)


def _order(slug: str, situation: Situation) -> Iterator[Evidence]:
    """How long before the symptoms it began."""
    lead = situation.typical_at - situation.affected[slug]
    share = max(-1.0, min(1.0, lead / timedelta(minutes=5)))
    if abs(share) >= 0.1:
        word = "before" if share > 0 else "after"
        words = f"it began {lasted(abs(lead))} {word} what the incident shows"
        yield Evidence(EvidenceKind.FIRST, WEIGHTS[EvidenceKind.FIRST] * share, words)


def _standing(slug: str, situation: Situation) -> Iterator[Evidence]:
    """Whether something above it was in trouble first."""
    mine = situation.affected[slug] + timedelta(minutes=2)
    earlier = {name for name, at in situation.affected.items() if at <= mine}
    above = situation.graph.hangs_on(slug) & earlier
    if not above:
        yield Evidence(EvidenceKind.ROOT, WEIGHTS[EvidenceKind.ROOT], "nothing that it hangs on is in trouble")
        return
    right_above = {edge.parent for edge in situation.graph.parents.get(slug, ())} & earlier
    weight = WEIGHTS[EvidenceKind.BELOW] * (1.0 if right_above else 0.3)
    words = f"it hangs on {listing(sorted(right_above or above), _MOST_NAMED)}, in trouble as well"
    yield Evidence(EvidenceKind.BELOW, weight, words)


def _reach(roots: Sequence[str], situation: Situation, name: str) -> Iterator[Evidence]:
    """How much of the incident is these, or hangs on them; and how much of all the trouble that there is."""
    below = set(roots).union(*(situation.graph.below(root) for root in roots))
    explained, all_of_it = len(situation.symptoms & below), len(situation.symptoms)
    if explained:
        words = f"{_of_incident(explained, all_of_it)} {name} or hang{'s' if all_of_it == 1 else ''} on it"
        yield Evidence(EvidenceKind.EXPLAINS, WEIGHTS[EvidenceKind.EXPLAINS] * explained / all_of_it, words)
    more = len((set(situation.affected) & below).difference(roots if len(roots) == 1 else ()))
    if more:
        share = min(1.0, log2(1 + more) / log2(1 + _MANY))
        what = f"{more} check{'' if more == 1 else 's'} in trouble"
        words = (
            f"{what} hang{'s' if more == 1 else ''} on it" if len(roots) == 1 else f"{what} are {name} or hang on it"
        )
        yield Evidence(EvidenceKind.ACCOUNTS, WEIGHTS[EvidenceKind.ACCOUNTS] * share, words)


def _of_incident(explained: int, all_of_it: int) -> str:
    """How many of an incident's checks, and the verb."""
    if all_of_it == 1:
        return "the check of the incident is"
    if explained == all_of_it:
        return f"all {all_of_it} checks of the incident are"
    return f"{explained} of the {all_of_it} checks of the incident {'is' if explained == 1 else 'are'}"


def _spread(slug: str, situation: Situation) -> Iterator[Evidence]:
    """Those right below it that have nothing else to stand on: whether it took them along.

    One that hangs on something else in trouble as well tells nothing.
    """
    hit, spared = [], []
    for child in situation.graph.children.get(slug, ()):
        if child not in situation.affected:
            if [slug] in situation.graph.needs(child):
                spared.append(child)
        elif not any(e.parent != slug and e.parent in situation.affected for e in situation.graph.parents[child]):
            hit.append(child)
    weight = _HIT * len(hit) + _SPARED * len(spared)
    if weight > 0:
        words = f"{listing(hit, _MOST_NAMED)} right below it {'is' if len(hit) == 1 else 'are'} in trouble"
        yield Evidence(EvidenceKind.SPREADS, min(WEIGHTS[EvidenceKind.SPREADS], weight), words)
    elif weight < 0:
        words = f"{listing(spared, _MOST_NAMED)} right below it {'is' if len(spared) == 1 else 'are'} well"
        yield Evidence(EvidenceKind.STOPS, max(WEIGHTS[EvidenceKind.STOPS], weight), words)


def _changes(situation: Situation, by_service: Mapping[str, Cause]) -> Iterator[Cause]:
    """A change is as likely as what it changed, and the more so the shorter before it was made."""
    for change in situation.changes:
        blamed = by_service.get(change.service)
        since = (blamed.at if blamed and blamed.at else situation.opened_at) - change.at
        if not timedelta(minutes=-1) <= since <= CHANGED_WITHIN:
            continue
        share = 0.5 ** max(0.0, since / _HALF_LIFE)
        version = f" {change.version}" if change.version else ""
        by = f" by {change.by}" if change.by else ""
        when = f"{lasted(since)} before its trouble began" if since >= timedelta(seconds=1) else "as its trouble began"
        words = f"{change.service}{version} was changed{by} {when}"
        own = Evidence(EvidenceKind.CHANGED, WEIGHTS[EvidenceKind.CHANGED] * share, words)
        evidence = (own, *(blamed.evidence if blamed else ()))
        yield Cause(CauseKind.CHANGE, change.title, _sum(evidence), evidence, change.service, change.at, change.link)


def _places(situation: Situation) -> Iterator[Cause]:
    """Where several checks that do not hang on each other fail together, it is what they share.

    Most of what is in trouble by itself has to be there, and most of what is there in trouble; what merely hangs on
    it counts for neither.
    """
    affected, graph = set(situation.affected), situation.graph
    roots = {slug for slug in affected if not graph.hangs_on(slug) & affected}
    for label, members in situation.places.items():
        own, hit = roots & members, affected & members
        if len(own) < _LEAST_ROOTS or 2 * len(own) < len(roots) or 2 * len(hit) < len(members):
            continue
        below = members.union(*(graph.below(slug) for slug in hit))
        apart = [slug for slug in graph.services if slug not in below]
        outside = len(affected - below) / len(apart) if apart else 0.0
        share = len(hit) / len(members)
        words = f"{len(hit)} of the {len(members)} checks of {label} are in trouble, and {outside:.0%} of those apart"
        at = min(situation.affected[slug] for slug in hit)
        evidence = (
            Evidence(EvidenceKind.SHARED, WEIGHTS[EvidenceKind.SHARED] * max(0.0, share - outside), words),
            Evidence(EvidenceKind.ROOT, WEIGHTS[EvidenceKind.ROOT], f"{len(own)} of them hang on nothing in trouble"),
            *_reach(sorted(hit), situation, "among them"),
        )
        yield Cause(CauseKind.PLACE, label, _sum(evidence), evidence, at=at)


def _crowd(slug: str, situation: Situation, places: Sequence[Cause]) -> Iterator[Evidence]:
    """What fails with its whole place is no cause of its own."""
    for place in places:
        if slug in situation.places[place.subject]:
            yield Evidence(
                EvidenceKind.ONE_OF_MANY, WEIGHTS[EvidenceKind.ONE_OF_MANY], f"all of {place.subject} is in trouble"
            )


def _sum(evidence: Iterable[Evidence]) -> float:
    return round(sum(each.weight for each in evidence), 3)
