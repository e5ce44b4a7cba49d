"""`healthmgr promises`: what healthmgr promises of itself, and whether it keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Annotated

import typer
from rich.text import Text

from healthmgr.cli.opening import opened
from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, ago, duration, print_heading, print_json, print_lines, print_table, styled
from healthmgr.domain.phrasing import absolute, lasted
from healthmgr.domain.promises import OVER, Figure, said
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, Problem


def promises(
    over: Annotated[str, typer.Option("--over", metavar="LENGTH", help="Over how long, such as 24h or 30d.")] = "",
    as_json: Json = False,
) -> None:
    """Say how it stands with what healthmgr promises: detection, telling, availability, false alerts, repairs."""
    length = _length(over)
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        report = healthmgr.promising.report(now, length)
    if as_json:
        print_json(report)
        return
    print_lines(f"Over {lasted(length)}:")
    print_lines(*promise_lines(report.figures))
    pauses = [(absolute(pause.began_at), absolute(pause.ended_at)) for pause in report.pauses]
    print_lines(*(f"healthmgr was not running from {began} to {ended}" for began, ended in pauses))
    if report.candidates:
        print_heading(f"May have been false: {report.candidate_count} (`healthmgr alerts mark ID --false WHY` says so)")
        columns = (
            Column("id"),
            Column("opened"),
            Column("check", max_width=28),
            Column("why"),
            Column("summary", is_flexible=True, is_wrapped=True),
        )
        rows = (
            (
                str(one.id)[-6:],
                ago(one.opened_at, now),
                one.check,
                "it flapped" if one.is_flapping else f"over after {duration(one.lasted_for)}",
                one.summary,
            )
            for one in report.candidates
        )
        print_table(columns, rows)


def promise_lines(figures: Sequence[Figure]) -> Iterator[Text]:
    """A line for each promise, in the colour of whether it is kept."""
    for figure in figures:
        tone = {True: "ok", False: "failed", None: "skipped"}[figure.is_kept]
        verdict = {True: "kept", False: "NOT kept", None: "-"}[figure.is_kept]
        yield Text.assemble(styled(tone, verdict), " " * (9 - len(verdict)), said(figure))


def _length(over: str) -> timedelta:
    try:
        return parse_duration(over) if over else OVER
    except (ValueError, OverflowError) as error:
        raise DefinitionError([Problem(str(error), path="--over")]) from error
