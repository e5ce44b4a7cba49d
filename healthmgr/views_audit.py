"""The shape in which the audit log is read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.views import View


class AuditView(View):
    """Who did what to what, through which door; `detail` holds what the action itself notes, and no secret."""

    id: UUID
    at: datetime
    actor: str
    origin: str
    action: str
    target: str
    detail: dict[str, Any]
