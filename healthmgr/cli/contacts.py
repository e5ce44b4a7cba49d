"""`healthmgr contacts`: over what people are reached, and whether that was ever tried."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, ExitCode, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, duration, print_json, print_lines, print_note, print_table, styled
from healthmgr.errors import ChannelError, NotFound
from healthmgr.services.previewing import Origin
from healthmgr.views_oncall import ContactView

contacts_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Over what people are reached, and whether that was ever tried.",
    epilog=EXIT_CODES,
)

Person = Annotated[str, typer.Argument(metavar="PERSON", help="The person, as in the definitions.")]
Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="The channel of the contact.")]
Address = Annotated[
    str | None, typer.Option("--address", help="Which contact, where there are several on this channel.")
]


@contacts_app.callback()
def contacts() -> None:
    """Over what people are reached, and whether that was ever tried."""


@contacts_app.command("list")
def list_contacts(
    who: Annotated[str | None, typer.Argument(metavar="PERSON", help="Only this person's.")] = None,
    as_json: Json = False,
) -> None:
    """List the contacts of people, in the order in which they are tried."""
    with opened() as healthmgr:
        found = healthmgr.oncall.reading.contacts(None if who is None else [who])
        now = healthmgr.now()
    if as_json:
        print_json({"items": found})
        return
    if not found:
        if who is not None:
            raise NotFound(f"There is nobody called {who!r} who has a contact.")
        print_lines("There are no contacts: `healthmgr apply` takes those of a definitions file over.")
        return
    columns = (
        Column("person", max_width=20), Column("channel", max_width=20), Column("after"), Column("verified"),
        Column("address", is_flexible=True),
    )  # fmt: skip
    print_table(columns, (_row(contact, now) for contact in found))


@contacts_app.command("verify")
def verify(who: Person, channel: Channel, address: Address = None, actor: Actor = "", as_json: Json = False) -> None:
    """Send a code over a contact, now and from here; it holds for a quarter of an hour.

    Exits with 1 when the channel does not accept it.
    """
    with opened() as healthmgr:
        asker = Origin(person(actor), origin())
        try:
            receipt = healthmgr.oncall.verifying.send(who, channel, asker, healthmgr.now(), address)
        except ChannelError as error:
            if as_json:
                print_json({"person": who, "channel": channel, "is_accepted": False, "detail": str(error)})
            else:
                print_note(f"{channel} did not accept the code: {error}")
            raise typer.Exit(ExitCode.WRONG) from error
    if as_json:
        print_json({"person": who, "channel": channel, "is_accepted": True, "detail": receipt.detail})
        return
    print_lines(styled("accepted", f"{channel} accepted it: {receipt.detail or 'no words'}"))
    print_lines(f"When it has arrived: healthmgr contacts confirm {who} {channel} CODE")


@contacts_app.command("confirm")
def confirm(
    who: Person,
    channel: Channel,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code that arrived.")],
    address: Address = None,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say the code that arrived: the contact is known to work."""
    with opened() as healthmgr:
        asker = Origin(person(actor), origin())
        view = healthmgr.oncall.verifying.confirm(who, channel, code, asker, healthmgr.now(), address)
    if as_json:
        print_json(view)
        return
    print_lines(styled("ok", f"{who} can be reached over {channel}."))


def _row(contact: ContactView, now: datetime) -> tuple[str | Text, ...]:
    verified = styled("ok", ago(contact.verified_at, now)) if contact.verified_at else styled("pending", "never")
    return contact.person, contact.channel, duration(contact.after) if contact.after else "-", verified, contact.address
