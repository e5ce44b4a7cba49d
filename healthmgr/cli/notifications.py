"""`healthmgr notifications`: who was told what, over which channel, and whether it arrived."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from healthmgr.cli.alert_choice import SELECTOR_HELP, choose_alerts
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.notification_table import print_notification_table
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Cursor, Json, Limit
from healthmgr.cli.printing import print_json, print_lines, print_page_end

notifications_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Who was told what, and whether it arrived.", epilog=EXIT_CODES
)


class NotificationState(StrEnum):
    """How far a notification has come."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SUPERSEDED = "superseded"


@notifications_app.callback()
def notifications() -> None:
    """Who was told what, and whether it arrived."""


@notifications_app.command("list")
def list_notifications(
    state: Annotated[NotificationState | None, typer.Option(help="Only notifications in this state.")] = None,
    alert: Annotated[
        str | None, typer.Option(metavar="ALERT", help=f"Only those of this alert's incident. {SELECTOR_HELP}")
    ] = None,
    recipient: Annotated[str | None, typer.Option(metavar="NAME", help="Only those to this recipient.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    as_json: Json = False,
) -> None:
    """List notifications with their attempts, newest first."""
    with opened() as healthmgr:
        page = healthmgr.reading.notifications(
            state=state.value if state else None,
            alert_id=choose_alerts(healthmgr, alert)[0].id if alert else None,
            recipient=recipient,
            cursor=cursor,
            limit=limit,
        )
        now = healthmgr.clock.now()
    if as_json:
        print_json(page)
        return
    if not page.items:
        print_lines("No notification fits." if state or alert or recipient else "Nobody was told of anything yet.")
        return
    print_notification_table(page.items, now)
    print_page_end(page.next_cursor, len(page.items), "notifications")
