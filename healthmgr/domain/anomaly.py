"""Is this value unlike what the series did before? One point at a time, with a bounded memory.

Six kinds of deviation are looked at: outside what is usual at this hour, so for half an hour's or two hours' worth of
points on end, away from the level of late, a jump from one point to the next, and standing still. Each is turned into
its rarity (anomaly_tail), which makes kinds and series comparable; together they are the surprise. A happening is
told once: for a while after a surprise, a further one counts only where it goes beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from healthmgr.domain.anomaly_level import Level, Stillness, Window
from healthmgr.domain.anomaly_season import Season
from healthmgr.domain.anomaly_tail import ORDINARY, Tail
from healthmgr.domain.anomaly_words import VALUE, Kind, Subject, words_for

ANOMALOUS_FROM = 8.5
SILENT_FOR = 240  # points: so long a series is only learned
_VERSION = 1

# What each kind's rarity weighs: those that say the same of most series in other words weigh less.
_WEIGHED: Mapping[Kind, float] = {
    Kind.HOUR: 1.0,
    Kind.BURST: 1.0,
    Kind.SPELL: 0.7,
    Kind.LEVEL: 1.0,
    Kind.JUMP: 0.6,
    Kind.STILL: 0.8,
}
_KINDS, _WEIGHTS = tuple(_WEIGHED), tuple(_WEIGHED.values())  # the order of all that follows
_POWER = 3.0  # of the mean that joins them: several strong ones add up a little, weak ones not at all
_CUT = 12.0  # usual departures: more than that in one point does not carry a whole window
_LEVEL_RATE, _JUMP_RATE = 0.005, 0.5
_BURST, _SPELL, _LEVEL, _STILL = 6, 24, 24, 48  # points

_GREATEST = 1e120  # of a value: squares of greater ones are no numbers any more

_RAISED_FROM = 5.0
_RAISED_FOR = 120  # points
_RAISED_BY = 1.0
_ENDED_AFTER = 6  # points without a surprise: then a happening is over, and the next is a new one
_REPEATED = 0.3  # of a surprise is left as score when it repeats what was told


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of one value. `score` is its surprise, once for each happening; `surprise` goes on with it."""

    score: float
    surprise: float
    is_anomalous: bool
    expected: tuple[float, float] | None
    words: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    is_strange: bool = False  # the point itself is, and not only those before it: what a gate counts
    is_learning: bool = False  # the series is new: nothing is told of it yet
    is_missing: bool = False  # there was no value to judge


class SeriesDetector:
    """The detector of one series. Its state is a few KB, and survives restarts as `to_state` and `from_state`."""

    __slots__ = ("_age", "_bar", "_burst", "_calm", "_jump", "_level", "_levels", "_lowest", "_season", "_seen",
                 "_spell", "_still", "_subject", "_tails", "_threshold")  # fmt: skip

    def __init__(self, threshold: float = ANOMALOUS_FROM, subject: Subject = VALUE) -> None:
        self._threshold = threshold
        self._subject = subject
        self._seen, self._lowest, self._calm = 0, 0.0, _ENDED_AFTER
        self._season = Season()
        self._burst, self._spell = Window(_BURST, _CUT), Window(_SPELL, _CUT)
        self._level, self._jump = Level(_LEVEL_RATE), Level(_JUMP_RATE)
        self._levels = Window(_LEVEL, _CUT)
        self._still = Stillness(_STILL)
        self._tails = tuple(Tail() for _ in _KINDS)
        self._bar, self._age = 0.0, _RAISED_FOR

    def update(self, at: datetime, value: float | None, learn: bool = True) -> Judgement:
        """Judge the value at this time, and learn from it.

        With `learn=False` (maintenance, an outage that is known) nothing at all is kept: neither the series' ways nor
        the happening. A missing value is judged calmly and keeps nothing either.
        """
        if value is None or not abs(value) <= _GREATEST:
            return Judgement(0.0, 0.0, False, None, "no value", is_missing=True)
        bounds = self._season.bounds(at)
        off = self._season.deviation(value, bounds)
        away = self._level.deviation(value)
        deviations = (
            off,
            self._burst.mean_with(off),
            self._spell.mean_with(off),
            self._levels.mean_with(away),
            self._jump.deviation(value),
            self._still.deviation(value),
        )
        season = self._season.unit(value, bounds)
        units = (season, season, season, self._level.unit, self._jump.unit, 1.0)
        rarities = [tail.rarity(abs(x), unit) for tail, x, unit in zip(self._tails, deviations, units, strict=True)]
        weighed = [weight * rarity for weight, rarity in zip(_WEIGHTS, rarities, strict=True)]
        surprise = _joined(weighed)
        score = self._score(surprise)
        expected = self._expected(bounds)
        is_learning = self._seen < SILENT_FOR
        is_new = self._calm >= _ENDED_AFTER and not is_learning
        words, evidence, is_strange = "as usual", {}, False
        if surprise >= self._threshold:
            is_strange = not is_learning and self._is_strange(
                weighed, deviations, (off, off, off, away, deviations[4], deviations[5])
            )
            kind = _KINDS[weighed.index(max(weighed))]
            words = words_for(kind, value, expected, self._jump.mean, self._still.usual, self._subject)
            evidence = {
                kind.value: deviation * unit
                for kind, deviation, unit, rarity in zip(_KINDS, deviations, units, rarities, strict=True)
                if rarity >= ORDINARY
            }
        if learn:
            self._learn(at, value, bounds, off, away, deviations, units)
            self._raise_bar(surprise)
            self._calm = 0 if surprise >= self._threshold else self._calm + 1
            self._seen += 1
            self._lowest = min(self._lowest, value)
        is_anomalous = is_new and score >= self._threshold
        return Judgement(score, surprise, is_anomalous, expected, words, evidence, is_strange, is_learning)

    def mark_false(self, evidence: Mapping[str, float]) -> None:
        """A person said that this was no problem: the evidence of its judgement counts as ordinary for a while.

        Kinds that this version does not know are passed over: a judgement may be older than the program.
        """
        for kind, tail in zip(_KINDS, self._tails, strict=True):
            if kind.value in evidence:
                tail.forgive(abs(evidence[kind.value]))

    def _is_strange(self, weighed: Sequence[float], deviations: Sequence[float], of_point: Sequence[float]) -> bool:
        """Whether the surprise is there without those windows that this point does not keep up."""
        kept_up = [
            rarity
            for rarity, mean, point in zip(weighed, deviations, of_point, strict=True)
            if abs(point) >= abs(mean) and point * mean > 0
        ]
        return _joined(kept_up) >= self._threshold

    def _score(self, surprise: float) -> float:
        """The surprise, or little of it where a happening that was told goes on."""
        if self._age >= _RAISED_FOR:
            return surprise
        faded = self._age / _RAISED_FOR
        return surprise if surprise > self._bar * (1 - faded * faded) else _REPEATED * surprise

    def _raise_bar(self, surprise: float) -> None:
        if surprise > _RAISED_FROM and self._score(surprise) == surprise:
            self._bar, self._age = surprise + _RAISED_BY, 0
        self._age = min(self._age + 1, _RAISED_FOR)

    def _learn(
        self,
        at: datetime,
        value: float,
        bounds: tuple[float, float] | None,
        off: float,
        away: float,
        deviations: Sequence[float],
        units: Sequence[float],
    ) -> None:
        self._season.learn(at, value, bounds)
        self._burst.learn(off)
        self._spell.learn(off)
        self._levels.learn(away)
        self._level.learn(value)
        self._jump.learn(value)
        self._still.learn(value)
        for tail, deviation, unit in zip(self._tails, deviations, units, strict=True):
            tail.learn(abs(deviation), unit)

    def _expected(self, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        """Where 99 of 100 values are, at this hour or, while no day is known, of late.

        What was never below zero is not expected there.
        """
        if bounds is not None:
            margin = self._tails[_KINDS.index(Kind.HOUR)].usual * self._season.scale
            low, high = bounds[0] - margin, bounds[1] + margin
        elif self._level.scale > 0:
            margin = 3 * self._level.scale
            low, high = self._level.mean - margin, self._level.mean + margin
        else:
            return None
        return max(low, min(0.0, self._lowest)), high

    def to_state(self) -> dict[str, Any]:
        """Everything that the detector knows, for JSON: going on from it gives the same scores to the last bit."""
        return {
            "version": _VERSION,
            "threshold": self._threshold,
            "seen": self._seen,
            "lowest": self._lowest,
            "calm": self._calm,
            "bar": self._bar,
            "age": self._age,
            "season": self._season.to_state(),
            "burst": self._burst.to_state(),
            "spell": self._spell.to_state(),
            "level": self._level.to_state(),
            "jump": self._jump.to_state(),
            "levels": self._levels.to_state(),
            "still": self._still.to_state(),
            "tails": {kind.value: tail.to_state() for kind, tail in zip(_KINDS, self._tails, strict=True)},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], subject: Subject = VALUE) -> SeriesDetector:
        """The detector that `to_state` described. Raises ValueError where another version wrote it."""
        if state.get("version") != _VERSION:
            raise ValueError(
                f"the state of this anomaly detector has version {state.get('version')!r}, and {_VERSION} is known: "
                "begin with a new one"
            )
        detector = cls(float(state["threshold"]), subject)
        detector._seen, detector._calm = int(state["seen"]), int(state["calm"])
        detector._lowest = float(state["lowest"])
        detector._bar, detector._age = float(state["bar"]), int(state["age"])
        detector._season = Season.from_state(state["season"])
        detector._burst, detector._spell = Window.from_state(state["burst"]), Window.from_state(state["spell"])
        detector._level, detector._jump = Level.from_state(state["level"]), Level.from_state(state["jump"])
        detector._levels = Window.from_state(state["levels"])
        detector._still = Stillness.from_state(state["still"])
        detector._tails = tuple(Tail.from_state(state["tails"][kind.value]) for kind in _KINDS)
        return detector


def _joined(rarities: Sequence[float]) -> float:
    joined: float = sum([rarity**_POWER for rarity in rarities]) ** (1 / _POWER)
    return joined
