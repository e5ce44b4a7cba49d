"""Measure everything in one run; a table for people, and as the last output one JSON object for programs."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

from scripts.bench import plain
from scripts.bench.ours import Ours
from scripts.bench.site import Site, opened
from scripts.bench.storm import GROUP_INTERVAL


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured, and for how long (seconds)."""

    warm: float = 12
    seconds: float = 20
    saturating_checks: int = 6000
    saturating_interval: float = 3
    lag_checks: int = 10_000
    lag_interval: float = 60
    lag_warm: float = 15
    lag_seconds: float = 45
    storm_checks: int = 1000


_QUICK = Scale(
    warm=6,
    seconds=5,
    saturating_checks=6000,
    lag_checks=500,
    lag_interval=10,
    lag_warm=6,
    lag_seconds=10,
    storm_checks=200,
)


def main() -> None:
    """Run the bench; exits 1 when a measurement cannot be believed."""
    parser = argparse.ArgumentParser(prog="make bench", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute, on a small scale: shows that it runs")
    scale = _QUICK if parser.parse_args().quick else Scale()
    console, notes = Console(stderr=False), Console(stderr=True)
    started = time.monotonic()
    with opened() as site:
        figures = _measure(site, scale, notes)
    figures["took_s"] = round(time.monotonic() - started, 1)
    console.print(_table(figures, scale))
    sys.stdout.write(json.dumps(figures) + "\n")
    if float(figures["bad_share"]) > 0.02:
        notes.print("The target did not keep up: more than 2 % of its checks were not healthy.")
        raise SystemExit(1)


def _measure(site: Site, scale: Scale, notes: Console) -> dict[str, float | int | str]:
    notes.print("1/5 bare Celery, no-op tasks")
    noop = plain.celery_noop(site, scale.warm / 2, scale.seconds / 2)
    notes.print("2/5 the naive design")
    naive_rate, naive_cost = plain.naive(site, scale.warm, scale.seconds)
    with closing(Ours(site)) as ours:
        # First, on empty tables: what saturation leaves overdue would count as late.
        what = f"{scale.lag_checks} checks every {scale.lag_interval:g} s"
        notes.print(f"3/5 healthmgr, {what}, quiet and while definitions are applied")
        quiet, busy = ours.lags(scale.lag_checks, scale.lag_interval, scale.lag_warm, scale.lag_seconds)
        notes.print(f"4/5 healthmgr, {scale.storm_checks} checks fail within a second")
        stormed = ours.storm(scale.storm_checks)
        notes.print(f"5/5 healthmgr, {scale.saturating_checks} checks every {scale.saturating_interval:g} s")
        full = ours.throughput(scale.saturating_checks, scale.saturating_interval, scale.warm, scale.seconds)
    return {
        "checks_per_second": round(full.per_second, 1),
        "naive_checks_per_second": round(naive_rate, 1),
        "ratio_over_naive": round(full.per_second / naive_rate, 2),
        "celery_noop_per_second": round(noop, 1),
        "lag_p50_s": round(quiet.p50, 4),
        "lag_p99_s": round(quiet.p99, 4),
        "lag_applying_p50_s": round(busy.p50, 4),
        "lag_applying_p99_s": round(busy.p99, 4),
        "cpu_ms_per_check": round(full.cpu_ms, 3),
        "naive_cpu_ms_per_check": round(naive_cost, 3),
        "storm_checks": scale.storm_checks,
        "storm_pages": stormed.pages,
        "storm_all_failed_s": round(stormed.all_failed, 2),
        "storm_first_page_s": round(stormed.first_page, 2),
        "storm_all_listed_s": round(stormed.all_listed, 2),
        "bad_share": round(full.bad_share, 4),
        "offered_per_second": round(scale.saturating_checks / scale.saturating_interval, 1),
        "lag_checks": scale.lag_checks,
        "lag_interval_s": scale.lag_interval,
        "cores": psutil.cpu_count() or 0,
        "python": platform.python_version(),
    }


def _table(figures: Mapping[str, float | int | str], scale: Scale) -> Table:
    table = Table("measured", "healthmgr", "naive design", "bare Celery", title="healthmgr bench")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(
        "a second (checks; no-op tasks)",
        f"{figures['checks_per_second']}",
        f"{figures['naive_checks_per_second']}",
        f"{figures['celery_noop_per_second']}",
    )
    table.add_row("times the naive design", f"{figures['ratio_over_naive']}", "1", "")
    table.add_row(
        "CPU ms a check, all included", f"{figures['cpu_ms_per_check']}", f"{figures['naive_cpu_ms_per_check']}", ""
    )
    for name, key in (("", "lag"), (", while definitions are applied", "lag_applying")):
        lag = f"{figures[f'{key}_p50_s']} / {figures[f'{key}_p99_s']} s"
        table.add_row(f"late, p50 / p99, {scale.lag_checks} checks at {scale.lag_interval:g} s{name}", lag, "", "")
    storm = f"{figures['storm_pages']}, {figures['storm_first_page_s']} s, {figures['storm_all_listed_s']} s"
    said = f"{scale.storm_checks} checks fail at once: pages, the first, all listed (news every {GROUP_INTERVAL:g} s)"
    table.add_row(said, storm, "", "")
    return table


if __name__ == "__main__":
    main()
