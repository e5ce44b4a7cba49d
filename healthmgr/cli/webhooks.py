"""`healthmgr webhooks`: programs that are told of events."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, Limit, origin, person
from healthmgr.cli.printing import (
    Column,
    ago,
    print_json,
    print_lines,
    print_note,
    print_table,
    print_verbatim,
    styled,
)
from healthmgr.domain.webhook import State, Webhook
from healthmgr.services.webhooks import Wish
from healthmgr.views_events import DeliveryView, WebhookView

webhooks_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="Programs that are told of events, each by a signed POST.",
    epilog=EXIT_CODES,
)

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The webhook's id, as `healthmgr webhooks list` shows it.")]
Delivery = Annotated[UUID, typer.Argument(metavar="DELIVERY", help="As `healthmgr webhooks deliveries` shows it.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="Only events of this type; may be given often.")
]
Matchers = Annotated[
    list[str] | None,
    typer.Option("--matcher", metavar="MATCHER", help="Only events whose labels fit this, such as service=shop."),
]
Description = Annotated[str, typer.Option("--description", metavar="TEXT", help="What it is for.")]


@webhooks_app.command("list")
def list_webhooks(as_json: Json = False) -> None:
    """List the webhooks, and how it goes with each."""
    with opened() as healthmgr:
        webhooks, now = healthmgr.webhooks.keeping.list(), healthmgr.clock.now()
    if as_json:
        print_json({"items": [WebhookView.of(webhook) for webhook in webhooks]})
        return
    if not webhooks:
        print_lines("There are no webhooks: `healthmgr webhooks add URL` makes one.")
        return
    columns = (Column("id"), Column("to"), Column("events"), Column("only"), Column("state"), Column("since"))
    rows = (
        (
            str(webhook.id),
            webhook.place,
            ", ".join(sorted(webhook.wanted.names)) or "all",
            ", ".join(str(matcher) for matcher in webhook.wanted.matchers),
            _state(webhook),
            ago(webhook.failing_since or webhook.created_at, now),
        )
        for webhook in webhooks
    )
    print_table(columns, rows)


@webhooks_app.command("add")
def add_webhook(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are POSTed to.")],
    types: Types = None,
    matchers: Matchers = None,
    description: Description = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Have a program told of what happens from now on; the secret that signs is printed, this once."""
    wish = Wish(url, types or (), matchers or (), description)
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        webhook, secret = healthmgr.webhooks.keeping.add(wish, actor=person(actor), origin=origin(), now=now)
    if as_json:
        print_json({"webhook": WebhookView.of(webhook).model_dump(), "secret": secret})
        return
    print_note(f"{webhook.id} is told of events. Its secret, shown this once:")
    print_verbatim(secret)


@webhooks_app.command("enable")
def enable_webhook(webhook_id: Id, actor: Actor = "", as_json: Json = False) -> None:
    """Tell it again of what happens from now on."""
    _change(webhook_id, Wish(is_enabled=True), actor, as_json)


@webhooks_app.command("disable")
def disable_webhook(webhook_id: Id, actor: Actor = "", as_json: Json = False) -> None:
    """Tell it nothing more; what waits for it is dropped."""
    _change(webhook_id, Wish(is_enabled=False), actor, as_json)


@webhooks_app.command("remove")
def remove_webhook(webhook_id: Id, actor: Actor = "", as_json: Json = False) -> None:
    """Remove it with all that it was told."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        healthmgr.webhooks.keeping.remove(webhook_id, actor=person(actor), origin=origin(), now=now)
    if as_json:
        print_json({"id": str(webhook_id)})
    else:
        print_lines(f"Removed: {webhook_id}")


@webhooks_app.command("secret")
def change_secret(webhook_id: Id, actor: Actor = "", as_json: Json = False) -> None:
    """Give it another secret; for a day the one before signs as well. It is printed, this once."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        secret = healthmgr.webhooks.keeping.change_secret(webhook_id, actor=person(actor), origin=origin(), now=now)
    if as_json:
        print_json({"id": str(webhook_id), "secret": secret})
        return
    print_note("Its new secret, shown this once:")
    print_verbatim(secret)


@webhooks_app.command("test")
def try_webhook(webhook_id: Id, actor: Actor = "", as_json: Json = False) -> None:
    """Have workers tell it an event of the type `test`."""
    with opened() as healthmgr:
        hooks, now = healthmgr.webhooks, healthmgr.clock.now()
        delivery_id = hooks.keeping.test(webhook_id, actor=person(actor), origin=origin(), now=now)
        _tell(hooks.reading.delivery(webhook_id, delivery_id), as_json)


@webhooks_app.command("redeliver")
def redeliver(webhook_id: Id, delivery_id: Delivery, actor: Actor = "", as_json: Json = False) -> None:
    """Have workers deliver something again, by the same id."""
    with opened() as healthmgr:
        hooks, now = healthmgr.webhooks, healthmgr.clock.now()
        hooks.keeping.deliver_again(webhook_id, delivery_id, actor=person(actor), origin=origin(), now=now)
        _tell(hooks.reading.delivery(webhook_id, delivery_id), as_json)


@webhooks_app.command("deliveries")
def list_deliveries(
    webhook_id: Id,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List what it was told, and what it answered."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        healthmgr.webhooks.keeping.get(webhook_id)
        found = healthmgr.webhooks.reading.deliveries(webhook_id, state=state, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found.items:
        print_lines("It was told nothing yet.")
        return
    columns = (Column("delivery"), Column("event"), Column("state"), Column("tries"), Column("answer"), Column("made"))
    rows = (
        (
            str(each.id),
            each.type,
            f"{each.state} ({each.reason})" if each.reason else each.state,
            str(len(each.tries)),
            each.tries[-1].words if each.tries else "",
            ago(each.created_at, now),
        )
        for each in found.items
    )
    print_table(columns, rows)


def _change(webhook_id: UUID, wish: Wish, actor: str, as_json: bool) -> None:
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        webhook = healthmgr.webhooks.keeping.change(webhook_id, wish, actor=person(actor), origin=origin(), now=now)
    if as_json:
        print_json(WebhookView.of(webhook))
    else:
        print_lines(Text.assemble(f"{webhook.id}: ", _state(webhook)))


def _state(webhook: Webhook) -> str | Text:
    if not webhook.is_enabled:
        return styled("paused", f"disabled ({webhook.disabled.value})")
    return styled("unhealthy", f"failing ({webhook.failures})") if webhook.failures else "enabled"


def _tell(delivery: DeliveryView, as_json: bool) -> None:
    if as_json:
        print_json(delivery)
    else:
        print_lines(f"Ordered: {delivery.id} ({delivery.type}); `healthmgr webhooks deliveries` shows what comes of it")
