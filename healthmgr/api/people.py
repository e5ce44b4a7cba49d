"""People and their contacts, and who would be on call if a schedule were changed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.oncall import NO_NUL, WantedOverride, WantedTemporary
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.roster import Outlook
from healthmgr.errors import Conflict, PluginError
from healthmgr.services.previewing import Origin as Asker
from healthmgr.services.tokens import Role
from healthmgr.views import View
from healthmgr.views_oncall import ContactView, SpanView
from healthmgr.views_people import PersonView

router = APIRouter(prefix="/oncall", tags=["oncall"])


Address = Annotated[
    str | None, Field(max_length=1000, pattern=NO_NUL, description="Where there are several on this channel.")
]


class Code(BaseModel):
    """A code that came over a contact."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(max_length=20, pattern=NO_NUL)]
    address: Address = None


class Where(BaseModel):
    """Which contact is meant."""

    model_config = ConfigDict(extra="forbid")

    address: Address = None


class SentCode(BaseModel):
    """What the channel said when it took the code."""

    detail: str


class PersonList(BaseModel):
    """People by name."""

    items: list[PersonView]


class ContactList(BaseModel):
    """Contacts by person, in the order in which they are tried."""

    items: list[ContactView]


class OutlookView(View):
    """Who is on call in the time of a change as it is, and who would be with it."""

    before: list[SpanView]
    after: list[SpanView]

    @classmethod
    def of(cls, found: Outlook) -> OutlookView:
        """The picture of one."""
        return cls(
            before=[SpanView.of(span) for span in found.before], after=[SpanView.of(span) for span in found.after]
        )


@router.get("/people", summary="List people")
def list_people(parts: PartsDep, who: Viewer) -> PersonList:
    """How each is reached and in which order, and when they are left alone. Addresses are shown to responders alone."""
    found = parts.oncall.people.people(parts.clock.now())
    return PersonList(items=found if who.role.includes(Role.RESPONDER) else [_without_addresses(one) for one in found])


@router.post("/schedules/{name}/overrides/preview", summary="Show what an override would change")
def preview_override(name: str, wanted: WantedOverride, parts: PartsDep, _: Viewer) -> OutlookView:
    """Who is on call in its time, as it is and as it would be. Nothing is changed."""
    now = parts.clock.now()
    return OutlookView.of(parts.oncall.rostering.try_out(name, wanted.to_override(now), now))


@router.post("/schedules/{name}/temporaries/preview", summary="Show what a temporary schedule would change")
def preview_temporary(name: str, wanted: WantedTemporary, parts: PartsDep, _: Viewer) -> OutlookView:
    """Who is on call in its time, as it is and as it would be. Nothing is changed."""
    now = parts.clock.now()
    return OutlookView.of(parts.oncall.rostering.try_out(name, wanted.to_temporary(now), now))


@router.get("/contacts", summary="List contacts")
def list_contacts(parts: PartsDep, _: Responder, person: str | None = None) -> ContactList:
    """And whether each was verified."""
    return ContactList(items=parts.oncall.reading.contacts(None if person is None else [person]))


@router.post("/contacts/{person}/{channel}/verify", status_code=202, summary="Send a code over a contact")
def send_code(person: str, channel: str, where: Where, parts: PartsDep, who: Responder, origin: Origin) -> SentCode:
    """A code is sent at once, over the real channel; it holds for a quarter of an hour."""
    asker = Asker(who.name, origin)
    try:
        receipt = parts.oncall.verifying.send(person, channel, asker, parts.clock.now(), where.address)
    except PluginError as error:
        raise Conflict(f"The code could not be sent: {error}") from error
    return SentCode(detail=receipt.detail)


@router.post("/contacts/{person}/{channel}/confirm", summary="Take a code back")
def confirm_code(person: str, channel: str, said: Code, parts: PartsDep, who: Responder, origin: Origin) -> ContactView:
    """409 for a wrong code, and for one that does not hold any more."""
    asker = Asker(who.name, origin)
    return parts.oncall.verifying.confirm(person, channel, said.code, asker, parts.clock.now(), said.address)


def _without_addresses(person: PersonView) -> PersonView:
    return person.model_copy(update={"contacts": [each.model_copy(update={"address": ""}) for each in person.contacts]})
