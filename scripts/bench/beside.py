"""The pipeline beside open dashboards and without them, in turns, so that what else the machine does falls on both.

Once while it has as much to do as it is meant to, where its probes may come late, and once with more than it can do,
where every bit of the processors that goes elsewhere is missed. The dashboards are watched on the same machine: what
watching costs is told apart from what serving does.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from scripts.bench.ours import COMMANDS, Lag, Ours, Throughput
from scripts.bench.site import ROOT, Running, Site, running

_SETTLED_AFTER = 8.0  # seconds until what was begun goes evenly


@dataclass(frozen=True, slots=True)
class Served:
    """Where the dashboard is, its server, and the cookie of a session."""

    address: str
    cookie: str
    server: psutil.Popen


@dataclass(frozen=True, slots=True)
class Looked:
    """One measurement: the pipeline, how late its probes began, and what the dashboards took, in cores and bytes/s."""

    done: Throughput
    lag: Lag | None
    server: float = 0.0
    watchers: float = 0.0
    sent: float = 0.0


@dataclass(frozen=True, slots=True)
class Amount:
    """How many checks are defined, how many dashboards are opened, and how often and for how many seconds is looked.

    `in_slots` is whether the pipeline keeps up: where it does not, how late it is tells nothing.
    """

    checks: int
    dashboards: int
    turns: int
    seconds: float
    in_slots: bool


def beside(site: Site, ours: Ours, served: Served, amount: Amount, say: Callable[[str], None]) -> dict[str, float]:
    """The figures of one load, the one that is applied."""
    alone, watched = [], []
    with running(site, COMMANDS) as processes:
        ours.wait_for_first_results(amount.checks)  # what is new is probed at once, and not in its slot
        time.sleep(3 * _SETTLED_AFTER)
        for turn in range(amount.turns):
            alone.append(_look(ours, processes, amount))
            watched.append(_look_beside(ours, processes, served, amount))
            say(f"turn {turn + 1}: alone {alone[-1]}, beside {amount.dashboards} dashboards {watched[-1]}")
            time.sleep(_SETTLED_AFTER)
    return _figures(alone, watched)


def _look(ours: Ours, processes: Running, amount: Amount) -> Looked:
    since = ours.now()
    done = ours.measured(processes, amount.seconds)
    return Looked(done, ours.lag(since, ours.now()) if amount.in_slots else None)


def _look_beside(ours: Ours, processes: Running, served: Served, amount: Amount) -> Looked:
    with _watched(served, amount.dashboards) as (received, watchers):
        time.sleep(_SETTLED_AFTER)
        before, began = (_seconds(served.server), _seconds(watchers), received()), time.monotonic()
        found = _look(ours, processes, amount)
        after, took = (_seconds(served.server), _seconds(watchers), received()), time.monotonic() - began
    server, watching, sent = ((late - early) / took for early, late in zip(before, after, strict=True))
    return Looked(found.done, found.lag, server, watching, sent)


def _seconds(process: psutil.Popen) -> float:
    return float(sum(process.cpu_times()[:2]))


def _middle(looks: Sequence[Looked], figure: Callable[[Looked], float]) -> float:
    return statistics.median(figure(look) for look in looks)


def _lags(name: str, looks: Sequence[Looked]) -> dict[str, float]:
    found = [look.lag for look in looks if look.lag is not None]
    if not found:
        return {}
    return {
        f"{name}_lag_p50_s": round(statistics.median(lag.p50 for lag in found), 3),
        f"{name}_lag_p99_s": round(statistics.median(lag.p99 for lag in found), 3),
    }


def _figures(alone: Sequence[Looked], watched: Sequence[Looked]) -> dict[str, float]:
    rates = [look.done.per_second for look in alone]
    rate, rate_beside = statistics.median(rates), _middle(watched, lambda look: look.done.per_second)
    return {
        "alone_per_second": round(rate, 1),
        "beside_per_second": round(rate_beside, 1),
        "slower_by_percent": round(100 * (1 - rate_beside / rate), 1),
        "alone_spread_percent": round(100 * (max(rates) - min(rates)) / rate, 1),
        **_lags("alone", alone),
        **_lags("beside", watched),
        "server_cores": round(_middle(watched, lambda look: look.server), 3),
        "watchers_cores": round(_middle(watched, lambda look: look.watchers), 3),
        "sent_KiB_per_second": round(_middle(watched, lambda look: look.sent) / 1024, 1),
    }


@contextmanager
def _watched(served: Served, many: int) -> Iterator[tuple[Callable[[], int], psutil.Popen]]:
    """So many open dashboards; tells how many bytes have come to all of them, and who watches."""
    command = [sys.executable, "-m", "scripts.bench.watching", served.address, served.cookie, str(many)]
    process = psutil.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines = process.stdout
    if lines is None or lines.readline() != "open\n":
        process.kill()
        raise RuntimeError("the dashboards did not open")

    latest = [0]

    def follow() -> None:
        for line in lines:
            latest[0] = int(line)

    threading.Thread(target=follow, name="dashboards", daemon=True).start()
    try:
        yield lambda: latest[0], process
        if process.poll() is not None:
            raise RuntimeError("the dashboards have lost their connections")
    finally:
        process.kill()
        process.communicate()
