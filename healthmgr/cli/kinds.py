"""`healthmgr kinds`: the check types, channels and steps that are installed, and what each can be told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
import yaml

from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_heading, print_json, print_lines, print_table
from healthmgr.registry import Registry
from healthmgr.views_kinds import KindView, kind_views, kinds_named

Name = Annotated[str | None, typer.Argument(metavar="[KIND]", help="Show the fields of this kind's `config`.")]


def kinds(kind: Name = None, as_json: Json = False) -> None:
    """List the kinds of checks, channels and steps that are installed; with a KIND, what its `config` takes.

    Exit codes: 0 shown, 1 there is no such kind.
    """
    registry = Registry.load()
    found = kind_views(registry) if kind is None else kinds_named(kind, registry)
    if as_json:
        print_json({"items": [view.model_dump(mode="json") for view in found]})
    elif kind is None:
        columns = (Column("kind"), Column("for"), Column("about", is_flexible=True))
        print_table(columns, ((view.kind, view.is_for, view.about) for view in found))
    else:
        for view in found:
            _print_fields(view)


def _print_fields(view: KindView) -> None:
    print_lines(f"{view.is_for} {view.kind}: {view.about}")
    print_heading("config")
    columns = (Column("field"), Column("type"), Column("default"), Column("about", is_flexible=True))
    rows = ((f.name, f.type, "required" if f.is_required else f.default, f.about) for f in view.fields)
    print_table(columns, rows)
    examples = [(field.name, line) for field in view.fields for line in _example_lines(field.examples)]
    if examples:
        print_heading("examples")
        print_table((Column("field"), Column("example", is_flexible=True)), examples)


def _example_lines(examples: list[Any]) -> Iterator[str]:
    """Examples as they are written in YAML: the items of a list one by one."""
    for example in examples:
        for item in example if isinstance(example, list) else [example]:
            text = yaml.safe_dump(item, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True)
            yield text.split("\n")[0]
