"""The queues, in the order of the walk: separate, so that none waits for another."""

from __future__ import annotations

QUEUES = ("checks", "evaluation", "notifications", "escalation", "recovery", "upkeep")
