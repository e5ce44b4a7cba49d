"""`make bench-dashboard`: ten thousand checks with a month of rollups on the dashboard, and a hundred who look at it.

How soon pages and lists answer, how soon a change of state arrives, and what the pipeline does beside open dashboards
and without them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from healthmgr.storage.reading_board import BoardReading, Wanted
from healthmgr.supervisor.local import free_port
from scripts.bench.beside import Amount, Served, beside
from scripts.bench.month import fill
from scripts.bench.ours import Ours
from scripts.bench.site import ROOT, Site, opened
from scripts.bench.watching import Watcher, sign_in

_REPEATS = 9
_CHANGES = 8
_CHANGE = text("""
UPDATE check_states SET status = :status, last_message = :words
WHERE check_id = (SELECT id FROM checks WHERE slug = :slug)
""")


def main() -> None:
    """Make the month, ask, and let people watch."""
    parser = argparse.ArgumentParser(prog="make bench-dashboard", description=main.__doc__)
    parser.add_argument("--checks", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30, help="of rollups")
    parser.add_argument("--dashboards", type=int, default=100)
    parser.add_argument("--interval", type=float, default=60, help="seconds between two looks of each check")
    parser.add_argument(
        "--saturating", type=float, default=3, help="... that are more than can be done; 0 leaves it out"
    )
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement beside the pipeline")
    parser.add_argument("--turns", type=int, default=2, help="measurements with and without dashboards")
    wanted = parser.parse_args()
    notes = Console(stderr=True)
    with opened() as site, closing(Ours(site)) as ours:
        figures = _measure(site, ours, wanted, notes)
    table = Table("figure", "found")
    for name, found in figures.items():
        table.add_row(name, f"{found:,}")
    Console().print(table)
    sys.stdout.write(json.dumps(figures) + "\n")


def _measure(site: Site, ours: Ours, wanted: argparse.Namespace, notes: Console) -> dict[str, float]:
    healthmgr = ours.healthmgr
    ours.apply(ours.store("dashboard", _document(site, wanted.checks, wanted.interval)))
    healthmgr.measuring.rolling.keep_tables(healthmgr.now())
    healthmgr.measuring.rolling.roll(healthmgr.now())
    rollups = fill(healthmgr.engine, wanted.days, healthmgr.now(), notes.print)
    token = healthmgr.tokens.ensure("bench", "viewer", None, healthmgr.now())
    figures: dict[str, float] = {"checks": wanted.checks, "rollups": rollups}
    with _serving(site) as (address, server):
        cookie = sign_in(address, token)
        figures |= _asked(ours, address, cookie, token)
        figures |= asyncio.run(_changes(ours, address, cookie))
        notes.print(f"{figures}")
        figures |= dict(_loads(site, ours, Served(address, cookie, server), wanted, notes))
    return figures


def _loads(
    site: Site, ours: Ours, served: Served, wanted: argparse.Namespace, notes: Console
) -> Iterator[tuple[str, float]]:
    """The pipeline with what it is meant to do, and with more than it can do, beside dashboards and alone."""
    yield "dashboards", wanted.dashboards
    for load, interval in (("normal", wanted.interval), ("saturated", wanted.saturating)):
        if not interval:
            continue
        if interval != wanted.interval:
            ours.apply(ours.store("dashboard", _document(site, wanted.checks, interval)))
        yield f"{load}_offered_per_second", round(wanted.checks / interval, 1)
        amount = Amount(wanted.checks, wanted.dashboards, wanted.turns, wanted.seconds, in_slots=load == "normal")
        found = beside(site, ours, served, amount, notes.print)
        yield from ((f"{load}_{name}", figure) for name, figure in found.items())


def _document(site: Site, checks: int, interval: float) -> Mapping[str, Any]:
    url = f"http://127.0.0.1:{site.target_port}"
    return {
        "version": 1,
        "channels": {"mail": {"kind": "email", "config": {"host": "127.0.0.1", "port": 1, "from": "a@b.example"}}},
        "recipients": {"ops": {"contacts": {"mail": "ops@b.example"}}},
        "routing": {"default": {"to": ["ops"], "via": ["mail"]}},
        "checks": {
            f"check-{n:05}": {
                "kind": "http",
                "service": f"service-{n // 50:03}",
                "config": {"url": f"{url}/{n}"},
                "interval": f"{interval:g}s",
                "timeout": f"{min(interval * 0.8, 8):g}s",
            }
            for n in range(checks)
        },
    }


@contextmanager
def _serving(site: Site) -> Iterator[tuple[str, psutil.Popen]]:
    """The API and the dashboard in a process of their own."""
    port = free_port(8100)
    environ = {**site.environ, "HEALTHMGR_PORT": str(port), "HEALTHMGR_HOST": "127.0.0.1"}
    with (site.folder / "api.log").open("wb") as log:
        command = [sys.executable, "-m", "healthmgr.api.serve"]
        process = psutil.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, site.folder / "api.log")
        yield address, process
    finally:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        process.wait(30)


def _wait_for(address: str, process: psutil.Popen, log: Path) -> None:
    ends_at = time.monotonic() + 60
    while True:
        with suppress(requests.ConnectionError):
            requests.get(f"{address}/login", timeout=5)
            return
        if process.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError(f"the API did not start; it said:\n{log.read_text('utf-8', 'replace')[-2000:]}")
        time.sleep(0.2)


def _asked(ours: Ours, address: str, cookie: str, token: str) -> dict[str, float]:
    board = BoardReading(ours.healthmgr.engine)
    ids = [line.id for line in board.board(Wanted()).lines]

    def get(path: str, **headers: str) -> Callable[[], object]:
        def ask() -> None:
            requests.get(address + path, headers=headers, timeout=60).raise_for_status()

        return ask

    own = {"cookie": cookie}
    return {
        **_times("board_query", lambda: board.board(Wanted())),
        **_times("day_of_50_checks_query", lambda: board.glances(ids, ours.healthmgr.now())),
        **_times("overview_page", get("/ui/", **own)),
        **_times("overview_filtered_page", get("/ui/?search=service-19&number=2", **own)),
        **_times("check_page", get("/ui/checks/check-00007?range=30d", **own)),
        **_times("list_api", get("/api/v1/checks?limit=50", Authorization=f"Bearer {token}")),
    }


def _times(name: str, ask: Callable[[], object]) -> dict[str, float]:
    """The first, which fills caches, then the best, the middle and the worst of some more, in milliseconds."""
    found = []
    for _ in range(_REPEATS + 1):
        began = time.perf_counter()
        ask()
        found.append(round((time.perf_counter() - began) * 1000, 1))
        time.sleep(0.3)
    rest = found[1:]
    named = {"first": found[0], "best": min(rest), "median": statistics.median(rest), "worst": max(rest)}
    return {f"{name}_{word}_ms": value for word, value in named.items()}


async def _changes(ours: Ours, address: str, cookie: str) -> dict[str, float]:
    """How long after its commit a change of state is sent to an open page."""
    watcher = Watcher(address, cookie, "/ui/?search=check-00007")
    await watcher.open()
    took = []
    for number in range(_CHANGES):
        words = f"{number}-changed"
        status = ("degraded", "unhealthy")[number % 2]
        waiting = asyncio.create_task(watcher.wait_for(words))
        await asyncio.sleep(0.37)

        def change(words: str = words, status: str = status) -> None:
            with ours.healthmgr.engine.begin() as connection:
                connection.execute(_CHANGE, {"slug": "check-00007", "status": status, "words": words})

        await asyncio.to_thread(change)
        began = time.monotonic()
        took.append(await waiting - began)
    await watcher.close()
    return {"change_arrives_median_s": round(statistics.median(took), 2), "change_arrives_worst_s": round(max(took), 2)}


if __name__ == "__main__":
    main()
