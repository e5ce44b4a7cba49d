"""`healthmgr lb`: which instances of services are given work, and taking one out of service for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.lasting import For, Until, end_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, moment, print_json, print_lines, print_table, styled
from healthmgr.domain.balancing import Wanted
from healthmgr.errors import DefinitionError, Problem
from healthmgr.views_balancing import InstanceView

balancing_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Load balancers: which instances of services are given work.",
    epilog=EXIT_CODES,
)

InstanceName = Annotated[str, typer.Argument(metavar="SERVICE/INSTANCE", help="As `healthmgr lb list` shows it.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why, for those who wonder.")]


@balancing_app.callback()
def lb() -> None:
    """Load balancers: which instances of services are given work."""


@balancing_app.command("list")
def list_instances(
    service: Annotated[
        str | None, typer.Argument(metavar="SERVICE", help="Only the instances of this service.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the instances of services, and what balancers are told of each."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        views = [InstanceView.of(seen) for seen in healthmgr.balancing.view(now, service).values()]
    if as_json:
        print_json({"items": views})
        return
    if not views:
        print_lines("No check has a service." if service is None else f"No check has the service {service!r}.")
        return
    columns = (
        Column("instance", max_width=40),
        Column("weight", is_number=True),
        Column("what balancers are told", is_flexible=True, is_wrapped=True),
        Column("wanted", max_width=30),
        Column("by", max_width=16),
        Column("reason", max_width=30),
    )
    print_table(columns, (_row(view, now) for view in views))


@balancing_app.command("drain")
def drain(
    which: InstanceName,
    lasts_for: For = "",
    until: Until = "",
    reason: Reason = "",
    may_be_last: Annotated[
        bool, typer.Option("--last", help="Though no other instance of its service is in service.")
    ] = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Let an instance finish what it has, and be given nothing new, until it is enabled or the time is over."""
    service, instance = _taken_apart(which)
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        seen = healthmgr.balancing.set_wanted(
            service,
            instance,
            Wanted.DRAINED,
            person(actor),
            now,
            origin=origin(),
            reason=reason,
            until=end_of(lasts_for, until, now),
            may_be_last=may_be_last,
        )
    _print_changed(InstanceView.of(seen), now, as_json)


@balancing_app.command("enable")
def enable(which: InstanceName, reason: Reason = "", actor: Actor = "", as_json: Json = False) -> None:
    """Give an instance work again, as far as its checks say so."""
    service, instance = _taken_apart(which)
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        seen = healthmgr.balancing.set_wanted(
            service, instance, Wanted.ENABLED, person(actor), now, origin=origin(), reason=reason
        )
    _print_changed(InstanceView.of(seen), now, as_json)


def _taken_apart(which: str) -> tuple[str, str]:
    """A service's name may hold no slash here, an instance's may."""
    service, slash, instance = which.partition("/")
    if not (service and slash and instance):
        raise DefinitionError([Problem(f"write SERVICE/INSTANCE, not {which!r}: `healthmgr lb list` shows them")])
    return service, instance


def _row(view: InstanceView, now: datetime) -> Sequence[str | Text]:
    until = f" until {moment(view.wanted_until, now)}" if view.wanted_until and view.is_drained else ""
    wanted = f"{view.wanted} {ago(view.wanted_at, now)}{until}" if view.wanted_at else ""
    tone = "sent" if view.is_in_service else "pending" if view.is_drained else "failed"
    return (
        f"{view.service}/{view.instance}",
        f"{view.weight} %",
        styled(tone, view.words),
        wanted,
        view.wanted_by,
        view.reason,
    )


def _print_changed(view: InstanceView, now: datetime, as_json: bool) -> None:
    if as_json:
        print_json(view)
        return
    until = f", at the latest until {moment(view.wanted_until, now)}" if view.wanted_until else ""
    print_lines(f"{view.service}/{view.instance} is {view.wanted}{until}. Balancers are told: {view.words}")
