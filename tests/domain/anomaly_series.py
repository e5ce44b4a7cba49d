"""Series made up for the anomaly detector: what services look like, and what happens to them. Seeded, no two alike."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
POINTS = 4032  # two weeks of five minutes


@dataclass(frozen=True)
class Series:
    name: str
    values: list[float]
    happenings: tuple[tuple[int, int], ...]
    every: timedelta = timedelta(minutes=5)

    def at(self, number: int) -> datetime:
        return BEGIN + number * self.every


def daily(rng: random.Random) -> list[float]:
    phase, height = rng.random(), rng.uniform(10, 40)
    return [60 + height * math.sin(2 * math.pi * (i / 288 + phase)) + rng.gauss(0, height / 12) for i in range(POINTS)]


def office_hours(rng: random.Random) -> list[float]:
    return [
        (80 if 84 <= i % 288 < 204 else 20) + rng.gauss(0, 2) - (15 if (i // 288) % 7 >= 5 else 0)
        for i in range(POINTS)
    ]


def flat_noise(rng: random.Random) -> list[float]:
    return [45 + rng.gauss(0, 2) + (rng.expovariate(1 / 3) if rng.random() < 0.02 else 0) for _ in range(POINTS)]


def wandering(rng: random.Random) -> list[float]:
    values, slow, fast = [], 0.0, 0.0
    for _ in range(POINTS):
        slow = 0.99 * slow + rng.gauss(0, 0.3)
        fast = 0.9 * fast + 0.3 * slow
        values.append(70 + fast + rng.gauss(0, 0.4))
    return values


def counts(rng: random.Random) -> list[float]:
    rate = rng.uniform(5, 60)
    return [
        float(round(rate * math.exp(0.8 * math.sin(2 * math.pi * i / 288)) * rng.gammavariate(3, 1 / 3)))
        for i in range(POINTS)
    ]


def idle(rng: random.Random) -> list[float]:
    every = rng.randrange(200, 320)
    return [0.1 + 0.01 * rng.random() + (1.4 + rng.gauss(0, 0.1) if i % every == 7 else 0) for i in range(POINTS)]


SHAPES: tuple[Callable[[random.Random], list[float]], ...] = (daily, office_hours, flat_noise, wandering, counts, idle)


def spike(values: list[float], at: int, rng: random.Random) -> int:
    for i in (at, at + 1, at + 2):
        values[i] += 8 * spread(values)
    return at + 3


def shift(values: list[float], at: int, rng: random.Random) -> int:
    by = 4 * spread(values)
    for i in range(at, at + 120):
        values[i] += by
    return at + 120


def outage(values: list[float], at: int, rng: random.Random) -> int:
    down = min(values) - 3 * spread(values)
    for i in range(at, at + 60):
        values[i] = down
    return at + 60


def restless(values: list[float], at: int, rng: random.Random) -> int:
    by = 4 * spread(values)
    for i in range(at, at + 120):
        values[i] += rng.gauss(0, by)
    return at + 120


def hanging(values: list[float], at: int, rng: random.Random) -> int:
    for i in range(at, at + 200):
        values[i] = values[at]
    return at + 200


HAPPENINGS: tuple[Callable[[list[float], int, random.Random], int], ...] = (spike, shift, outage, restless)


def spread(values: list[float]) -> float:
    middle = sum(values) / len(values)
    return math.sqrt(sum((x - middle) ** 2 for x in values) / len(values))


def calm_series(seeds: range) -> list[Series]:
    """Every shape, and nothing happens."""
    return [Series(f"{shape.__name__}-{seed}", shape(random.Random(seed)), ()) for shape in SHAPES for seed in seeds]


def troubled_series(seeds: range) -> list[Series]:
    """Every shape with every happening, once, in its second week."""
    made = []
    for shape in SHAPES:
        for happening in HAPPENINGS:
            for seed in seeds:
                rng = random.Random(f"{shape.__name__} {happening.__name__} {seed}")
                values = shape(rng)
                begin = rng.randrange(2200, 3700)
                end = happening(values, begin, rng)
                made.append(Series(f"{shape.__name__}-{happening.__name__}-{seed}", values, ((begin, end),)))
    return made
