"""Which incident is meant at the terminal, and what is printed once somebody has answered it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.opening import opened
from healthmgr.cli.printing import print_json, print_lines
from healthmgr.cli.wording import incident_name
from healthmgr.errors import NotFound

_NUMBER = re.compile(r"#?(\d{1,18})")

WHICH_HELP = "An incident's number (12 or '#12') or its id."
Which = Annotated[str, typer.Argument(metavar="INCIDENT", help=WHICH_HELP)]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Kept with the action, for those who come later.")]


def answer(which: str, act: Callable[[Healthmgr, UUID, datetime], str], as_json: bool) -> None:
    """Do something about an incident, and say so in the words that `act` gives back."""
    with opened() as healthmgr:
        incident_id = find(healthmgr, which)
        done = act(healthmgr, incident_id, healthmgr.clock.now())
        incident = healthmgr.reading.incident(incident_id)
    if as_json:
        print_json(incident)
        return
    print_lines(f"{done}: {incident_name(incident.number)} {incident.title}")


def find(healthmgr: Healthmgr, which: str) -> UUID:
    """The incident that is meant; raises NotFound."""
    wanted = which.strip()
    number = _NUMBER.fullmatch(wanted)
    if number:
        return healthmgr.reading.incident_id(int(number[1]))
    try:
        return UUID(wanted)
    except ValueError:
        raise NotFound(
            f"There is no incident {which!r}: name its number, as `healthmgr incidents list` shows them"
        ) from None
