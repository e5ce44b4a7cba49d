"""Over what people are reached, whether that works, and what they would be told."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.incidents import incident_of
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Admin, Origin, Responder, Viewer
from healthmgr.domain.message import MessageKind
from healthmgr.errors import ChannelError, Conflict, PluginError
from healthmgr.services.previewing import Origin as Asker
from healthmgr.services.previewing import Wish
from healthmgr.views import ChannelView, View

router = APIRouter()

_NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, Path(max_length=100, pattern=_NO_NUL, description="The channel's name.", examples=["mail"])]
Recipient = Annotated[str, Field(max_length=1000, pattern=_NO_NUL)]


class ChannelList(BaseModel):
    """All channels by name."""

    items: list[ChannelView]


class ChannelTest(BaseModel):
    """To whom a test goes, and what it is about: a resolution closes what a test before it opened at the provider."""

    model_config = ConfigDict(extra="forbid")

    to: Recipient = Field(
        "", description="A recipient of the definitions, or an address of this channel.", examples=["alice"]
    )
    kind: MessageKind = Field(MessageKind.PROBLEM, description="`problem` or `resolution` say the most.")


class TestedChannel(View):
    """What the provider said. Of what it did not accept: whether trying again can help, and after how many seconds.

    `is_ambiguous`: it may have arrived all the same.
    """

    channel: str
    is_accepted: bool
    detail: str
    provider_id: str = ""
    is_permanent: bool = False
    is_ambiguous: bool = False
    retry_after: float | None = None


class WantedPreview(BaseModel):
    """Which message is wanted. Without an incident an example; without a channel in the built-in templates."""

    model_config = ConfigDict(extra="forbid")

    kind: MessageKind = MessageKind.PROBLEM
    incident: Annotated[str, Field(max_length=40, pattern=_NO_NUL)] | None = Field(
        None, description="Its number or its id; left out: an example.", examples=["12"]
    )
    channel: Annotated[str, Field(max_length=100, pattern=_NO_NUL)] = Field("", examples=["mail"])
    to: Recipient = Field("", description="A recipient, or an address.", examples=["alice"])


class PreviewView(View):
    """A message in its forms. `sent` is what the channel would hand over, "" where it cannot say so.

    `faults` are own templates that failed: the built-in ones would be used.
    """

    channel: str
    channel_kind: str
    kind: MessageKind
    is_example: bool
    subject: str
    text: str
    html: str
    sent: str
    faults: list[str]


@router.get("/channels", summary="List channels", tags=["channels"])
def list_channels(parts: PartsDep, _: Viewer) -> ChannelList:
    """With what was last met on each."""
    return ChannelList(items=parts.reading.channels())


@router.post("/channels/{name}/test", summary="Send a test over a channel", tags=["channels"])
def send_test(
    name: Name, parts: PartsDep, who: Admin, origin: Origin, wanted: ChannelTest | None = None
) -> TestedChannel:
    """One message that says it is a test, now and from here, past queues and routes; it stands on the audit log.

    409 for a channel that cannot be used here, and where it has to be told whom to reach.
    """
    wanted = wanted or ChannelTest()
    previewing, by = parts.previewing, Asker(who.name, origin)
    try:
        ready = previewing.channel(name)
        receipt = previewing.send_test(ready, wanted.to, wanted.kind, by, parts.clock.now())
    except ChannelError as error:
        return TestedChannel(
            channel=name, is_accepted=False, detail=str(error), is_permanent=error.permanent,
            is_ambiguous=error.is_ambiguous,
            retry_after=error.retry_after.total_seconds() if error.retry_after else None,
        )  # fmt: skip
    except PluginError as error:
        raise Conflict(str(error)) from error
    return TestedChannel(channel=name, is_accepted=True, detail=receipt.detail, provider_id=receipt.provider_id)


@router.post("/notifications/preview", summary="Show what would be told", tags=["notifications"])
def preview_notification(wanted: WantedPreview, parts: PartsDep, who: Responder) -> PreviewView:
    """As it would be sent now. Nothing is sent; its links look as real ones do, and nobody can answer with them."""
    incident: UUID | None = incident_of(parts, who, wanted.incident) if wanted.incident else None
    wish = Wish(wanted.kind, incident, wanted.channel, wanted.to)
    try:
        shown = parts.previewing.preview(wish, who.name, parts.clock.now())
    except PluginError as error:
        raise Conflict(str(error)) from error
    stored = shown.channel.stored if shown.channel else None
    return PreviewView(
        channel=stored.name if stored else "", channel_kind=stored.kind if stored else "", kind=shown.message.kind,
        is_example=shown.is_example, subject=shown.forms.subject, text=shown.forms.text, html=shown.forms.html,
        sent=shown.sent, faults=list(shown.forms.faults),
    )  # fmt: skip
