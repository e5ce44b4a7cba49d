"""Requests to judge a group: the dispatch rows, written in the commit of whatever caused them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from healthmgr.domain.dispatch import HORIZON, Due, Work, patience

# An earlier due time wins; each change moves the token, so that a reminder of the old one does nothing.
# What lies beyond the horizon is left unarmed: the sweep reminds of it when it comes near.
_REQUEST = text("""
INSERT INTO dispatches AS d (group_key, due_at, token, reason, armed_until, arm_count)
VALUES (:group_key, :due_at, nextval('dispatch_tokens'), :reason,
        CASE WHEN CAST(:due_at AS timestamptz) <= :horizon THEN CAST(:due_at AS timestamptz) + :patience END,
        CASE WHEN CAST(:due_at AS timestamptz) <= :horizon THEN 1 ELSE 0 END)
ON CONFLICT (group_key) DO UPDATE SET
    due_at = LEAST(d.due_at, EXCLUDED.due_at),
    token = EXCLUDED.token,
    reason = EXCLUDED.reason,
    armed_until = CASE WHEN LEAST(d.due_at, EXCLUDED.due_at) <= :horizon
                       THEN LEAST(d.due_at, EXCLUDED.due_at) + :patience END,
    arm_count = CASE WHEN LEAST(d.due_at, EXCLUDED.due_at) <= :horizon THEN 1 ELSE 0 END
RETURNING token, due_at
""")


def request_dispatches(
    connection: Connection, wanted: Iterable[tuple[str, datetime, str]], now: datetime, *, will_remind: bool = True
) -> list[Due]:
    """Ask for groups to be judged, each by its key, when and why: once a group, for the earliest time of those asked.

    The rows are taken in the order of their keys, so that two who want the same ones never wait for each other.
    """
    earliest: dict[str, tuple[datetime, str]] = {}
    for group_key, due_at, reason in wanted:
        if group_key not in earliest or due_at < earliest[group_key][0]:
            earliest[group_key] = due_at, reason
    return [
        request_dispatch(connection, group_key, due_at, reason, now, will_remind=will_remind)
        for group_key, (due_at, reason) in sorted(earliest.items())
    ]


def request_dispatch(
    connection: Connection, group_key: str, due_at: datetime, reason: str, now: datetime, *, will_remind: bool = True
) -> Due:
    """Ask for a group to be judged at `due_at` or earlier.

    With `will_remind` the caller sends the reminder after its commit; otherwise the next sweep does.
    """
    row = connection.execute(
        _REQUEST,
        {
            "group_key": group_key,
            "due_at": due_at,
            "reason": reason,
            "patience": patience(0),
            # Nothing lies before this horizon: the row is left unarmed.
            "horizon": now + HORIZON if will_remind else datetime.min.replace(tzinfo=UTC),
        },
    ).one()
    return Due(Work.DISPATCH, group_key, row.token, row.due_at)
