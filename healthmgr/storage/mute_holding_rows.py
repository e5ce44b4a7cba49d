"""Whether all that a notification tells of is muted at the moment in which it is about to be sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

from healthmgr.domain.muting import Mutes
from healthmgr.domain.notification import Hold
from healthmgr.domain.routing_tree import GROUP_INTERVAL
from healthmgr.services.routing_judging import mute_hold
from healthmgr.storage.muting_rows import read_mutes, to_subject

_FIRING = text("""
SELECT id, labels, severity, origin, check_id FROM alerts WHERE id = ANY(:ids) AND resolved_at IS NULL
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


def hold_muted(connection: Connection, notification: Any, now: datetime) -> Hold | None:
    """Until when to hold a notification, all of whose open alerts are muted; None when any may be told."""
    mutes = read_mutes(connection, now)
    return None if mutes.are_none else _hold(connection, mutes, notification, now)


def ids_of_muted(connection: Connection, notifications: Iterable[Any], now: datetime) -> set[UUID]:
    """Those of these notifications, all of whose open alerts are muted."""
    mutes = read_mutes(connection, now)
    if mutes.are_none:
        return set()
    return {each.id for each in notifications if _hold(connection, mutes, each, now) is not None}


def _hold(connection: Connection, mutes: Mutes, notification: Any, now: datetime) -> Hold | None:
    ids = [UUID(alert_id) for alert_id in notification.content.get("firing", ())]
    muted = [mutes.judge(to_subject(row)) for row in connection.execute(_FIRING, {"ids": ids})]
    holds = [mute_hold(each, GROUP_INTERVAL, now) for each in muted if each is not None]
    if not holds or len(holds) < len(muted):
        return None
    return min(holds, key=lambda hold: hold.until)
