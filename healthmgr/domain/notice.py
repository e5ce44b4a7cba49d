"""Notices: messages to one person that are about no incident, such as the question whether to swap shifts.

They travel as all notifications do, on the incident of number 0, which no list shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target

NOTICE = 1001  # the level of such notifications, above all that a policy may have


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told about a swap, and when over each contact; `asks` for an answer, over all of them.

    What only tells ends with the first contact that takes it.
    """

    swap_id: UUID
    reason: Reason
    due_at: Mapping[Target, datetime]
    title: str
    summary: str
    asks: bool = False

    @property
    def content(self) -> dict[str, Any]:
        """The form in which it is stored."""
        return {"swap": str(self.swap_id), "title": self.title, "summary": self.summary, "asks": self.asks}
