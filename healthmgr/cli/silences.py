"""`healthmgr silence`: keeping alerts quiet for a while, and seeing what that hits."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.hits import MATCHERS_HELP, DryRun, Matchers, print_hits
from healthmgr.cli.lasting import For, Until, end_of, moment_of
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json, origin, person
from healthmgr.cli.printing import Column, ago, moment, print_facts, print_json, print_lines, print_table, styled
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.silence import Draft, Silence, SilenceState, read_matchers
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.silencing import ANY_STATE
from healthmgr.views_muting import HitsView, SilenceView

silence_app = typer.Typer(
    cls=SpeakingGroup, no_args_is_help=True, help="Keep alerts quiet for a while.", epilog=EXIT_CODES
)

_DEFAULT_LENGTH = "1h"
_PIECE_OF_ID = re.compile(r"[0-9a-f-]{4,36}")
_STATE_TONES = {SilenceState.ACTIVE: "snoozed", SilenceState.PENDING: "low", SilenceState.EXPIRED: "skipped"}

Author = Annotated[
    str, typer.Option("--author", "--as", metavar="NAME", help="Whose wish it is; default: your user name.")
]
SilenceId = Annotated[
    str, typer.Argument(metavar="ID", help="A silence's id, or a unique beginning or end of it (4 or more characters).")
]


@silence_app.callback()
def silence() -> None:
    """Keep alerts quiet for a while."""


@silence_app.command("add")
def add(
    matchers: Matchers,
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why, for those who wonder about the quiet.")],
    lasts_for: For = "",
    until: Until = "",
    starts: Annotated[
        str,
        typer.Option("--starts", metavar="TIME", help="When it begins, as 2026-11-24T18:00Z or 18:00; default: now."),
    ] = "",
    author: Author = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Tell nobody of alerts that fit, for an hour if nothing else is said; what is still broken then is told then.

    They go on being watched. What was told before gets its all-clear.
    """
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        draft = _draft(matchers, lasts_for, until, starts, comment, person(author), now)
        hits = HitsView.of(healthmgr.silencing.preview(draft.matchers))
        if dry_run:
            wanted = healthmgr.silencing.try_out(draft, now)
        else:
            wanted = healthmgr.silencing.save(draft, actor=person(author), origin=origin(), now=now)
    view = SilenceView.of(wanted, now)
    if as_json:
        print_json({"silence": view, "hits": hits, "is_saved": not dry_run})
        return
    print_lines(_said(view, now, dry_run))
    if not dry_run:
        print_lines(f"Ends sooner by: healthmgr silence expire {_short(view.id)}")
    print_hits(hits)


@silence_app.command("list")
def list_silences(
    matchers: Annotated[
        list[str] | None,
        typer.Argument(metavar="MATCHER...", help="Only silences whose own matchers, as written, fit these."),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Also what is over; it is kept for five days.")] = False,
    as_json: Json = False,
) -> None:
    """List silences: what holds, the next to end first, then what is to come."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        states = ANY_STATE if show_all else (SilenceState.ACTIVE, SilenceState.PENDING)
        found = healthmgr.silencing.find(now, states=states, matchers=read_matchers(matchers or ()))
    views = [SilenceView.of(one, now) for one in found]
    if as_json:
        print_json({"items": views})
        return
    if not views:
        print_lines("No silence fits." if matchers or show_all else "Nothing is silenced.")
        return
    _print_table(views, now)


@silence_app.command("show")
def show(which: SilenceId, as_json: Json = False) -> None:
    """Show a silence, and what it keeps quiet now."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        chosen = _choose(healthmgr, which, now)
        hits = HitsView.of(healthmgr.silencing.preview(chosen.matchers))
    view = SilenceView.of(chosen, now)
    if as_json:
        print_json({"silence": view, "hits": hits})
        return
    print_facts(_facts(view, now))
    if view.state == SilenceState.ACTIVE:
        print_hits(hits)


@silence_app.command("expire")
def expire(
    which: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids, or unique beginnings or ends of them.")],
    author: Author = "",
    as_json: Json = False,
) -> None:
    """End silences now: what they held back and still fires is told."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        chosen = {one.id: one for one in (_choose(healthmgr, text, now) for text in which)}
        over = [
            healthmgr.silencing.expire(silence_id, actor=person(author), origin=origin(), now=now)
            for silence_id in chosen
        ]
    views = [SilenceView.of(one, now) for one in over]
    if as_json:
        print_json({"items": views})
        return
    for view in views:
        print_lines(f"Over: {_short(view.id)} ({', '.join(view.matchers)})")


@silence_app.command("preview")
def preview(
    matchers: Annotated[list[str], typer.Argument(metavar="MATCHER...", help=MATCHERS_HELP)], as_json: Json = False
) -> None:
    """Show what a silence with these matchers would keep quiet now; nothing is changed."""
    with opened() as healthmgr:
        hits = HitsView.of(healthmgr.silencing.preview(read_matchers(matchers)))
    if as_json:
        print_json(hits)
        return
    print_hits(hits)


def _draft(
    matchers: list[str], lasts_for: str, until: str, starts: str, comment: str, author: str, now: datetime
) -> Draft:
    starts_at = _start(starts, now)
    length = lasts_for or ("" if until else _DEFAULT_LENGTH)
    ends_at = end_of(length, until, starts_at or now) or now
    return Draft(read_matchers(matchers), ends_at, author, comment, starts_at)


def _start(text: str, now: datetime) -> datetime | None:
    try:
        return moment_of(text, now) if text else None
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="--starts")]) from error


def _choose(healthmgr: Healthmgr, which: str, now: datetime) -> Silence:
    """The silence that is meant: of several that fit, the only one that is not over."""
    wanted = which.strip().lower()
    silences = healthmgr.silencing.find(now)
    found = [one for one in silences if str(one.id).startswith(wanted) or str(one.id).endswith(wanted)]
    if not _PIECE_OF_ID.fullmatch(wanted) or not found:
        raise NotFound(f"There is no silence {which!r}: `healthmgr silence list --all` shows what is kept.")
    living = [one for one in found if one.state(now) is not SilenceState.EXPIRED]
    meant = found if len(found) == 1 else living
    if len(meant) != 1:
        names = ", ".join(str(one.id) for one in found[:5])
        raise Conflict(f"{which!r} fits {len(found)} silences: {names}. Give more of the id.")
    return meant[0]


def _said(view: SilenceView, now: datetime, dry_run: bool) -> str:
    verb = "Would be silenced" if dry_run else "Silenced"
    start = "" if view.state == SilenceState.ACTIVE else f"from {absolute(view.starts_at)} "
    return f"{verb} {start}until {moment(view.ends_at, now)}: {', '.join(view.matchers)}"


def _print_table(views: list[SilenceView], now: datetime) -> None:
    columns = (
        Column("id"),
        Column("state"),
        Column("starts"),
        Column("ends"),
        Column("by", max_width=12),
        Column("matchers", max_width=40, is_wrapped=True),
        Column("comment", is_flexible=True, is_wrapped=True),
    )
    rows: list[list[str | Text]] = [
        [
            _short(view.id),
            styled(_STATE_TONES[SilenceState(view.state)], view.state),
            ago(view.starts_at, now),
            ago(view.ends_at, now),
            view.created_by,
            ", ".join(view.matchers),
            view.comment,
        ]
        for view in views
    ]
    print_table(columns, rows)


def _facts(view: SilenceView, now: datetime) -> list[tuple[str, str | Text]]:
    return [
        ("id", str(view.id)),
        ("state", styled(_STATE_TONES[SilenceState(view.state)], view.state)),
        ("matchers", ", ".join(view.matchers)),
        ("starts", moment(view.starts_at, now)),
        ("ends", moment(view.ends_at, now)),
        ("by", view.created_by),
        ("comment", view.comment),
        ("made", moment(view.created_at, now)),
        ("changed", moment(view.updated_at, now) if view.updated_at != view.created_at else ""),
        *((name, value) for name, value in view.annotations.items()),
    ]


def _short(silence_id: UUID) -> str:
    """The end of an id: the part that differs between silences of the same minute."""
    return str(silence_id)[-8:]
