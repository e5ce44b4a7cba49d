"""What all plugins owe alike: a kind, and a configuration that is strict, described and discreet."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

HIDDEN = "hidden-hidden-hidden-hidden"
_KIND = re.compile(r"[a-z][a-z0-9_-]*")
_SECRET_WORDS = frozenset({"password", "passphrase", "secret", "token", "credentials"})


def owe(kept: bool, message: str) -> None:
    """Raises AssertionError with this message unless the promise was kept; heeded under `python -O` as well."""
    if not kept:
        raise AssertionError(message)


def assert_plugin(plugin: type, method: str, parameters: list[str]) -> None:
    """The class itself: made without arguments, with a kind, a Config, and the method with these parameters."""
    name = plugin.__qualname__
    kind = getattr(plugin, "kind", None)
    owe(isinstance(kind, str) and bool(_KIND.fullmatch(kind)), f"{name}: kind has to be a name such as 'file'")
    config = getattr(plugin, "Config", None)
    is_model = isinstance(config, type) and issubclass(config, BaseModel)
    owe(is_model, f"{name}: Config has to be a pydantic model")
    function = getattr(plugin, method, None)
    owe(callable(function), f"{name}: there is no method {method!r}")
    found = list(inspect.signature(function).parameters)[1:]  # type: ignore[arg-type]
    owe(found == parameters, f"{name}.{method}: takes ({', '.join(found)}), and has to take ({', '.join(parameters)})")
    try:
        plugin()
    except TypeError as error:
        raise AssertionError(f"{name}: it has to be made without arguments ({error})") from error


def assert_config(plugin: Any) -> None:
    """The configuration: unknown fields refused, every field described, a JSON Schema, secrets kept."""
    model: type[BaseModel] = plugin.Config
    name = f"{plugin.__qualname__}.Config"
    try:
        model.model_validate({"no_such_field": 1})
        refused = False
    except ValidationError as error:
        refused = any(each["type"] == "extra_forbidden" for each in error.errors())
    owe(refused, f"{name}: it accepts unknown fields; set model_config = ConfigDict(extra='forbid')")
    undescribed = [field for field, info in model.model_fields.items() if not info.description]
    owe(not undescribed, f"{name}: no description of {', '.join(undescribed)}; write Field(description=...)")
    schema = json.loads(json.dumps(model.model_json_schema()))
    owe(schema.get("additionalProperties") is False, f"{name}: its JSON Schema allows unknown fields")
    for field, info in _secret_fields(model):
        is_kept = not info.repr or SecretStr in (info.annotation, *get_args(info.annotation))
        owe(is_kept, f"{name}: {field} looks like a secret; make it a pydantic.SecretStr")
        _assert_not_repeated(model, name, field, info)


def assert_discreet(plugin: Any, values: Mapping[str, Any], texts: list[str]) -> None:
    """No secret of a configuration stands in its `repr` or in these texts."""
    config = plugin.Config.model_validate(dict(values))
    secrets = [secret for secret in _secrets_in(config) if len(secret) > 3]
    for text in [repr(config), str(config), *texts]:
        owe(not any(secret in text for secret in secrets), f"{plugin.__qualname__}: it tells a secret")


def _secret_fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for field, info in model.model_fields.items():
        is_text = any(part in (str, SecretStr) for part in (info.annotation, *get_args(info.annotation)))
        if is_text and _SECRET_WORDS & set(field.split("_")) and not field.endswith(("_file", "_path")):
            yield field, info


def _assert_not_repeated(model: type[BaseModel], name: str, field: str, info: FieldInfo) -> None:
    try:
        model.model_validate({info.alias or field: [HIDDEN]})
    except ValidationError as error:
        said = "repeats a wrong value, which may be a secret; set hide_input_in_errors=True in model_config"
        owe(HIDDEN not in str(error), f"{name}: its error about {field} {said}")


def _secrets_in(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _secrets_in(getattr(value, field))
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets_in(each)
