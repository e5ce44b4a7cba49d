"""Messages on their way: are groups judged in time, and do providers take what they are given?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import RowMapping, text

from healthmgr.cli.doctor.finding import Finding, Installation, fail, warn, well
from healthmgr.domain.phrasing import lasted, relative
from healthmgr.telemetry import mask

_OVERDUE = timedelta(minutes=1)
_LATELY = timedelta(days=1)
_SERIOUS = 3  # attempts, after which a provider is not merely having a moment
_MOST = 2000

_OF_LATE = text("""
SELECT n.channel, n.state, n.attempts, n.due_at, n.created_at, last.outcome, last.detail
FROM notifications n
LEFT JOIN LATERAL (
    SELECT d.outcome, d.detail FROM deliveries d
    WHERE d.notification_id = n.id AND d.outcome <> 'started' ORDER BY d.attempt DESC LIMIT 1
) last ON true
WHERE n.state IN ('pending', 'sending') OR (n.state = 'failed' AND n.created_at > :since)
ORDER BY n.created_at DESC LIMIT :most
""")
_DISPATCHES = text("SELECT count(*) AS count, min(due_at) AS since FROM dispatches WHERE due_at < :before")


def examine_sending(installation: Installation) -> Iterator[Finding]:
    """Whether messages wait, are refused, are retried in vain, or are too many for their provider."""
    now = installation.healthmgr.clock.now()
    with installation.healthmgr.engine.connect() as connection:
        groups = connection.execute(_DISPATCHES, {"before": now - _OVERDUE}).mappings().one()
        parameters = {"since": now - _LATELY, "most": _MOST}
        rows = list(connection.execute(_OF_LATE, parameters).mappings())
    findings = [*_undecided(groups, now), *_waiting(rows, now)]
    for channel, of_channel in sorted(_by_channel(rows).items()):
        findings += [*_failed(channel, of_channel, now), *_retried(channel, of_channel), *_limited(channel, of_channel)]
    yield from findings or [well("no message waits, is refused, or is sent in vain")]


def _by_channel(rows: Sequence[RowMapping]) -> Mapping[str, list[RowMapping]]:
    found: dict[str, list[RowMapping]] = defaultdict(list)
    for row in rows:
        found[row["channel"]].append(row)
    return found


def _undecided(groups: RowMapping, now: datetime) -> Iterator[Finding]:
    if groups["count"]:
        since = lasted(now - groups["since"])
        yield fail(
            f"{groups['count']} groups of alerts wait for {since} to be judged: nobody was told of them yet",
            "start a worker with -Q notifications, or look at its log",
        )


def _waiting(rows: Sequence[RowMapping], now: datetime) -> Iterator[Finding]:
    waiting = [row["due_at"] for row in rows if row["state"] == "pending" and row["due_at"] < now - _OVERDUE]
    if waiting:
        yield fail(
            f"{len(waiting)} messages should have been sent, one of them {relative(min(waiting), now)}",
            "start a worker with -Q notifications; when one runs, a slow channel may need a higher max_concurrency",
        )


def _failed(channel: str, rows: Sequence[RowMapping], now: datetime) -> Iterator[Finding]:
    failed = [row for row in rows if row["state"] == "failed"]
    if failed:
        latest = failed[0]
        yield fail(
            f"channel {channel}: {len(failed)} messages failed for good since yesterday, "
            f"the latest {relative(latest['created_at'], now)}: {_said(latest)}",
            "correct the channel or the recipient's contact, and run `healthmgr apply`; "
            "`healthmgr notifications list` names them",
        )


def _retried(channel: str, rows: Sequence[RowMapping]) -> Iterator[Finding]:
    retried = [row for row in rows if row["state"] != "failed" and row["attempts"] and row["outcome"]]
    if retried:
        worst = max(retried, key=lambda row: int(row["attempts"]))
        judge = fail if worst["attempts"] >= _SERIOUS else warn
        yield judge(
            f"channel {channel}: {len(retried)} messages were not taken yet, after up to {worst['attempts']} attempts: "
            f"{_said(worst)}",
            "see above whether its server can be reached from here; they are tried again by themselves",
        )


def _limited(channel: str, rows: Sequence[RowMapping]) -> Iterator[Finding]:
    if any(row["outcome"] == "retry" and " 429" in f" {row['detail']}" for row in rows):
        yield warn(
            f"channel {channel}: its provider says that we send too much (429)",
            "raise group_wait and repeat_interval in `routing`, or spread severities over more channels",
        )


def _said(row: RowMapping) -> str:
    return mask(row["detail"] or "nothing was said")[:200]
