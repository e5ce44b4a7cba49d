"""`healthmgr oncall swap`: two people change shifts, and the other one has to accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from healthmgr.cli.failing import SpeakingGroup
from healthmgr.cli.oncall_changes import chosen
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import print_json, print_lines
from healthmgr.domain.calendar import zone
from healthmgr.domain.civil import TIME_HELP, local, moments_between, until
from healthmgr.domain.swap import Stretch, Swap, SwapState
from healthmgr.domain.timeline_words import because
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.rostering import Answer, Hand
from healthmgr.views_oncall import SwapView

swap_app = typer.Typer(cls=SpeakingGroup, no_args_is_help=True, help="Swap shifts with somebody who accepts.")

_STATES = {"sent": "told", "pending": "to be told"}

SwapId = Annotated[str, typer.Argument(metavar="ID", help="The swap's id, or a unique beginning or end of it.")]


@swap_app.callback()
def swap() -> None:
    """Swap shifts with somebody who accepts."""


@swap_app.command("propose")
def propose(
    schedule: Annotated[str, typer.Argument(metavar="SCHEDULE", help="The schedule, as in the definitions.")],
    other: Annotated[str, typer.Option("--with", metavar="PERSON", help="Who is asked.")],
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help=f"What you give: from when. {TIME_HELP}")],
    ends: Annotated[str, typer.Option("--to", metavar="TIME", help="... and until when.")],
    takes_from: Annotated[
        str, typer.Option("--take-from", metavar="TIME", help="What you take in return: from when.")
    ] = "",
    takes_to: Annotated[str, typer.Option("--take-to", metavar="TIME", help="... and until when.")] = "",
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Propose that somebody takes a time on call of yours, perhaps for one of theirs; nothing changes yet."""
    if bool(takes_from) != bool(takes_to):
        raise typer.BadParameter("say both --take-from and --take-to, or neither")
    with opened() as healthmgr:
        now = healthmgr.now()
        location = zone(healthmgr.oncall.reading.timezone(schedule))
        given = moments_between(begins, ends, now, location)
        back = moments_between(takes_from, takes_to, now, location, "--take-") if takes_from else None
        try:
            wanted = Swap(person(actor), other, Stretch(*given), Stretch(*back) if back else None)
        except ValueError as error:
            raise DefinitionError([Problem(str(error))]) from error
        kept = healthmgr.oncall.rostering.propose(schedule, wanted, Hand(person(actor), origin()), now, comment)
        view = healthmgr.oncall.reading.swap(kept.id)
    _print(view, location, as_json)


@swap_app.command("accept")
def accept(which: SwapId, actor: Actor = "", as_json: Json = False) -> None:
    """Accept a swap that was proposed to you: overrides put each in the other's place."""
    _answer(which, Answer.ACCEPT, actor, as_json)


@swap_app.command("decline")
def decline(which: SwapId, actor: Actor = "", as_json: Json = False) -> None:
    """Decline a swap that was proposed to you."""
    _answer(which, Answer.DECLINE, actor, as_json)


@swap_app.command("withdraw")
def withdraw(which: SwapId, actor: Actor = "", as_json: Json = False) -> None:
    """Take back a swap that you have proposed."""
    _answer(which, Answer.WITHDRAW, actor, as_json)


@swap_app.command("list")
def list_swaps(
    schedule: Annotated[str | None, typer.Option("--schedule", metavar="SCHEDULE", help="Only of this one.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    as_json: Json = False,
) -> None:
    """List the swaps that wait for an answer, newest first."""
    with opened() as healthmgr:
        reading = healthmgr.oncall.reading
        found = reading.swaps(schedule, None if show_all else SwapState.PROPOSED)
        zones = {name: zone(reading.timezone(name)) for name in {one.schedule for one in found}}
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("There are no swaps." if show_all else "No swap waits for an answer.")
    for one in found:
        print_lines(_words(one, zones[one.schedule]), *_told(one, zones[one.schedule]))


def _answer(which: str, answer: Answer, actor: str, as_json: bool) -> None:
    with opened() as healthmgr:
        now, reading = healthmgr.now(), healthmgr.oncall.reading
        swap_id = chosen([one.id for one in reading.swaps()], which, "swap")
        who = person(actor)
        healthmgr.oncall.rostering.answer(swap_id, answer, who, Hand(who, origin()), now)
        view = reading.swap(swap_id)
        location = zone(reading.timezone(view.schedule))
    _print(view, location, as_json)


def _print(view: SwapView, location: ZoneInfo, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    print_lines(_words(view, location), *_told(view, location))


def _told(view: SwapView, location: ZoneInfo) -> Iterator[str]:
    """Who was told of it, a line for each contact; that nobody could be, where that is so."""
    for told in view.told:
        when = told.sent_at or told.due_at
        done = _STATES.get(told.state, told.state)
        at = f" {local(when, location)}" if when and told.state in _STATES else ""
        yield f"          {told.recipient} over {told.channel}: {done}{at} ({because(told.reason)})"
    if not view.told:
        yield "          nobody was told: neither has a contact"


def _words(view: SwapView, location: ZoneInfo) -> str:
    given = f"{local(view.given_from, location)} to {until(view.given_to, view.given_from, location)}"
    said = (
        f"{str(view.id)[-8:]}  {view.state}: {view.proposed_to} takes {given} of {view.proposed_by} in {view.schedule}"
    )
    if view.taken_from is None or view.taken_to is None:
        return said
    taken = f"{local(view.taken_from, location)} to {until(view.taken_to, view.taken_from, location)}"
    return f"{said}, for {taken}"
