"""What commands print: one JSON document for programs, plain tables and facts for people."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_jsonable_python
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from healthmgr.domain.phrasing import absolute, lasted, relative, took

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_GAP = 2  # empty columns between two columns
_LEAST_FLEXIBLE = 20
_WIDE = 4096  # into a pipe every row stays one whole line, for grep and awk

STYLES: Mapping[str, str] = {
    "healthy": "green", "ok": "green", "sent": "green", "resolved": "green", "accepted": "green", "well": "green",
    "degraded": "yellow", "warning": "yellow", "pending": "yellow", "sending": "yellow", "acknowledged": "yellow",
    "retry": "yellow", "snoozed": "yellow", "medium": "yellow", "high": "red", "unwell": "bold red",
    "unhealthy": "bold red", "failed": "bold red", "firing": "bold red", "critical": "bold red", "refused": "bold red",
    "unknown": "magenta", "suppressed": "dim", "superseded": "dim", "paused": "dim", "skipped": "dim", "low": "cyan",
}  # fmt: skip


def clean(text: str) -> str:
    """The text on one line, without control characters: what a target answered must not steer a terminal."""
    return _CONTROL.sub(" ", text).strip()


def styled(word: str, shown: str = "") -> Text:
    """A word in the colour of what it says; `shown` is printed instead of it where given."""
    return Text(clean(shown or word), STYLES.get(word, ""))


def print_json(document: Any) -> None:
    """One JSON document on stdout: views, pages, dictionaries and lists of them."""
    ascii_only = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(to_jsonable_python(document), indent=2, ensure_ascii=ascii_only) + "\n")


def print_lines(*lines: str | Text) -> None:
    """Lines for people, wrapped to the terminal."""
    for line in lines:
        _print(line if isinstance(line, Text) else Text(_CONTROL.sub(" ", line)))


def print_tree(tree: Tree) -> None:
    """A tree, its branches drawn."""
    _print(tree)


def print_verbatim(text: str) -> None:
    """A text to be copied: never wrapped."""
    sys.stdout.write(clean(text) + "\n")


def print_picture(lines: Iterable[str]) -> None:
    """Lines of a picture: each as it is, its blanks kept."""
    for line in lines:
        sys.stdout.write(_CONTROL.sub(" ", line).rstrip() + "\n")


def print_heading(text: str) -> None:
    """A heading with an empty line before it."""
    _print(Text("\n" + clean(text), "bold"))


def print_note(text: str) -> None:
    """A remark on stderr: it is no part of the data."""
    sys.stderr.write(clean(text) + "\n")


def print_page_end(next_cursor: str | None, shown: int, what: str) -> None:
    """Say on stderr that there is more, and how to read on."""
    if next_cursor:
        print_note(f"{shown} {what} shown, there are more: add --cursor {next_cursor}")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. The flexible one takes the room that is left; its text is wrapped or else cut with "…".

    The others keep their natural width up to `max_width`, beyond which they are folded, never cut.
    """

    title: str
    is_flexible: bool = False
    is_wrapped: bool = False
    is_number: bool = False
    max_width: int | None = None


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str | Text]]) -> None:
    """A table without lines: fits a terminal of 80 columns; one row is one line in a pipe."""
    cells = [[cell if isinstance(cell, Text) else Text(clean(cell)) for cell in row] for row in rows]
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    for column, width in zip(columns, _widths(columns, cells, _console().width), strict=True):
        is_cut = column.is_flexible and not column.is_wrapped
        table.add_column(
            column.title.upper(),
            justify="right" if column.is_number else "left",
            no_wrap=is_cut,
            overflow="ellipsis" if is_cut else "fold",
            width=width,
        )
    for row in cells:
        table.add_row(*row)
    _print(table)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Text]], room: int) -> list[int]:
    """Each column's width: natural where all fits; else capped ones first, and the widest others, give way."""
    natural = [
        max([len(column.title), *(row[position].cell_len for row in rows)]) for position, column in enumerate(columns)
    ]
    room -= _GAP * (len(columns) - 1)
    if sum(natural) <= room:
        return natural
    widths = [
        min(width, _LEAST_FLEXIBLE if column.is_flexible else column.max_width or width)
        for width, column in zip(natural, columns, strict=True)
    ]
    while sum(widths) > room and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
    for position, column in enumerate(columns):
        if column.is_flexible:
            widths[position] += max(room - sum(widths), 0)
    return widths


def print_facts(facts: Iterable[tuple[str, str | Text]]) -> None:
    """Names and values below each other; empty values are left out."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in facts:
        text = value if isinstance(value, Text) else Text(clean(value))
        if text.plain:
            table.add_row(name, text)
    _print(table)


def ago(at: datetime | None, now: datetime) -> str:
    """A moment as people say it: "12 s ago", "in 5 min"; a dash for never."""
    return relative(at, now) if at else "-"


def duration(seconds: float | None) -> str:
    """A length such as "42 s", "1 h 04 min" or "240 ms"; a dash where there is none."""
    if seconds is None:
        return "-"
    return took(seconds) if seconds < 1 else lasted(timedelta(seconds=seconds))


def moment(at: datetime | None, now: datetime) -> str:
    """A moment in full: "2026-11-24 03:12 UTC (12 s ago)"."""
    return f"{absolute(at)} ({relative(at, now)})" if at else ""


def _console() -> Console:
    console = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = _WIDE
    return console


def _print(renderable: RenderableType) -> None:
    console = _console()
    if console.is_terminal:
        console.print(renderable)
        return
    with console.capture() as capture:
        console.print(renderable)
    for line in capture.get().splitlines():
        sys.stdout.write(line.rstrip() + "\n")
