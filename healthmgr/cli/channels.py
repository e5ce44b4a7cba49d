"""`healthmgr channels`: over what people are reached, and whether that works."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, ExitCode, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_note, print_table, styled
from healthmgr.domain.message import MessageKind
from healthmgr.domain.quantity import format_duration
from healthmgr.errors import ChannelError
from healthmgr.services.previewing import Origin, ReadyChannel
from healthmgr.views import ChannelView

channels_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Over what people are reached.", epilog=EXIT_CODES
)


class Occasion(StrEnum):
    """What a test may be about."""

    PROBLEM = "problem"
    RESOLUTION = "resolution"


@channels_app.callback()
def channels() -> None:
    """Over what people are reached."""


@channels_app.command("list")
def list_channels(as_json: Json = False) -> None:
    """List the channels, and what was last met on each."""
    with opened() as healthmgr:
        found = healthmgr.reading.channels()
        now = healthmgr.now()
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("There are no channels: `healthmgr apply` takes those of a definitions file over.")
        return
    columns = (
        Column("name", max_width=24), Column("kind"), Column("state"), Column("last accepted"), Column("last failure"),
        Column("what failed", is_flexible=True),
    )  # fmt: skip
    print_table(columns, (_row(channel, now) for channel in found))


@channels_app.command("test")
def send_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The channel, as in the definitions.")],
    to: Annotated[
        str, typer.Option(metavar="RECIPIENT", help="A recipient of the definitions, or an address of this channel.")
    ] = "",
    kind: Annotated[
        Occasion, typer.Option(help="A resolution closes what a test before it opened at the provider.")
    ] = Occasion.PROBLEM,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Send one message that says it is a test, now and from here, and print the provider's answer.

    It goes past queues and routes, and stands on no ledger, but in the audit log. Exits with 1 when it is not accepted.
    """
    with opened() as healthmgr:
        now = healthmgr.now()
        ready = healthmgr.previewing.channel(name)
        by = Origin(person(actor), origin())
        try:
            receipt = healthmgr.previewing.send_test(ready, to, MessageKind(kind.value), by, now)
        except ChannelError as error:
            _print_failure(ready, error, as_json)
            raise typer.Exit(ExitCode.WRONG) from error
    if as_json:
        document = {"channel": name, "is_accepted": True, "detail": receipt.detail, "provider_id": receipt.provider_id}
        print_json(document)
        return
    print_lines(styled("accepted", f"{name} ({ready.stored.kind}) accepted it: {receipt.detail or 'no words'}"))
    if receipt.provider_id:
        print_lines(f"It is called {receipt.provider_id} there.")
    if kind is Occasion.PROBLEM and getattr(ready.plugin, "tells_acknowledgements", False):
        print_lines(
            f"It may have opened something there: `healthmgr channels test {name} --kind resolution` closes it."
        )


def _row(channel: ChannelView, now: datetime) -> tuple[str | Text, ...]:
    is_failing = channel.last_failed_at is not None and (
        channel.last_accepted_at is None or channel.last_failed_at > channel.last_accepted_at
    )
    state = styled("failed", "failing") if is_failing else styled("ok", "in use")
    return (
        channel.name,
        channel.kind,
        state if channel.is_enabled else styled("skipped", "disabled"),
        ago(channel.last_accepted_at, now),
        ago(channel.last_failed_at, now),
        channel.last_fault,
    )


def _print_failure(ready: ReadyChannel, error: ChannelError, as_json: bool) -> None:
    if as_json:
        document = {
            "channel": ready.stored.name,
            "is_accepted": False,
            "detail": str(error),
            "is_permanent": error.permanent,
            "is_ambiguous": error.is_ambiguous,
            "retry_after": error.retry_after.total_seconds() if error.retry_after else None,
        }
        print_json(document)
        return
    print_note(f"{ready.stored.name} ({ready.stored.kind}) did not accept it: {error}")
    print_note(_advice(ready, error))


def _advice(ready: ReadyChannel, error: ChannelError) -> str:
    if error.is_ambiguous:
        return "It may have arrived all the same: look there before you try again."
    if error.permanent:
        return (
            f"Trying again will not help: correct channels.{ready.stored.name}.config or the address, then "
            "`healthmgr apply`."
        )
    wait = f" in {format_duration(error.retry_after)}" if error.retry_after else " soon"
    return f"This may pass: a notification would be tried again by itself; try this again{wait}."
