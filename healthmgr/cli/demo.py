"""`healthmgr demo`: breaks and mends the demo's fleet, and reads the mail that came of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import load_settings
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_facts, print_json, print_lines, print_note, print_table, styled
from healthmgr.demo.control import FleetControl
from healthmgr.demo.fleet import FLEET
from healthmgr.demo.mailbox import Mail, Mailbox

demo_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="A small fleet to break and mend, and its inbox.", epilog=EXIT_CODES
)

_FOLLOW_EVERY = 0.5  # seconds
_TONES = {"healthy": "healthy", "degraded": "degraded", "slow": "degraded"}


class How(StrEnum):
    """The ways to break a service."""

    DOWN = "down"
    SLOW = "slow"
    ERROR = "error"
    DEGRADED = "degraded"


Name = Annotated[str, typer.Argument(metavar="NAME", help=f"{', '.join(FLEET)}, or all.")]


@demo_app.command("break")
def break_service(
    name: Name,
    how: Annotated[
        How,
        typer.Option(
            help="down refuses connections, slow answers late, error answers 500, degraded reports bad metrics."
        ),
    ] = How.DOWN,
    as_json: Json = False,
) -> None:
    """Break a service of the demo; within seconds its check fails, and an alert follows."""
    _show_modes(FleetControl(_data_dir()).set_mode(name, how), as_json)
    if not as_json:
        print_note("Watch: healthmgr status, healthmgr alerts list, healthmgr demo inbox")


@demo_app.command("mend")
def mend_service(name: Name, as_json: Json = False) -> None:
    """Mend a service of the demo, or all."""
    _show_modes(FleetControl(_data_dir()).set_mode(name, "healthy"), as_json)


@demo_app.command("status")
def show_status(as_json: Json = False) -> None:
    """Show the services of the demo and how each behaves."""
    _show_modes(FleetControl(_data_dir()).modes(), as_json)


@demo_app.command("inbox")
def show_inbox(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many mails, the newest last.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing mails as they come.")] = False,
    as_json: Json = False,
) -> None:
    """Show the mails that arrived in this machine's inbox, the newest last."""
    mailbox = Mailbox(_data_dir())
    mails = list(mailbox.mails())[-limit:]
    if as_json and not follow:
        print_json({"folder": mailbox.folder, "items": [asdict(mail) for mail in mails]})
        return
    _show_mails(mails, as_json)
    if not mails and not follow:
        print_lines(f"No mail has arrived yet in {mailbox.folder}.")
    last = mails[-1].id if mails else ""
    while follow:
        time.sleep(_FOLLOW_EVERY)
        fresh = list(mailbox.mails(after=last))
        _show_mails(fresh, as_json)
        last = fresh[-1].id if fresh else last


def _data_dir() -> Path:
    return load_settings().data_dir


def _show_modes(modes: dict[str, dict[str, str]], as_json: bool) -> None:
    if as_json:
        print_json({"items": [{"name": name, **facts} for name, facts in modes.items()]})
        return
    columns = (Column("service"), Column("is"), Column("address", is_flexible=True))
    rows = (
        (name, styled(_TONES.get(facts["mode"], "unhealthy"), facts["mode"]), f"{facts['url']}/health")
        for name, facts in modes.items()
    )
    print_table(columns, rows)


def _show_mails(mails: Iterable[Mail], as_json: bool) -> None:
    for mail in mails:
        if as_json:
            print_json(asdict(mail))
            continue
        print_facts(
            (
                ("from", mail.sender),
                ("to", mail.to),
                ("received", f"{mail.received_at.astimezone():%Y-%m-%d %H:%M:%S %Z}"),
                ("subject", Text(mail.subject, "bold")),
            )
        )
        print_lines("", *mail.text.strip().splitlines(), "", "─" * 72, "")
