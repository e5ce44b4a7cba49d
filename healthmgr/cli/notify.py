"""`healthmgr notify`: what people would be told, without telling anybody."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.alert_choice import SELECTOR_HELP, choose_alerts
from healthmgr.cli.failing import EXIT_CODES, ExitCode, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, person
from healthmgr.cli.printing import print_json, print_lines, print_note
from healthmgr.domain.message import MessageKind
from healthmgr.errors import Conflict
from healthmgr.services.previewing import Preview, Wish

notify_app = typer.Typer(cls=SpeakingGroup, no_args_is_help=True, help="What people would be told.", epilog=EXIT_CODES)


class Format(StrEnum):
    """How a preview is printed."""

    TEXT = "text"
    HTML = "html"
    JSON = "json"


@notify_app.callback()
def notify() -> None:
    """What people would be told."""


@notify_app.command("preview")
def preview(
    channel: Annotated[
        str | None, typer.Option(metavar="NAME", help="As this channel would send it, with its own templates.")
    ] = None,
    kind: Annotated[MessageKind, typer.Option(help="What the message is about.")] = MessageKind.PROBLEM,
    alert: Annotated[
        str | None,
        typer.Option(
            metavar="ALERT", help=f"About this alert's incident; default: the newest open one. {SELECTOR_HELP}"
        ),
    ] = None,
    to: Annotated[str, typer.Option(metavar="RECIPIENT", help="To this recipient, or address.")] = "",
    form: Annotated[
        Format, typer.Option("--format", help="text as a person reads it; html; json with all forms.")
    ] = Format.TEXT,
    as_json: Json = False,
) -> None:
    """Show what would be sent now, and send nothing; an example while no alert is open.

    Exits with 1 when a template of your own failed, and the built-in one would be used instead.
    """
    with opened() as healthmgr:
        wish = Wish(kind, _incident(healthmgr, alert), channel or "", to)
        shown = healthmgr.previewing.preview(wish, person(""), healthmgr.now())
    if shown.is_example:
        print_note("No alert is open: this is an example.")
    for fault in shown.forms.faults:
        print_note(f"Not usable: {fault}")
    _print(shown, Format.JSON if as_json else form)
    if shown.forms.faults:
        raise typer.Exit(ExitCode.WRONG)


def _incident(healthmgr: Healthmgr, selector: str | None) -> UUID | None:
    """The incident that is meant; None when none is named and none is open. Raises Conflict for one not there yet."""
    if selector is None:
        return healthmgr.previewing.newest_incident()
    alert = choose_alerts(healthmgr, selector)[0]
    if alert.incident_id is None:
        raise Conflict(f"Nobody is told of {alert.check} yet: its alert is in no incident.")
    return alert.incident_id


def _print(shown: Preview, form: Format) -> None:
    rendered = shown.forms
    match form:
        case Format.HTML:
            sys.stdout.write(rendered.html + "\n")
        case Format.JSON:
            print_json(
                {
                    "channel": shown.channel.stored.name if shown.channel else None,
                    "channel_kind": shown.channel.stored.kind if shown.channel else None,
                    "kind": shown.message.kind.value,
                    "is_example": shown.is_example,
                    "subject": rendered.subject,
                    "text": rendered.text,
                    "html": rendered.html,
                    "sent": shown.sent,
                    "faults": list(rendered.faults),
                }
            )
        case Format.TEXT:
            print_lines(*(shown.sent or f"Subject: {rendered.subject}\n\n{rendered.text}").splitlines())
