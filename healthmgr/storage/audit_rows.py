"""The audit log: who did what, to what, from where."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from uuid_utils.compat import uuid7

_AUDIT = text("""
INSERT INTO audit_entries (id, at, actor, origin, action, target, detail)
VALUES (:id, :now, :actor, :origin, :action, :target, :detail)
""")


def write_audit(
    connection: Connection,
    actor: str,
    origin: str,
    action: str,
    target: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Write one entry of the audit log.

    `origin` is the door that was used, and behind a space where from ("api 192.0.2.7"), which goes into the detail.
    """
    door, _, whence = origin.partition(" ")
    document = json.dumps(detail | {"from": whence} if whence else detail)
    values = {"actor": actor, "origin": door, "action": action, "target": target, "detail": document}
    connection.execute(_AUDIT, {"id": uuid7(), "now": now, **values})
