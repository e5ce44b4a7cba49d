"""`healthmgr runbooks`: what repairs what, what a run would do, and starting one by hand."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.incident_choice import Comment
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, moment, print_facts, print_heading, print_json, print_lines, print_table
from healthmgr.cli.runbook_card import print_rehearsal
from healthmgr.cli.runs import run_of
from healthmgr.domain.phrasing import listing
from healthmgr.domain.run_values import read_value
from healthmgr.errors import DefinitionError, Problem
from healthmgr.services.commanding import Act
from healthmgr.services.rehearsing import Wish
from healthmgr.views_runbooks import RehearsalView

runbooks_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Recovery procedures: what repairs what, and what a run of one would do.",
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The runbook's name, as in the definitions.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter of the run; may be given again."),
]

_NAMED = 3
# What a step says of itself beside its settings, where that is not the usual.
_APART = ("id", "kind", "name", "config", "rollback")
_USUAL = {"timeout": "30s", "retries": 0, "retry_after": "5s", "on_failure": "stop", "idempotent": False}
_COLUMNS = (
    Column("name"),
    Column("automation"),
    Column("starts", max_width=30),
    Column("for checks", is_flexible=True),
    Column("steps", is_number=True),
    Column("from"),
)


@runbooks_app.callback()
def runbooks() -> None:
    """Recovery procedures: what repairs what, and what a run of one would do."""


@runbooks_app.command("list")
def show_all(as_json: Json = False) -> None:
    """List the runbooks that are defined: what starts each, and for which checks."""
    with opened() as healthmgr:
        found = healthmgr.recovery.runbooks.runbooks()
    if as_json:
        print_json({"items": found})
        return
    if not found:
        print_lines("No runbook is defined: write one under `runbooks:` and `healthmgr apply`.")
        return
    print_table(
        _COLUMNS,
        (
            (
                line.name,
                line.automation.replace("_", " "),
                line.starts,
                listing(line.checks, _NAMED) if line.checks else "-",
                str(len(line.steps)),
                line.managed_by.removeprefix("file:"),
            )
            for line in found
        ),
    )


@runbooks_app.command("show")
def show(name: Name, as_json: Json = False) -> None:
    """Show a runbook: what starts it, whom it asks, its limits, and its steps."""
    with opened() as healthmgr:
        found = healthmgr.recovery.runbooks.runbook(name)
        now = healthmgr.clock.now()
    if as_json:
        print_json(found)
        return
    definition = found.definition
    print_facts(
        [
            ("runbook", f"{found.name}  {found.title}".strip()),
            ("about", definition["description"]),
            ("automation", found.automation.replace("_", " ")),
            ("starts", found.starts),
            ("for checks", ", ".join(found.checks)),
            ("target", definition["target"]),
            ("team", found.team),
            ("parameters", _in_words(definition["parameters"])),
            ("approval", _in_words(definition["approval"])),
            ("limits", _in_words(definition["limits"])),
            ("timeout", definition["timeout"] or ""),
            ("afterwards", "the check has to be healthy" if definition["verify"] else ""),
            ("defined in", found.managed_by.removeprefix("file:")),
            ("changed", moment(found.updated_at, now)),
        ]
    )
    print_heading("steps")
    columns = (Column("step"), Column("kind"), Column("settings", is_flexible=True, is_wrapped=True))
    print_table(columns, _steps(definition["steps"]))


@runbooks_app.command("dry-run")
def dry_run(
    name: Name,
    check: Annotated[str, typer.Option("--check", metavar="SLUG", help="The check that it is to mend.")] = "",
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="NAME=VALUE", help="A label of the alert, beside the check's own."),
    ] = None,
    parameters: Parameters = None,
    as_json: Json = False,
) -> None:
    """Say what a run would do, step by step, whom it would ask, and whether it would be let. Nothing is touched."""
    wish = Wish(
        name,
        check,
        {key: str(value) for key, value in pairs(labels or [], "--label").items()},
        {key: read_value(value) for key, value in pairs(parameters or [], "--parameter").items()},
    )
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        found = RehearsalView.of(healthmgr.recovery.rehearsing.rehearse(wish, now))
    if as_json:
        print_json(found)
        return
    print_rehearsal(found, now)


@runbooks_app.command("run")
def run(
    name: Name,
    check: Annotated[
        str, typer.Option("--check", metavar="SLUG", help="The check that it is to mend, which proves what came of it.")
    ] = "",
    parameters: Parameters = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not show it first and ask.")] = False,
    comment: Comment = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Start a run by hand. The same rails hold; for a critical problem somebody else has to agree."""
    given = {key: read_value(value) for key, value in pairs(parameters or [], "--parameter").items()}
    if not yes and (as_json or not sys.stdin.isatty()):
        raise DefinitionError([Problem("a run changes things: say so with --yes", path="--yes")])
    with opened() as healthmgr:
        if not yes:
            now = healthmgr.clock.now()
            found = healthmgr.recovery.rehearsing.rehearse(Wish(name, check, {}, given), now)
            print_rehearsal(RehearsalView.of(found), now)
            typer.confirm("Start it?", abort=True)
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        started = healthmgr.recovery.recovering.start(name, act, check=check, parameters=given)
        card = run_of(healthmgr, str(started.run_id))
    if as_json:
        print_json(card)
        return
    asked = next((approval for approval in card.approvals if approval.state == "open"), None)
    waits = f": somebody has to agree (healthmgr approvals approve {asked.number})" if asked else ""
    print_lines(f"Run #{started.number} is {started.state.value.replace('_', ' ')}{waits}")
    print_lines(f"Look at it: healthmgr runs show {started.number}")


@runbooks_app.command("close")
def close(name: Name, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Close the breaker of a runbook that failed too often: it may run again, its failures counted anew."""
    with opened() as healthmgr:
        act = Act(person(actor), origin(), healthmgr.clock.now(), comment)
        healthmgr.recovery.restraining.close_breaker(name, act)
        breaker = next(each for each in healthmgr.recovery.reading.breakers() if each.runbook == name)
    if as_json:
        print_json(breaker)
        return
    print_lines(f"The breaker of {name} is closed.")


def pairs(written: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE each. Raises DefinitionError for anything else."""
    found: dict[str, str] = {}
    for text in written:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise DefinitionError([Problem(f"expected NAME=VALUE, found {text!r}", option)])
        found[name.strip()] = value
    return found


def _steps(steps: Sequence[dict[str, Any]], indent: str = "") -> Iterator[tuple[str | Text, ...]]:
    for step in steps:
        told = {key: value for key, value in step.items() if key not in _APART and value != _USUAL.get(key, "")}
        yield indent + step["id"], step["kind"], _in_words({**step["config"], **told})
        undoing = [{"id": step_id, **each} for step_id, each in step["rollback"].items()]
        yield from _steps(undoing, f"{indent}undone by ")


def _in_words(values: dict[str, Any]) -> str:
    parts = []
    for name, value in values.items():
        if value in (None, "", [], {}, False):
            continue
        text = _in_words(value) if isinstance(value, dict) else value
        if text == "":
            continue
        parts.append(f"{name}: {json.dumps(text, ensure_ascii=False) if isinstance(text, list) else text}")
    return ", ".join(parts)
