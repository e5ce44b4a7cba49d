"""The queues, in the order of the walk: separate, so that none waits for another."""

from __future__ import annotations

QUEUES = ("checks", "evaluation", "notifications", "escalation", "recovery", "upkeep")

# Which queue carries a task that somebody sends by its name alone; the first pattern that fits decides.
ROUTES = {
    "healthmgr.checks.*": {"queue": "checks"},
    "checks.*": {"queue": "checks"},
    "healthmgr.evaluation.*": {"queue": "evaluation"},
    "healthmgr.notifications.*": {"queue": "notifications"},
    "healthmgr.escalation.*": {"queue": "escalation"},
    "healthmgr.recovery.*": {"queue": "recovery"},
    "healthmgr.*": {"queue": "upkeep"},
}
