"""Where a page is: which installation it shows, to whom, and what keeps it up to date."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from healthmgr.bootstrap import Healthmgr
from healthmgr.dashboard.live import Live
from healthmgr.errors import NotPermitted
from healthmgr.services.sessions import Session
from healthmgr.services.tokens import Role

_KEY = "healthmgr.place"


@dataclass(frozen=True, slots=True)
class Place:
    """One browser's view of one installation."""

    healthmgr: Healthmgr
    live: Live
    session: Session
    address: str = ""

    @property
    def name(self) -> str:
        """Who is looking."""
        return self.session.name

    @property
    def origin(self) -> str:
        """Where an action comes from, for the audit log."""
        return f"dashboard {self.address}".strip()

    def said(self) -> dict[str, Any]:
        """Who acts, from where and when, as every use case wants it."""
        return {"actor": self.name, "origin": self.origin, "now": self.healthmgr.now()}

    def may(self, role: Role) -> bool:
        """Whether whoever is looking may do what needs this role."""
        return self.session.role.includes(role)

    def demand(self, role: Role) -> None:
        """Raises NotPermitted where they may not: what a page leaves out is refused all the same."""
        if not self.may(role):
            raise NotPermitted(f"This needs the role {role.value}: yours is {self.session.role.value}")


def put_place(scope: MutableMapping[str, Any], place: Place) -> None:
    """Note the place of a request where its page finds it."""
    scope.setdefault("state", {})[_KEY] = place


def here() -> Place:
    """The place of the page that is being built or acted on."""
    place: Place = ui.context.client.request.scope["state"][_KEY]
    return place
