"""Checks as a whole: have they results, and do many of them fail at once?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, select

from healthmgr.cli.doctor.finding import Finding, Installation, fail, skip, warn, well
from healthmgr.cli.unmeasured import unmeasured
from healthmgr.domain.phrasing import listing
from healthmgr.storage.tables import check_schedules, check_states, checks

_NAMED = 4
_FEWEST_AT_ONCE = 3
# A probe may take its timeout, a lost one is found when its lease ends, and results travel in batches.
_GRACE = timedelta(seconds=60)
_NUMBERS = re.compile(r"\d+")
_BAD = ("unhealthy", "unknown")


def examine_checks(installation: Installation) -> Iterator[Finding]:
    """Whether checks get results in time, fail together, time out, are paused, or limit what nobody measures."""
    now = installation.healthmgr.clock.now()
    rows = _rows(installation)
    if not rows:
        yield skip("no check is defined")
        return
    active = [row for row in rows if not row["is_paused"]]
    findings = [
        *_stale(active, now),
        *_failing(active),
        *_timed_out(active),
        *_paused(rows),
        *_never_measured(installation),
    ]
    yield from findings or [well(f"{len(rows)} checks have results, and no many of them fail at once")]


def _rows(installation: Installation) -> list[RowMapping]:
    query = (
        select(
            checks.c.slug,
            checks.c.interval,
            checks.c.timeout,
            checks.c.updated_at,
            checks.c.is_paused,
            check_states.c.status,
            check_states.c.last_message,
            check_states.c.last_result_at,
        )
        .join(check_states, check_states.c.check_id == checks.c.id)
        .join(check_schedules, check_schedules.c.check_id == checks.c.id)
        .where(checks.c.is_enabled)
        .order_by(checks.c.slug)
    )
    with installation.healthmgr.engine.connect() as connection:
        return list(connection.execute(query).mappings())


def _stale(active: Sequence[RowMapping], now: datetime) -> Iterator[Finding]:
    stale = [row["slug"] for row in active if _is_stale(row, now)]
    if stale:
        yield fail(
            f"{len(stale)} of {len(active)} checks have had no result for more than two of their intervals: "
            f"{listing(stale, _NAMED)}",
            "see above whether beats run and queues checks and evaluation are consumed; "
            f"`healthmgr checks run {stale[0]}` probes at once",
        )


def _is_stale(row: RowMapping, now: datetime) -> bool:
    # What was just defined, changed or switched on again counts from then.
    latest: datetime = max(row["last_result_at"] or row["updated_at"], row["updated_at"])
    patience: timedelta = 2 * row["interval"] + row["timeout"] + _GRACE
    return now - latest > patience


def _failing(active: Sequence[RowMapping]) -> Iterator[Finding]:
    failing = [row for row in active if row["status"] in _BAD and row["last_result_at"] is not None]
    if len(failing) < max(_FEWEST_AT_ONCE, (len(active) + 1) // 2):
        return
    (said, count), *_ = Counter(_NUMBERS.sub("0", row["last_message"]) for row in failing).most_common(1)
    example = next(row["last_message"] for row in failing if _NUMBERS.sub("0", row["last_message"]) == said)
    alike = f'; {count} of them say much the same: "{example[:120]}"' if count > 1 else ""
    yield fail(
        f"{len(failing)} of {len(active)} checks fail at once: {listing([r['slug'] for r in failing], _NAMED)}{alike}",
        "look for what they share (`healthmgr checks show` names what each depends on): a network, a name server, a "
        "database; name HEALTHMGR_CANARIES, so that a worker can tell its own network from theirs",
    )


def _timed_out(active: Sequence[RowMapping]) -> Iterator[Finding]:
    slow = [row["slug"] for row in active if row["status"] in _BAD and row["last_message"].startswith("timed out")]
    if slow:
        yield warn(
            f"{len(slow)} checks ran into their timeout: {listing(slow, _NAMED)}",
            f"see in `healthmgr checks show {slow[0]}` what it took before; mend the target, or raise `timeout`",
        )


def _paused(rows: Sequence[RowMapping]) -> Iterator[Finding]:
    paused = [row["slug"] for row in rows if row["is_paused"]]
    if paused:
        yield warn(
            f"{len(paused)} checks are paused and tell nobody anything: {listing(paused, _NAMED)}",
            f"`healthmgr checks resume {paused[0]}` when that is over",
        )


def _never_measured(installation: Installation) -> Iterator[Finding]:
    found = unmeasured(installation.healthmgr.engine)
    for slug, metrics in list(found.items())[:_NAMED]:
        yield warn(
            f"{slug} has thresholds for what it never measured: {'; '.join(metrics)}",
            "correct the name in `thresholds`: such a limit is never crossed",
        )
    if len(found) > _NAMED:
        yield warn(
            f"{len(found) - _NAMED} more checks have thresholds for what they never measured",
            "`healthmgr checks show` names them",
        )
