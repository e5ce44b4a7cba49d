"""Having many incidents in hand at once: which are meant, how many they are, and one answer to all."""

from __future__ import annotations

from typing import Annotated

import typer

from healthmgr.cli.hits import MATCHERS_HELP
from healthmgr.cli.lasting import end_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import origin, person
from healthmgr.cli.printing import print_json, print_lines
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.silence import read_matchers
from healthmgr.errors import DefinitionError, Problem

_MOST_NUMBERS = 20

Every = Annotated[bool, typer.Option("--all", help="Every open incident that nobody has in hand.")]
OfMany = Annotated[
    list[str] | None,
    typer.Option("--matchers", metavar="MATCHERS", help=f"All with an alert that fits. {MATCHERS_HELP}"),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether so many are meant.")]


def is_of_many(which: str, every: bool, matchers: list[str] | None, yes: bool) -> bool:
    """Whether many are meant, or one; raises DefinitionError where that is not clear."""
    ways = [bool(which.strip()), every, bool(matchers)]
    if sum(ways) != 1:
        said = "name one incident, or say --all, or --matchers 'severity=\"high\"'"
        raise DefinitionError([Problem(said if not any(ways) else f"{said}: one of the three")])
    if yes and which.strip():
        raise DefinitionError([Problem("one incident is answered without a question", path="--yes")])
    return not which.strip()


def acknowledge_many(
    matchers: list[str], yes: bool, lasts_for: str, until: str, comment: str, actor: str, as_json: bool
) -> None:
    """Say how many there are, ask unless it was said already, and have them all in hand."""
    wanted = read_matchers(matchers)
    with opened() as healthmgr:
        end_of(lasts_for, until, healthmgr.clock.now())  # what is wrong with it is said before the question
        number = healthmgr.answering_many.count(wanted)
        if number and not yes:
            _ask(number, as_json)
        now = healthmgr.clock.now()
        end = end_of(lasts_for, until, now)
        numbers = healthmgr.answering_many.acknowledge(
            wanted, actor=person(actor), origin=origin(), now=now, comment=comment, until=end
        )
    if as_json:
        print_json({"count": len(numbers), "incidents": numbers})
        return
    if not numbers:
        print_lines("No open incident that nobody has in hand fits.")
        return
    named = ", ".join(f"#{each}" for each in numbers[:_MOST_NUMBERS])
    more = f" and {len(numbers) - _MOST_NUMBERS} more" if len(numbers) > _MOST_NUMBERS else ""
    print_lines(f"Acknowledged{f' until {absolute(end)}' if end else ''}: {_counted(len(numbers))}, {named}{more}")


def _ask(number: int, as_json: bool) -> None:
    if as_json:
        raise DefinitionError([Problem(f"{_counted(number)} would be acknowledged: say so with --yes", path="--yes")])
    typer.confirm(f"{_counted(number)} would be acknowledged. Go on?", abort=True, err=True)


def _counted(number: int) -> str:
    return f"{number:,} incident{'' if number == 1 else 's'}"
