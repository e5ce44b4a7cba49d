"""Incident command at the terminal: the part of `healthmgr incidents` in which people decide who acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.incident_choice import Comment, Which, answer, find
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import print_json, print_lines
from healthmgr.domain.escalation import Named
from healthmgr.domain.phrasing import listing
from healthmgr.domain.plan import Target
from healthmgr.domain.report import draft
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.commanding import Act, Escalated

_MOST_NAMED = 8
_AFTER_DECLINE = {
    "others_of_the_level_were_asked": "Declined; others of the same level may still answer",
    "was_not_asked": "Noted; the present level had not asked for it",
    "somebody_else_has_it": "Noted; somebody else has it in hand",
}

Who = Annotated[str, typer.Argument(metavar="PERSON", help="A person's name.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The other incident's number or id.")]
Does = Callable[[Healthmgr, UUID, Act], str]


def escalate(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Tell the next level now, also where somebody has it in hand: it is in nobody's hands then."""
    _do(
        which,
        lambda hm, incident, act: _told(hm.commanding.escalate(incident, act), "Escalated"),
        actor,
        comment,
        as_json,
    )


def decline(which: Which, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Say that you cannot take it: once nobody of your level is left who may, the next level is told at once."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        declined = healthmgr.commanding.decline(incident, act)
        return _AFTER_DECLINE.get(str(declined.after), _told(declined, "Declined"))

    _do(which, act, actor, comment, as_json)


def ask(
    which: Which,
    who: Annotated[
        str, typer.Argument(metavar="WHO", help="A person, team:NAME, or schedule:NAME for who is on call.")
    ],
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Ask somebody to help: told now, over all of his contacts, also while it is in hand."""
    try:
        named = Named.parse(who)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="WHO")]) from error
    _do(
        which,
        lambda hm, incident, act: _told(hm.commanding.ask(incident, named, act), "Asked"),
        actor,
        comment,
        as_json,
    )


def hand_over(which: Which, to: Who, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Make it somebody else's, with the roles of whoever had it; the new one is told."""
    _do(
        which,
        lambda hm, it, act: _told(hm.commanding.hand_over(it, to, act), "Handed over"),
        actor,
        comment,
        as_json,
    )


def role(
    which: Which,
    name: Annotated[str, typer.Argument(metavar="ROLE", help="Such as commander, communications or scribe.")],
    who: Who,
    take: Annotated[bool, typer.Option("--take", help="Take it from that person.")] = False,
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Give somebody a role, or take it; of a new commander everybody involved is told."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        if take:
            healthmgr.commanding.take_role(incident, name, who, act)
            return "Taken"
        return _told(healthmgr.commanding.give_role(incident, name, who, act), "Given")

    _do(which, act, actor, comment, as_json)


def update(
    which: Which,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="How it stands.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Tell everybody who has subscribed how it stands."""
    _do(which, lambda hm, it, act: _told(hm.coordinating.update(it, text, act), "Said"), actor, "", as_json)


def subscribe(
    which: Which,
    who: Who,
    stop: Annotated[bool, typer.Option("--stop", help="Do not tell that person any more.")] = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Have somebody told of its status updates and of its end, without paging."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        does = healthmgr.coordinating
        (does.unsubscribe if stop else does.subscribe)(incident, who, act)
        return f"{who} hears of it no more" if stop else f"{who} hears of it"

    _do(which, act, actor, "", as_json)


def task(
    which: Which,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What is to be done.")],
    whose: Annotated[str, typer.Option("--to", metavar="PERSON", help="Who does it.")] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Note something to be done, also when it is over."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        return f"Task {healthmgr.coordinating.add_task(incident, title, act, assignee=whose)}"

    _do(which, act, actor, "", as_json)


def done(
    which: Which,
    number: Annotated[int, typer.Argument(metavar="TASK", min=1, help="The task's number.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say that a task is done."""
    _do(
        which,
        lambda hm, incident, act: f"Done: {hm.coordinating.finish_task(incident, number, act)}",
        actor,
        "",
        as_json,
    )


def merge(which: Which, other: Other, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Make one incident of two: the OTHER's alerts join INCIDENT, and its number leads there. Nobody is paged."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        moved = healthmgr.coordinating.merge(incident, find(healthmgr, other), act)
        return f"Merged, with {moved} open alert{'' if moved == 1 else 's'}"

    _do(which, act, actor, comment, as_json)


def link(which: Which, other: Other, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Say that INCIDENT caused the OTHER one."""

    def act(healthmgr: Healthmgr, incident: UUID, act: Act) -> str:
        healthmgr.coordinating.link(incident, find(healthmgr, other), act)
        return "Linked"

    _do(which, act, actor, comment, as_json)


def report(
    which: Which,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write it there.")] = None,
    as_json: Json = False,
) -> None:
    """Draft a report on it in Markdown, from its timeline: what happened, who did what, who was told, what is open."""
    with opened() as healthmgr:
        facts = healthmgr.reading.report_facts(find(healthmgr, which), healthmgr.clock.now())
    text = draft(facts)
    if as_json:
        print_json({"number": facts.number, "report": text})
    elif out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
        print_lines(f"Written to {out}")


def _do(which: str, does: Does, actor: str, comment: str, as_json: bool) -> None:
    def act(healthmgr: Healthmgr, incident: UUID, now: datetime) -> str:
        return does(healthmgr, incident, Act(person(actor), origin(), now, comment))

    answer(which, act, as_json)


def _told(escalated: Escalated, done: str) -> str:
    return f"{done}; told {_names(escalated.targets) or 'nobody'}"


def _names(targets: Sequence[Target]) -> str:
    return listing([f"{target.recipient} over {target.channel}" for target in targets], _MOST_NAMED)


COMMANDS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("escalate", escalate),
    ("decline", decline),
    ("ask", ask),
    ("handover", hand_over),
    ("role", role),
    ("update", update),
    ("subscribe", subscribe),
    ("task", task),
    ("done", done),
    ("merge", merge),
    ("link", link),
    ("report", report),
)
