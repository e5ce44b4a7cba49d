"""The check types, channels and steps that are installed, and what each can be told."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from healthmgr.errors import NotFound
from healthmgr.registry import Registry
from healthmgr.views import View

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


def kind_views(registry: Registry) -> list[KindView]:
    """Every kind that is installed: checks first, then channels, then steps."""
    found = [_view("check", name, registry.check_type(name)) for name in registry.check_kinds()]
    found += [_view("channel", name, registry.channel(name)) for name in registry.channel_kinds()]
    return found + [_view("step", name, registry.step_type(name)) for name in registry.step_kinds()]


def kinds_named(kind: str, registry: Registry) -> list[KindView]:
    """Those of this name; a check, a channel and a step may share one. Raises NotFound."""
    found = [view for view in kind_views(registry) if view.kind == kind]
    if not found:
        raise NotFound(f"There is no kind {kind!r}: `healthmgr kinds` lists those that are installed")
    return found


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
