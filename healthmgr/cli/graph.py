"""`healthmgr graph`: who hangs on whom, what falls with what, and dependencies that were learned."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, Slug, origin, person
from healthmgr.cli.printing import (
    Column,
    ago,
    duration,
    print_facts,
    print_json,
    print_lines,
    print_table,
    print_tree,
    print_verbatim,
)
from healthmgr.domain.cascade import Graph
from healthmgr.domain.chart import Consequences, Hearers
from healthmgr.domain.cofailure import SuggestionState
from healthmgr.domain.mermaid import flowchart
from healthmgr.domain.phrasing import listing
from healthmgr.views_insight import GraphView, ImpactView, SinglePointView, SuggestionView

graph_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Who hangs on whom, and what falls with what.", epilog=EXIT_CODES
)

_MOST_NAMED = 8

Mermaid = Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid diagram.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why, for those who come later.")]
Child = Annotated[str, typer.Argument(metavar="CHECK", help="The check that may hang on the other.")]
Parent = Annotated[str, typer.Argument(metavar="PARENT", help="The check that it may hang on.")]


@graph_app.callback()
def graph() -> None:
    """Who hangs on whom, and what falls with what."""


@graph_app.command("show")
def show(mermaid: Mermaid = False, as_json: Json = False) -> None:
    """Show what hangs on what, from those that hang on nothing down, and the longest chain."""
    with opened() as healthmgr:
        chart = healthmgr.insight.charting.chart()
    if as_json:
        print_json(GraphView.of(chart))
        return
    if mermaid:
        _print_diagram(flowchart(chart.graph))
        return
    roots = [slug for slug in sorted(chart.graph.services) if not chart.graph.parents.get(slug)]
    joined = [slug for slug in roots if chart.graph.children.get(slug)]
    seen: set[str] = set()
    for slug in joined:
        tree = Tree(_name(chart.graph, slug))
        _grow(tree, chart.graph, slug, seen)
        print_tree(tree)
    alone = len(roots) - len(joined)
    if alone:
        print_lines(
            f"{alone} checks hang on nothing, and nothing on them"
            if alone > 1
            else "1 check hangs on nothing, and nothing on it"
        )
    if len(chart.critical_path) > 1:
        print_lines(f"longest chain: {' > '.join(chart.critical_path)}")


@graph_app.command("impact")
def show_impact(slug: Slug, mermaid: Mermaid = False, as_json: Json = False) -> None:
    """Show what would fall with a check: checks, services, how far away, and who would be told."""
    with opened() as healthmgr:
        found = healthmgr.insight.charting.impact(slug)
        graph = healthmgr.insight.charting.chart().graph
    if as_json:
        print_json(ImpactView.of(found))
        return
    fallen = {slug, *(each.slug for each in found.impact.fallen)}
    if mermaid:
        _print_diagram(flowchart(graph, fallen | set(found.impact.weakened), fallen))
        return
    tree = Tree(_name(graph, slug))
    _grow(tree, graph, slug, set(), only=fallen)
    print_tree(tree)
    print_facts(_impact_facts(found))


@graph_app.command("spof")
def show_single_points(as_json: Json = False) -> None:
    """List single points of failure: checks whose failure alone takes others with it, the gravest first."""
    with opened() as healthmgr:
        found = healthmgr.insight.charting.single_points()
    if as_json:
        print_json({"items": [SinglePointView.of(each) for each in found]})
        return
    if not found:
        print_lines("No check takes another with it.")
        return
    columns = (
        Column("check"),
        Column("service"),
        Column("checks", is_number=True),
        Column("services", is_flexible=True),
    )
    print_table(columns, ((p.slug, p.service, str(p.checks), listing(p.services, _MOST_NAMED)) for p in found))


suggestions_app = typer.Typer(
    cls=SpeakingGroup, help="Dependencies that were learned from what failed after what.", invoke_without_command=True
)
graph_app.add_typer(suggestions_app, name="suggestions")


@suggestions_app.callback()
def list_suggestions(
    context: typer.Context,
    show_all: Annotated[bool, typer.Option("--all", "-a", help="Accepted and dismissed ones too.")] = False,
    as_json: Json = False,
) -> None:
    """List dependencies that were learned and that nobody has decided on."""
    if context.invoked_subcommand is not None:
        return
    with opened() as healthmgr:
        found = healthmgr.insight.charting.suggestions(all_states=show_all)
        now = healthmgr.now()
    if as_json:
        print_json({"items": [SuggestionView.of(each) for each in found]})
        return
    if not found:
        print_lines("Nothing was learned that is not known already.")
        return
    columns = (
        Column("check"),
        Column("may hang on"),
        Column("failed after it"),
        Column("as a rule"),
        Column("state"),
        Column("learned"),
    )
    rows = (
        (
            each.suggestion.child,
            each.suggestion.parent,
            f"{each.suggestion.together} times, {each.suggestion.confidence:.0%}",
            f"{duration(each.suggestion.lag.total_seconds())} later",
            each.state.value if each.state is SuggestionState.OPEN else f"{each.state.value} by {each.decided_by}",
            ago(each.seen_at, now),
        )
        for each in found
    )
    print_table(columns, rows)
    print_lines("Say what is so: healthmgr graph suggestions accept CHECK PARENT, or dismiss")


@suggestions_app.command("accept")
def accept(child: Child, parent: Parent, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Say that it is a dependency: it holds from now on as a defined one does."""
    with opened() as healthmgr:
        _decide(healthmgr, child, parent, comment, actor, is_accepted=True, as_json=as_json)


@suggestions_app.command("dismiss")
def dismiss(child: Child, parent: Parent, comment: Comment = "", actor: Actor = "", as_json: Json = False) -> None:
    """Say that it is no dependency: it is not suggested again, and holds no more if it was accepted."""
    with opened() as healthmgr:
        _decide(healthmgr, child, parent, comment, actor, is_accepted=False, as_json=as_json)


def _decide(
    healthmgr: Healthmgr, child: str, parent: str, comment: str, actor: str, *, is_accepted: bool, as_json: bool
) -> None:
    charting = healthmgr.insight.charting
    decide = charting.accept if is_accepted else charting.dismiss
    decided = decide(child, parent, actor=person(actor), origin=origin(), now=healthmgr.now(), comment=comment)
    if as_json:
        print_json(SuggestionView.of(decided))
    elif is_accepted:
        print_lines(f"{child} hangs on {parent} from now on: while {parent} is down, {child} tells nobody of its own.")
    else:
        print_lines(f"{child} does not hang on {parent}; that is not suggested again.")


def _impact_facts(found: Consequences) -> list[tuple[str, str]]:
    impact = found.impact
    steps = f", up to {impact.depth} steps away" if impact.depth > 1 else ""
    return [
        ("falls with it", f"{impact.words or 'nothing'}{steps}"),
        ("services", listing(impact.services, _MOST_NAMED)),
        ("loses an alternative", listing(impact.weakened, _MOST_NAMED)),
        ("longest chain", " > ".join(impact.longest_path) if len(impact.longest_path) > 1 else ""),
        ("told of it", _hearers(found.hearers)),
        ("concerned", _hearers(found.hearers_of_fallen)),
    ]


def _hearers(hearers: Hearers) -> str:
    teams = [f"team {name}" for name in hearers.teams]
    policies = [f"policy {name}" for name in hearers.policies]
    return listing([*hearers.people, *policies, *teams], _MOST_NAMED)


def _grow(tree: Tree, graph: Graph, slug: str, seen: set[str], only: set[str] | None = None) -> None:
    """Draw what hangs on it; what was drawn before is only named."""
    for child in graph.children.get(slug, ()):
        if only is not None and child not in only:
            continue
        is_again = child in seen and bool(graph.children.get(child))
        branch = tree.add(_name(graph, child, slug, is_again=is_again))
        if not is_again:
            seen.add(child)
            _grow(branch, graph, child, seen, only)


def _name(graph: Graph, slug: str, parent: str = "", *, is_again: bool = False) -> Text:
    service = graph.services.get(slug, "")
    text = Text(slug)
    if service:
        text.append(f"  {service}", "dim")
    for edge in graph.parents.get(slug, ()):
        if edge.parent == parent and edge.group:
            text.append(f"  one of {edge.group}", "cyan")
        if edge.parent == parent and edge.is_learned:
            text.append("  learned", "cyan")
    if is_again:
        text.append("  (as above)", "dim")
    return text


def _print_diagram(text: str) -> None:
    for line in text.splitlines():
        print_verbatim(line)
