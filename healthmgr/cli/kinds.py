"""`healthmgr kinds`: the check types, channels and steps that are installed, and what each can be told."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from healthmgr.cli.options import Json
from healthmgr.cli.printing import Column, print_heading, print_json, print_lines, print_table
from healthmgr.errors import NotFound
from healthmgr.registry import Registry
from healthmgr.views import View

Name = Annotated[str | None, typer.Argument(metavar="[KIND]", help="Show the fields of this kind's `config`.")]


class FieldView(View):
    """One field of a kind's configuration."""

    name: str
    type: str
    is_required: bool
    default: str
    about: str
    examples: list[Any]


class KindView(View):
    """A check type, a channel or a step; `about` is its first sentence."""

    kind: str
    is_for: str
    about: str
    fields: list[FieldView]


def kinds(kind: Name = None, as_json: Json = False) -> None:
    """List the kinds of checks, channels and steps that are installed; with a KIND, what its `config` takes.

    Exit codes: 0 shown, 1 there is no such kind.
    """
    registry = Registry.load()
    found = [_view("check", name, registry.check_type(name)) for name in registry.check_kinds()]
    found += [_view("channel", name, registry.channel(name)) for name in registry.channel_kinds()]
    found += [_view("step", name, registry.step_type(name)) for name in registry.step_kinds()]
    if kind is not None:
        found = [view for view in found if view.kind == kind]
        if not found:
            raise NotFound(f"There is no kind {kind!r}: `healthmgr kinds` lists those that are installed")
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


def _view(is_for: str, name: str, plugin: Any) -> KindView:
    about = (type(plugin).__doc__ or "").strip().splitlines() or [""]
    model: type[BaseModel] = plugin.Config
    fields = [_field(field, info) for field, info in model.model_fields.items()]
    return KindView(kind=name, is_for=is_for, about=about[0], fields=sorted(fields, key=lambda f: not f.is_required))


def _field(name: str, info: FieldInfo) -> FieldView:
    is_required = info.is_required()
    default = "" if is_required else info.get_default(call_default_factory=True, validated_data={})
    shown = "" if default is None or default == "" else str(default)
    return FieldView(
        name=info.alias or name,
        type=_type_name(info.annotation),
        is_required=is_required,
        default=shown if len(shown) <= _LONGEST_DEFAULT else f"{shown[:_LONGEST_DEFAULT]}…",
        about=info.description or "",
        examples=list(info.examples or ()),
    )


_LONGEST_DEFAULT = 24
_PLAIN = {
    "str": "text",
    "SecretStr": "secret",
    "int": "number",
    "float": "number",
    "bool": "yes or no",
    "dict": "mapping",
    "list": "list",
    "tuple": "list",
    "timedelta": "length",
    "Path": "path",
}


def _type_name(annotation: Any) -> str:
    """A type in words for people who write YAML."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        parts = [_type_name(part) for part in get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(parts))
    if origin is Annotated:
        return _type_name(get_args(annotation)[0])
    if origin is not None and str(origin).endswith("Literal"):
        return " | ".join(str(value) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    name = getattr(origin or annotation, "__name__", str(annotation))
    return _PLAIN.get(name, "text" if name.endswith("Str") else name.lower())
