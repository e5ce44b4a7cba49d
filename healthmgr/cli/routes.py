"""`healthmgr route`: the routing tree, and where an alert goes in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from healthmgr.bootstrap import definition_validator
from healthmgr.cli.definitions import refusal
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import load_settings, opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import clean, print_facts, print_heading, print_json, print_lines, print_tree, styled
from healthmgr.definitions.faults import did_you_mean
from healthmgr.definitions.tree import RoutingTree
from healthmgr.domain.check import Severity
from healthmgr.domain.routing_steps import Verdict
from healthmgr.domain.routing_tree import ALL_LABELS
from healthmgr.errors import DefinitionError
from healthmgr.views_routes import GroupView, LegView, RouteView, StepView, route_view, walk_view

route_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Who is told of what: the routing tree.", epilog=EXIT_CODES
)

File = Annotated[
    Path | None,
    typer.Option("--file", "-f", metavar="PATH", help="Read a definitions file, as it is, rather than the database."),
]
Labels = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME=VALUE...", help="Labels of an alert; `check=NAME` brings along those that the check has."
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also say why other routes were not taken.")]


@route_app.callback()
def route() -> None:
    """Who is told of what: the routing tree."""


@route_app.command("show")
def show(file: File = None, as_json: Json = False) -> None:
    """Draw the routing tree: matchers, whom each route tells, how alerts are grouped, how often people are told.

    Exit codes: 0 shown, 2 the file is not valid, 3 the database does not answer.
    """
    tree = _read(file, as_json)
    root = route_view(tree)
    if as_json:
        print_json({"root": root})
        return
    drawn = Tree(_label(root))
    _draw(drawn, root.routes)
    print_tree(drawn)


@route_app.command("test")
def find(labels: Labels, file: File = None, as_json: Json = False, verbose: Verbose = False) -> None:
    """Say where an alert with these labels would go: whom it tells, in which order, why, and how often.

    No severity given means the check's, or else high. Silences and time windows are not judged.
    Exit codes: 0 shown, 2 the labels or the file cannot be used, 3 the database does not answer.
    """
    given = parse_labels(labels)
    found = walk_view(_read(file, as_json), given)
    if as_json:
        print_json(found)
        return
    print_lines(Text(", ".join(f'{name}="{clean(value)}"' for name, value in found.labels.items()), "dim"))
    for number, leg in enumerate(found.routes, 1):
        print_heading(f"{number}. {leg.path}")
        print_facts(_leg_facts(leg))
    print_heading("Incident")
    print_facts(_group_facts(found.group))
    if verbose:
        print_heading("Steps")
        for step in found.steps:
            print_lines(_step_line(step))


def _read(file: Path | None, as_json: bool) -> RoutingTree:
    if file is None:
        with opened() as healthmgr:
            return healthmgr.defining.tree()
    try:
        return definition_validator(load_settings()).tree(file)
    except DefinitionError as error:
        raise refusal(error, file, as_json) from error


def parse_labels(labels: Sequence[str]) -> dict[str, str]:
    """Labels as they are typed, NAME=VALUE each; raises BadParameter, also for a severity that is none."""
    parsed: dict[str, str] = {}
    for text in labels:
        name, sign, value = text.partition("=")
        if not sign or not name or name[-1] in "!~" or value.startswith("~"):
            raise typer.BadParameter(f"{text!r} is no label: write NAME=VALUE, such as service=api")
        if name in parsed:
            raise typer.BadParameter(f"{name} is given twice")
        parsed[name] = value
    severity = parsed.get("severity")
    if severity is not None and severity not in set(Severity):
        known = [each.value for each in Severity]
        raise typer.BadParameter(f"{severity!r} is no severity{did_you_mean(severity, known)}")
    return parsed


def _draw(into: Tree, routes: Sequence[RouteView]) -> None:
    for each in routes:
        _draw(into.add(_label(each)), each.routes)


def _label(view: RouteView) -> Text:
    """Two lines: what a route is for and whom it tells; and how patiently."""
    label = Text(view.name, "bold")
    label.append("  " + clean(", ".join(view.matchers) or "everything"), "cyan")
    label.append(f"  -> {clean(view.told)}" if view.told else "  -> nobody")
    if view.continues:
        label.append("  and goes on", "yellow")
    return label.append("\n" + clean(" · ".join(_manners(view))), "dim")


def _manners(view: RouteView) -> Iterator[str]:
    every = view.group_by == [ALL_LABELS]
    yield "by all labels" if every else f"by {', '.join(view.group_by)}" if view.group_by else "all in one group"
    yield f"waits {view.group_wait}"
    yield f"news every {view.group_interval}"
    yield f"again every {view.cadence}"
    if view.mute_during:
        yield f"mute during {', '.join(view.mute_during)}"
    if view.active_during:
        yield f"only during {', '.join(view.active_during)}"
    if view.managed_by:
        yield view.managed_by


def _leg_facts(leg: LegView) -> Iterator[tuple[str, str | Text]]:
    yield "because", leg.because
    yield "receiver", leg.receiver
    if leg.targets:
        yield "tells", ", ".join(f"{target.recipient} over {target.channel}" for target in leg.targets)
    elif not leg.escalation:
        yield "tells", styled("failed", "nobody")
    yield "climbs", f"policy {leg.escalation}" if leg.escalation else ""
    asked = f"repeat_interval {leg.repeat_interval}, looked at every {leg.group_interval}"
    yield "again", f"every {leg.cadence} ({asked})"
    yield "the end", "" if leg.sends_resolved else "is not told"
    yield "mute during", ", ".join(leg.mute_during)
    yield "only during", ", ".join(leg.active_during)


def _group_facts(group: GroupView) -> Iterator[tuple[str, str]]:
    yield "decided by", group.route
    yield "group", group.key
    yield "told after", group.wait
    yield "news every", group.interval
    yield "nobody?", "" if group.reaches_somebody else "the routes above reach nobody, so the catch-all is told instead"


def _step_line(step: StepView) -> Text:
    tones: Mapping[str, str] = {
        Verdict.TAKEN: "green",
        Verdict.ENTERED: "",
        Verdict.UNFIT: "dim",
        Verdict.UNTRIED: "dim",
    }
    line = Text("  " * step.depth)
    line.append(f"{step.name}: ", tones[step.verdict])
    return line.append(f"{step.verdict}, {clean(step.reason)}", tones[step.verdict])
