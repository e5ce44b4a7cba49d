"""The shape in which people are read: how each is reached, and when they are left alone."""

from __future__ import annotations

from healthmgr.views import View
from healthmgr.views_oncall import ContactView


class QuietView(View):
    """When a person is left alone with what is only of these severities, in words; `windows` are named time windows."""

    severities: list[str]
    hours: list[str]
    windows: list[str]


class PersonView(View):
    """Somebody who is told: contacts in the order in which they are tried, and where he is on call now."""

    name: str
    display_name: str
    timezone: str
    managed_by: str
    contacts: list[ContactView]
    quiet: list[QuietView]
    teams: list[str]
    on_call: list[str]
