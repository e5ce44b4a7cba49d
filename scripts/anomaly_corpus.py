"""`make anomaly DATA=folder`: how well the anomaly detector does on labelled series.

The folder has `windows.json` ({"group/file.csv": [["begin", "end"], ...]}) and those files with the columns
`timestamp` and `value`, as the Numenta Anomaly Benchmark keeps them. Scored as it is published (Lavin and Ahmad, 2015):
of each file the first 15 % (of 5,000 rows at most) don't count; in a window the first detection counts, the more, the
earlier; every detection outside costs, the more, the further behind a window; one threshold serves all files.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import process_time

from healthmgr.domain.anomaly import ANOMALOUS_FROM, SeriesDetector

PROFILES = {"standard": 0.11, "reward low FP": 0.22}  # what a false detection costs; a window found or missed is 1
_APART = 12  # rows: detections nearer than that are one alarm


@dataclass(frozen=True)
class Series:
    """A labelled series with its scores."""

    name: str
    scores: Sequence[float]
    windows: Sequence[tuple[int, int]]  # first and last row
    seconds: float = 0.0
    state: int = 0

    @property
    def group(self) -> str:
        """The folder that it lies in."""
        return self.name.split("/")[0]

    @property
    def probation(self) -> int:
        """So many rows at the beginning don't count."""
        return math.floor(0.15 * min(len(self.scores), 5000))

    @property
    def counted_windows(self) -> list[tuple[int, int]]:
        """The windows that do not end before that."""
        return [window for window in self.windows if window[1] >= self.probation]


@dataclass(frozen=True)
class Step:
    """What lowering the threshold to this score changes: the gain of windows, and false detections as their weight."""

    score: float
    group: str
    gain: float
    false: float


def weight_at(position: float) -> float:
    """1 well before a window's end (-1 is its begin), 0 at its end, -1 from three window lengths behind it on."""
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def read(folder: Path) -> list[Series]:
    """Every labelled file, scored row by row."""
    labels = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    return [_score(folder, name, labels[name]) for name in sorted(labels)]


def _score(folder: Path, name: str, windows: list[list[str]]) -> Series:
    with (folder / name).open(newline="", encoding="utf-8") as file:
        rows = [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    numbers: dict[datetime, int] = {}
    for number, (at, _) in enumerate(rows):
        numbers.setdefault(at, number)
    detector = SeriesDetector()
    begin = process_time()
    scores = [detector.update(at, value).score for at, value in rows]
    seconds = process_time() - begin
    spans = sorted((numbers[_time(first)], numbers[_time(last)]) for first, last in windows)
    return Series(name, scores, spans, seconds, len(json.dumps(detector.to_state())))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)


def steps(series: Iterable[Series]) -> list[Step]:
    """Every change that a falling threshold makes, from the highest score down."""
    made: list[Step] = []
    for one in series:
        made.extend(_steps_in_windows(one))
        made.extend(_steps_outside(one))
    return sorted(made, key=lambda step: -step.score)


def _steps_in_windows(one: Series) -> Iterable[Step]:
    for first, last in one.counted_windows:
        width = last - first + 1
        best = -1.0  # missed
        rows = range(max(first, one.probation), last + 1)
        for row in sorted(rows, key=lambda row: (-one.scores[row], row)):
            worth = weight_at((row - last - 1) / width) / weight_at(-1.0)
            if worth > best:
                yield Step(one.scores[row], one.group, worth - best, 0.0)
                best = worth


def _steps_outside(one: Series) -> Iterable[Step]:
    before: tuple[int, int] | None = None
    windows = list(one.windows)
    for row, score in enumerate(one.scores):
        while windows and row > windows[0][1]:
            before = windows.pop(0)
        inside = bool(windows) and row >= windows[0][0]
        if row < one.probation or inside:
            continue
        behind = 4.0 if before is None else (row - before[1]) / max(before[1] - before[0], 1)
        yield Step(score, one.group, 0.0, weight_at(behind))


def best_threshold(changes: Sequence[Step], cost: float) -> tuple[float, float]:
    """The threshold with the greatest sum of gains, and that sum above missing everything."""
    best, threshold, total = 0.0, math.inf, 0.0
    for number, step in enumerate(changes):
        total += step.gain + cost * step.false
        is_last = number + 1 == len(changes) or changes[number + 1].score != step.score
        if is_last and total > best:
            best, threshold = total, step.score
    return threshold, best


def total_at(changes: Iterable[Step], cost: float, threshold: float) -> float:
    """The sum of gains at a threshold, above missing everything."""
    return sum(step.gain + cost * step.false for step in changes if step.score >= threshold)


def percent(total: float, series: Iterable[Series]) -> float:
    """100 is every window found at its begin and nothing else, 0 is nothing found and nothing false."""
    windows = [(len(one.windows), len(one.counted_windows)) for one in series]
    return 100 * total / sum(every + counted for every, counted in windows)


def across_groups(series: Sequence[Series], cost: float) -> float:
    """The score where each group is judged at the threshold that is best for all the others."""
    changes, total = steps(series), 0.0
    for group in {one.group for one in series}:
        threshold, _ = best_threshold([step for step in changes if step.group != group], cost)
        total += total_at([step for step in changes if step.group == group], cost, threshold)
    return percent(total, series)


def alarms(series: Iterable[Series], threshold: float) -> tuple[float, int, int]:
    """False alarms per 1,000 rows outside of windows, windows found, and windows."""
    false = outside = found = windows = 0
    for one in series:
        inside = {row for first, last in one.windows for row in range(first, last + 1)}
        hits = [row for row in range(one.probation, len(one.scores)) if one.scores[row] >= threshold]
        strays = [row for row in hits if row not in inside]
        false += sum(1 for k, row in enumerate(strays) if k == 0 or row - strays[k - 1] > _APART)
        outside += len(one.scores) - one.probation - sum(1 for row in inside if row >= one.probation)
        windows += len(one.counted_windows)
        found += sum(any(first <= row <= last for row in hits) for first, last in one.counted_windows)
    return 1000 * false / max(outside, 1), found, windows


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with windows.json")
    folder = parser.parse_args().data
    if not (folder / "windows.json").is_file():
        sys.stderr.write(f"{folder}/windows.json is not there: name the folder of a labelled corpus\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in summary(read(folder)))
    return 0


def summary(series: Sequence[Series]) -> Iterable[str]:
    """What is printed, line by line."""
    changes = steps(series)
    rows, seconds = sum(len(one.scores) for one in series), sum(one.seconds for one in series)
    state = max(one.state for one in series)
    yield f"{len(series)} files, {rows} rows, {1e6 * seconds / rows:.0f} microseconds a row, {state} bytes of state"
    for profile, cost in PROFILES.items():
        best, _ = best_threshold(changes, cost)
        for label, threshold in (("best", best), ("built in", ANOMALOUS_FROM)):
            reached = percent(total_at(changes, cost, threshold), series)
            false, found, windows = alarms(series, threshold)
            yield (
                f"{profile}: {reached:.1f} at {threshold:.2f} ({label}), "
                f"{false:.2f} false alarms per 1,000, {found} of {windows} windows found"
            )
        yield f"{profile}, each group at the threshold of the others: {across_groups(series, cost):.1f}"


if __name__ == "__main__":
    sys.exit(main())
